import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import torch
from test_cli import TINY, keep_six_pieces
from test_worker import comparable

from dmm_core.cli.main import main
from dmm_core.cli.sweep_bar import SweepBar
from dmm_core.config.flags import setting_names
from dmm_core.config.schema import ModelConfig, RunConfig, TrainConfig
from dmm_core.errors import ConfigError
from dmm_core.experiments.ranking import Result, over_seeds, ranked
from dmm_core.experiments.sweep import (
    MOST_RUNS,
    combinations,
    parse_over,
    short_name,
    slots_for,
    with_threads,
)
from dmm_core.runs import runner, worker
from dmm_core.runs.status import Status, this_owner
from dmm_core.runs.store import create_run, list_runs
from dmm_core.runs.worker import execute
from dmm_core.system.device import cores, separate_stream

START = RunConfig().model_dump()

EPOCHS = 80
"""Of a training that is stopped before its end."""


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr("dmm_core.cli.sweep._LOOK_SECONDS", 0.01)


@pytest.fixture
def pieces(dmm_home):
    return keep_six_pieces()


def swept(capsys, *arguments):
    """The status and the one JSON object of a sweep of two epochs, and what it said besides."""
    tiny = [word for word in TINY if "z-dim" not in word]
    status = main(["sweep", "--train.epochs=2", "--train.threads=0", "--json", *tiny, *arguments])
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    return status, json.loads(line), said.err


def over(*texts):
    return combinations(parse_over(texts, ()), START)


def test_every_combination_is_a_configuration_and_has_a_name():
    found = over("train.seed=0,1", "model.z_dim = 10, 50 ", "train.lr=1e-3")
    assert [(one.config.train.seed, one.config.model.z_dim) for one in found] == [
        *((0, 10), (0, 50)),
        *((1, 10), (1, 50)),
    ]
    assert {one.config.train.lr for one in found} == {0.001}
    assert {one.config.model.rnn_size for one in found} == {RunConfig().model.rnn_size}
    assert found[1].settings == {"train.seed": 0, "model.z-dim": 50, "train.lr": 0.001}
    assert found[1].label() == "seed 0, z-dim 50, lr 0.001"
    assert found[1].label("first") == "first: seed 0, z-dim 50, lr 0.001"


def test_torchrun_is_for_one_run(dmm_home, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["sweep", "--over=train.seed=0,1"]) == 2
    said = capsys.readouterr()
    assert said.err == "sweep trains in one process; torchrun is for train and resume.\n"
    assert list_runs() == []


def test_short_names_name_one_setting():
    names = [short_name(name) for name in setting_names()]
    assert len(set(names)) == len(names)
    assert {"seed", "data.seed", "z-dim", "data.name"} <= set(names)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["train.seed"], "has no values: it takes SETTING=VALUE,VALUE"),
        (["train.seed="], "empty value"),
        (["train.seed=0,,1"], "empty value in '0,,1'"),
        (["seed=0"], "'seed' is not a setting; did you mean data.seed or train.seed"),
        (["model.zdim=3"], "'model.zdim' is not a setting; did you mean model.z-dim"),
        (["nonsense=3"], "'nonsense' is not a setting; train.seed and model.z-dim are"),
        (["train.seed=0", "train.seed=1"], "names train.seed twice"),
        (["train.lr=0.1"], "both as --train.lr and in --over"),
        (["train.seed=0,1,0"], "has a value twice"),
        (["model.z-dim=10,010"], "has a value twice"),
        (["model.x-to-z=true,1"], "has a value twice"),
        (["model.z-dim=0,5"], "model.z_dim is '0', but it should be greater"),
        (["model.rnn=lstm,vanilla"], "model.rnn is 'vanilla'"),
        (["train.objective=elbo,iwae"], "it needs train.samples"),
        (["train.seed=" + ",".join(map(str, range(MOST_RUNS + 1)))], "1,001 runs, and at most"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(texts, words):
    with pytest.raises(ConfigError) as caught:
        combinations(parse_over(texts, {"train.lr"}), START)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".") or "?" in str(caught.value)


def test_nothing_is_created_where_anything_is_wrong(dmm_home, capsys):
    wrong = [
        (["--over=model.z-dim=3,0"], 2),
        (["--over=train.seed=0,1", "--train.seed=4"], 2),
        (["--over=data.name=jsb-m21,mozart"], 1),
        (["--over=train.seed=0", "--preset=slow"], 2),
    ]
    for arguments, status in wrong:
        assert main(["sweep", *arguments]) == status
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
    assert list(dmm_home.iterdir()) == []


def test_how_many_train_at_once():
    plain = [RunConfig()] * 8
    tf32 = RunConfig(train=TrainConfig(precision="tf32"))

    def slots(configs=plain, asked=None, devices=("cpu",), cores=6):
        return slots_for(configs, asked=asked, devices=devices, cores=cores)

    assert slots() == 6 and slots(plain[:3]) == 3 and slots(asked=7) == 7 and slots(asked=99) == 8
    assert slots(devices=["cuda"]) == 4 and slots(devices=["cuda", "cpu"], cores=2) == 2
    assert slots(devices=["mps"]) == 1
    assert slots([tf32] * 8, devices=["cuda"]) == 4
    assert slots([*plain, tf32], devices=["cuda"]) == 1
    assert slots([*plain, tf32], asked=1, devices=["cuda"]) == 1
    with pytest.raises(ConfigError, match=r"--at-once is 2, but train\.precision is tf32 for some"):
        slots([*plain, tf32], asked=2, devices=["cuda"])


def test_only_threads_that_were_left_open_are_set():
    assert with_threads(RunConfig(), 3).train.threads == 3
    assert with_threads(RunConfig(), 1000).train.threads == 256
    one = RunConfig(train=TrainConfig(threads=1))
    assert with_threads(one, 3) == one
    assert with_threads(RunConfig(), 3).model == RunConfig().model


def result(run, bound, state="finished", **settings):
    return Result(run, settings, state, "", bound, None if bound is None else 1)


def test_finished_runs_are_ranked_before_others_by_their_bound():
    results = [
        result("diverged", 1.0, "failed"),
        result("second", 3.0),
        result("never", None, "failed"),
        result("first", 2.0),
        result("unfinished", 0.5, "cancelled"),
    ]
    assert [one.run for one in ranked(results)] == [
        *("first", "second", "unfinished", "diverged", "never"),
    ]


def test_configurations_over_their_seeds():
    bounds = {(10, 0): 3.0, (10, 1): 4.0, (10, 2): 6.5, (50, 0): 2.0, (50, 1): 9.0}
    results = [
        result("run", b, "failed" if b == 9.0 else "finished", **{"z": z, "train.seed": seed})
        for (z, seed), b in bounds.items()
    ]
    best, other = over_seeds(results)
    assert best == ({"z": 50}, 1, 2.0, None)
    assert (other.settings, other.runs) == ({"z": 10}, 3)
    assert other.mean == pytest.approx(4.5)
    assert other.deviation == pytest.approx(statistics.stdev([3.0, 4.0, 6.5]))
    assert over_seeds([result("run", 1.0, **{"train.seed": 0})]) == []
    assert over_seeds([result("run", 1.0, z=3)]) == []


def test_a_sweep_is_ranked_runs_that_are_each_what_they_would_be_alone(pieces, capsys):
    arguments = [f"--data.name={pieces}", "--over=train.seed=0,1", "--over=model.z-dim=2,3"]
    status, found, said = swept(capsys, *arguments, "--at-once=2", "--name=first")
    rows = found["sweep"]
    bounds = [row["best_valid_bound"] for row in rows]
    assert status == 0 and said == "" and set(found) == {"sweep", "best"}
    assert bounds == sorted(bounds) and found["best"] == rows[0]["run"]
    assert all(
        set(row) == {"run", "settings", "state", "best_valid_bound", "best_epoch"} for row in rows
    )
    runs = {run.id: run for run in list_runs()}
    assert set(runs) == {row["run"] for row in rows} and len(rows) == 4
    for row in rows:
        run, seed, z_dim = runs[row["run"]], *row["settings"].values()
        config = run.config()
        assert run.name() == f"first: seed {seed}, z-dim {z_dim}"
        assert (config.train.seed, config.model.z_dim) == (seed, z_dim)
        assert config.train.threads == max(1, cores() // 2)
        alone = create_run(config)
        assert execute(alone) == "finished"
        assert comparable(alone) == comparable(run)


def test_the_same_command_trains_nothing_again(pieces, capsys):
    arguments = [f"--data.name={pieces}", "--over=train.seed=0,1"]
    _, first, _ = swept(capsys, *arguments, "--at-once=1")
    logs = {run.id: run.log() for run in list_runs()}
    for more in (["--at-once=2"], ["--at-once=1"], []):
        assert swept(capsys, *arguments, *more)[:2] == (0, first)
    assert {run.id: run.log() for run in list_runs()} == logs
    assert {run.config().train.threads for run in list_runs()} == {cores()}
    _, wider, _ = swept(capsys, f"--data.name={pieces}", "--over=train.seed=2,1,0")
    assert len(wider["sweep"]) == len(list_runs()) == 3
    swept(capsys, *arguments, "--name=other")
    assert len(list_runs()) == 5


def test_a_sweep_for_a_person(pieces, capsys):
    arguments = ["sweep", f"--data.name={pieces}", "--train.epochs=2", *TINY]
    assert main([*arguments, "--over=train.seed=0,1", "--over=train.lr=0.01,0.001"]) == 0
    said = capsys.readouterr()
    header, *rows = said.out.partition("\n\n")[0].splitlines()
    assert header.split() == ["run", "state", "epoch", "valid", "bound", "seed", "lr"]
    assert len(rows) == 4 and all(row.split()[1:3] == ["finished", "2"] for row in rows)
    best = rows[0].split()[0]
    seeds = said.out.partition("Over the seeds:\n")[2].splitlines()
    assert seeds[0].split() == ["lr", "runs", "mean", "deviation"]
    assert {row.split()[0] for row in seeds[1:3]} == {"0.01", "0.001"}
    assert said.out.endswith(f": python -m dmm_core evaluate {best} --split test\n")
    assert f"4 runs, {min(4, cores())} at a time.\n" in said.err and "8/8" in said.err
    assert main([*arguments, "--over=train.seed=0"]) == 0
    said = capsys.readouterr()
    assert "Over the seeds" not in said.out and "1 run, 1 at a time" in said.err


def test_a_run_that_fails_leaves_the_others(pieces, capsys):
    status, found, said = swept(capsys, f"--over=data.name=upload:0123456789abcdef,{pieces}")
    good, bad = found["sweep"]
    assert status == 1 and found["best"] == good["run"]
    assert good["settings"] == {"data.name": pieces}
    assert (bad["state"], bad["best_valid_bound"]) == ("failed", None)
    assert bad["reason"] == "The upload 0123456789abcdef was not found."
    assert said == f"The run {bad['run']} ended failed: {bad['reason']}\n"
    status, found, _ = swept(capsys, "--over=data.name=upload:0123456789abcdef")
    assert status == 1 and found["best"] is None


def test_a_run_whose_folder_cannot_be_written_ends_the_sweep(pieces, capsys, monkeypatch, caplog):
    def refuse(run, **options):
        raise OSError("the disk is gone")

    monkeypatch.setattr(runner, "execute", refuse)
    status, found, said = swept(capsys, f"--data.name={pieces}", "--over=train.seed=0,1")
    assert status == 1 and found["best"] is None
    assert [row["state"] for row in found["sweep"]] == ["queued"] * 2
    assert said.count("ended queued: its folder could not be written.\n") == 2


def test_what_another_process_trains_is_waited_for(dmm_home):
    run = create_run(RunConfig())
    bar = SweepBar({run: 3}, 1, quiet=True)
    bar.look()
    assert not bar.others()
    owner = this_owner().model_copy(update={"host": "elsewhere"})
    status = Status(state="running", owner=owner, heartbeat=time.time())
    (run.folder / "status.json").write_text(status.model_dump_json())
    bar.look()
    assert bar.others()


def test_a_stopped_sweep_goes_on_exactly(pieces, dmm_home, capsys):
    arguments = ["sweep", f"--data.name={pieces}", "--over=train.seed=0,1,2", "--at-once=2", *TINY]
    arguments += [f"--train.epochs={EPOCHS}", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dmm_core", *arguments],
        env={**os.environ, "DMM_HOME": str(dmm_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60.0
    while sum(len(run.metrics()) > 2 for run in list_runs()) < 2:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == (
        "Stopped with 0 of 3 runs finished. The same command continues with the others.\n"
    )
    runs = sorted(list_runs(), key=lambda run: run.config().train.seed)
    assert [run.state() for run in runs] == ["interrupted"] * 3
    begun = [len(run.metrics()) for run in runs]
    assert all(0 < count < EPOCHS for count in begun[:2]) and begun[2] == 0
    assert main(arguments) == 0
    assert len(json.loads(capsys.readouterr().out)["sweep"]) == len(list_runs()) == 3
    assert runs[0].log().count("Trains from update 0.") == 1
    alone = create_run(runs[0].config())
    execute(alone)
    assert comparable(alone) == comparable(runs[0])


def test_a_training_is_within_its_own_stream(dmm_home, pieces, monkeypatch):
    within = []

    @contextmanager
    def recorded(device):
        within.append(device)
        yield
        within.append(None)

    class Training(worker.Training):
        def __init__(self, *arguments):
            assert within == [torch.device("cpu")]
            super().__init__(*arguments)

    monkeypatch.setattr(worker, "separate_stream", recorded)
    monkeypatch.setattr(worker, "Training", Training)
    config = RunConfig.model_validate(
        {
            "data": {"name": pieces},
            "model": ModelConfig(z_dim=2, rnn_size=4),
            "train": TrainConfig(epochs=1, device="cpu"),
        }
    )
    assert execute(create_run(config)) == "finished"
    assert within == [torch.device("cpu"), None]


def test_only_a_cuda_gpu_has_streams(monkeypatch):
    with separate_stream(torch.device("cpu")) as stream:
        assert stream is None
    monkeypatch.setattr("torch.cuda.Stream", lambda device: ("new stream", device))
    monkeypatch.setattr("torch.cuda.stream", lambda stream: stream)
    assert separate_stream(torch.device("cuda", 1)) == ("new stream", torch.device("cuda", 1))
