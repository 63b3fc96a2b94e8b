import json
import threading
import time

import psutil
import pytest
import torch

from dmm_core.config.presets import preset
from dmm_core.data.spec import DataSpec
from dmm_core.errors import RunError
from dmm_core.runs.lock import acquire
from dmm_core.runs.run import Run
from dmm_core.runs.status import Owner, Status, this_owner
from dmm_core.runs.store import create_run
from dmm_core.training.checkpoint import Checkpoint, save_checkpoint

FACTS = {"name": "jsb-m21", "kind": "binary", "x_dim": 88, "steps_per_quarter": 1}


@pytest.fixture
def run(dmm_home):
    return create_run(preset("classroom"), name="First try")


def put_status(run, **fields):
    (run.folder / "status.json").write_text(Status(**fields).model_dump_json())


def test_config_is_what_was_given(run):
    assert run.config() == preset("classroom")
    assert abs(run.record().created.timestamp() - time.time()) < 60
    assert run.record().versions.keys() == {"dmm", "python", "torch"}


def test_a_setting_that_was_removed_is_ignored_in_an_old_run(run):
    config = json.loads((run.folder / "config.json").read_text())
    config["config"]["train"]["kernels"] = True
    (run.folder / "config.json").write_text(json.dumps(config))
    assert run.config() == preset("classroom")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"config": {"model": {"z_dim": 0}}}', '{"config": 3}', "\x00"]
)
def test_a_damaged_config_is_one_sentence(run, content):
    (run.folder / "config.json").write_text(content)
    with pytest.raises(RunError, match=f"^The (run|config.json of the run) .*{run.id}.*"):
        run.config()


def test_metrics_leave_out_what_is_torn(run):
    assert run.metrics() == []
    lines = [{"epoch": n, "update": n, "seconds": 0.5, "train_bound": 7.5} for n in (1, 2)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for tail in ("", "{", '{"epoch": 3, "tr', "3", "\x00\x00", "{}\n"[:0]):
        (run.folder / "metrics.jsonl").write_text(text + tail)
        assert run.metrics() == lines


def test_a_name_is_one_printable_line(run):
    assert (run.name(), run.label()) == ("First try", "First try")
    run.rename("", notes="x" * 20_000)
    assert run.label() == run.id
    assert len(run.notes()) == 10_000
    run.rename("a\tb\n c\x00\u202e\ud800d " + "é" * 5000)
    assert run.name() == "a b cd " + "é" * 93
    assert len(run.notes()) == 10_000
    run.rename("<script>alert(1)</script>")
    assert run.name() == "<script>alert(1)</script>"


@pytest.mark.parametrize("content", ["", "[]", '{"name": 3}', "{"])
def test_a_damaged_name_falls_back_to_the_id(run, content):
    (run.folder / "name.json").write_text(content)
    assert run.label() == run.id
    run.rename("again")
    assert run.label() == "again"


def test_evaluations_of_many_threads_are_all_kept(run):
    assert run.evaluations() == []
    threads = [
        threading.Thread(target=run.add_evaluation, args=({"split": "test", "n": n},))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found["n"] for found in run.evaluations()) == list(range(12))


def test_damaged_evaluations_are_not_overwritten(run):
    (run.folder / "evaluations.json").write_text("[{]")
    with pytest.raises(RunError, match=r"evaluations\.json .* is damaged"):
        run.add_evaluation({})
    assert (run.folder / "evaluations.json").read_text() == "[{]"


def test_weights_are_the_best_or_the_last(run):
    with pytest.raises(RunError, match="has no checkpoint with weights"):
        run.weights()
    with pytest.raises(RunError, match="has no checkpoint"):
        run.data()
    groups = {"model": {"w": torch.ones(2)}, "optimiser": {"m": torch.zeros(2)}}
    save_checkpoint(run.checkpoints, Checkpoint(groups, {"update": 1, "data": FACTS}))
    assert run.weights()["w"].tolist() == [1, 1]
    groups["best"] = {"w": torch.zeros(2)}
    save_checkpoint(run.checkpoints, Checkpoint(groups, {"update": 2, "data": FACTS}))
    assert run.weights()["w"].tolist() == [0, 0]
    assert run.data() == DataSpec(**FACTS)
    next(run.checkpoints.glob("*2.best.*")).write_bytes(b"")
    assert run.weights()["w"].tolist() == [1, 1]
    for path in run.checkpoints.glob("*.model.*"):
        path.write_bytes(b"")
    with pytest.raises(RunError, match="at update 2 was skipped"):
        run.weights()


def test_samples_and_log(run):
    assert run.samples() == []
    assert run.log() == ""
    (run.folder / "samples").mkdir()
    for name in ("epoch-00010.mid", "epoch-00009.mid", "epoch-00011.mid.1234.part"):
        (run.folder / "samples" / name).touch()
    assert [path.name for path in run.samples()] == ["epoch-00009.mid", "epoch-00010.mid"]


class TestState:
    def test_a_new_run_is_queued_by_its_maker(self, run):
        assert run.state() == "queued"
        assert run.status().owner.pid == psutil.Process().pid

    def test_the_maker_dies(self, run):
        dead = this_owner().model_copy(update={"started": 0.0})
        for state in ("queued", "running"):
            put_status(run, state=state, owner=dead, heartbeat=time.time())
            assert run.state() == "interrupted"
            assert run.status().reason == "The program that trained it is gone; it can be resumed."

    def test_an_owner_on_another_host(self, run):
        elsewhere = Owner(host="elsewhere", pid=1, started=1.0, boot="", token="t")
        put_status(run, state="running", owner=elsewhere, heartbeat=time.time())
        assert run.state() == "running"
        put_status(run, state="running", owner=elsewhere, heartbeat=time.time() - 61)
        assert run.state() == "interrupted"


class TestStop:
    def test_a_queued_run_is_cancelled_at_once(self, run):
        run.request_stop()
        assert run.state() == "cancelled"
        assert run.status().reason == "Stopped before it began."
        run.request_stop()
        assert not run.stop_requested()

    def test_a_running_run_is_asked(self, run):
        with acquire(run.folder) as lock:
            lock.take(Status(state="running"))
            assert not run.stop_requested()
            run.request_stop()
            run.request_stop()
            assert run.stop_requested()
            assert run.state() == "running"

    def test_a_request_ends_with_its_owner(self, run):
        with acquire(run.folder) as lock:
            lock.take(Status(state="running"))
            run.request_stop()
        with acquire(run.folder) as lock:
            lock.take(Status(state="running"))
            assert not run.stop_requested()

    @pytest.mark.parametrize("state", ["finished", "failed", "cancelled", "interrupted"])
    def test_an_ended_run_hears_nothing(self, run, state):
        put_status(run, state=state, owner=this_owner())
        run.request_stop()
        assert run.state() == state
        assert not (run.folder / "request.json").exists()

    def test_a_request_follows_a_run_that_begins_meanwhile(self, run, monkeypatch):
        from dmm_core.runs import run as module

        write = module.write_document
        with acquire(run.folder) as lock:

            def begin_before_the_request_arrives(path, content):
                monkeypatch.setattr(module, "write_document", write)
                lock.take(Status(state="running"))
                write(path, content)

            monkeypatch.setattr(module, "write_document", begin_before_the_request_arrives)
            run.request_stop()
            assert run.stop_requested()

    @pytest.mark.parametrize("content", ["", "[]", '{"stop": true}', '{"stop": null}'])
    def test_a_damaged_request_asks_nothing(self, run, content):
        (run.folder / "request.json").write_text(content)
        assert not run.stop_requested()


class TestDelete:
    def test_an_ended_run_is_gone(self, run):
        run.request_stop()
        run.delete()
        assert not run.folder.exists()
        assert not list(run.folder.parent.glob(".deleted-*"))

    @pytest.mark.parametrize("state", ["queued", "running"])
    def test_an_active_run_is_refused(self, run, state):
        put_status(run, state=state, owner=this_owner())
        with pytest.raises(RunError, match=f"is {state}; stop it before it is deleted"):
            run.delete()
        assert run.config()

    def test_a_run_that_is_gone(self, dmm_home):
        with pytest.raises(RunError, match="does not exist any more"):
            Run(dmm_home / "runs" / "20260101-000000-abcdef").delete()
