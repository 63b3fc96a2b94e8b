import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import free_port
from test_cli import TINY, keep_six_pieces
from test_training import MODEL, splits

from dmm_core.config.schema import TrainConfig
from dmm_core.runs.store import find_run
from dmm_core.system.processes import SINGLE_PROCESS, World, process_group
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import load_checkpoint
from dmm_core.training.loop import Training

ROOT = Path(__file__).resolve().parent.parent


PIPE = 4096
"""Bytes: a training waits until its lines are read, so it cannot end before it is stopped."""


def started(*arguments):
    """Start two processes as torchrun does."""
    shared = {**os.environ, "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pipesize=PIPE,
        )
        for rank in range(2)
    ]


def finish(children):
    """Wait for all processes, which must succeed."""
    try:
        outputs = [child.communicate(timeout=300) for child in children]
    finally:
        for child in children:
            child.kill()
    for child, (_, errors) in zip(children, outputs, strict=True):
        assert child.returncode == 0, errors
    return [said for said, _ in outputs]


def test_two_processes_train_what_one_does(tmp_path):
    shared = dict(epochs=3, lr=1e-2, anneal_updates=6, eval_every=2)
    configs = [
        # 11 sequences in batches of 5: the last batch has one, and a process is left without.
        TrainConfig(**shared, batch_size=5, weight_average=0.9, l2=1e-3),
        TrainConfig(**shared, batch_size=4, objective="iwae", samples=3),
    ]
    settings = [config.model_dump_json() for config in configs]
    finish(started("tests/parallel_child.py", str(tmp_path), *settings))
    for number, config in enumerate(configs):
        data = splits()
        alone = Training(build_model(MODEL, data.spec, seed=0), data, config)
        list(alone.events())
        found = load_checkpoint(tmp_path / str(number)).checkpoint
        for group, tensors in alone.state().tensors.items():
            for name, tensor in tensors.items():
                torch.testing.assert_close(found.tensors[group][name], tensor, rtol=2e-4, atol=2e-6)
        assert found.scalars["best_valid_bound"] == pytest.approx(
            alone.state().scalars["best_valid_bound"], rel=1e-5
        )


def torchrun(*arguments):
    """Start the command under torchrun itself, in two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [*command, "-m", "dmm_core", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        pipesize=PIPE,
    )


def test_the_command_trains_together_and_goes_on_after_a_stop_as_if_there_had_been_none(dmm_home):
    epochs = 60
    settings = [f"--data.name={keep_six_pieces()}", *TINY, "--model.rnn-dropout=0.2", "--json"]
    settings += [f"--train.epochs={epochs}", "--train.weight-average=0.9"]
    said, other = finish(started("-m", "dmm_core", "train", *settings))
    lines = [json.loads(line) for line in said.splitlines()]
    last = lines[-1]
    assert other == "" and last["state"] == "finished"
    assert [line["epoch"] for line in lines[1:-1]] == [*range(1, epochs + 1)]
    log = find_run(last["run"]).folder / "log.txt"
    assert "2 processes train together" in log.read_text()

    broken = torchrun("train", *settings)
    try:
        run = find_run(json.loads(broken.stdout.readline())["run"])
        lines = [json.loads(broken.stdout.readline())]  # the first epoch is done
        run.request_stop()
        lines += map(json.loads, broken.communicate(timeout=300)[0].splitlines())
    finally:
        broken.terminate()
    assert broken.returncode == 0
    assert run.state() == "cancelled" and 1 <= run.status().progress.epoch < epochs
    # Of one process only.
    assert [line["epoch"] for line in lines[:-1]] == [*range(1, run.status().progress.epoch + 1)]

    finish(started("-m", "dmm_core", "resume", run.id, "--json"))
    assert run.state() == "finished"
    assert [{**m, "seconds": 0} for m in run.metrics()] == [
        {**m, "seconds": 0} for m in find_run(last["run"]).metrics()
    ]
    found, expected = (
        load_checkpoint(find_run(name).checkpoints).checkpoint.tensors
        for name in (run.id, last["run"])
    )
    for group, tensors in expected.items():
        for name, tensor in tensors.items():
            assert torch.equal(found[group][name], tensor), (group, name)


def test_a_shard_is_a_part_and_all_shards_are_the_batch():
    lengths = np.array([3, 5, 2, 7, 1])
    for size in (2, 3, 5):
        rows = [World(rank, size).shard(lengths).rows for rank in range(size)]
        assert [i for part in rows for i in range(5)[part]] == list(range(5))
    last = World(1, 2).shard(lengths[:1])
    first = World(0, 2).shard(lengths[:1])
    assert first.idle != last.idle and first.frames == last.frames == 3


def test_without_torchrun_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group() as world:
        assert world == SINGLE_PROCESS and world.broadcast("go") == "go"
