import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fake_training import CONFIG, fresh, tiny_splits
from test_store import in_threads
from test_worker import comparable, reference

from dmm_core.errors import RunError
from dmm_core.runs import runner as module, worker
from dmm_core.runs.journal import Journal
from dmm_core.runs.lock import acquire
from dmm_core.runs.runner import Runner
from dmm_core.runs.status import Status, this_owner
from dmm_core.runs.store import create_run
from dmm_core.training.checkpoint import load_checkpoint


@pytest.fixture
def fake(monkeypatch, dmm_home):
    training = fresh("fake")
    monkeypatch.setattr(worker, "Training", training)
    monkeypatch.setattr(worker, "load_dataset", tiny_splits)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    return training


@pytest.fixture
def gate(fake, monkeypatch):
    """No training gets beyond its data before the gate is set."""
    gate = threading.Event()

    def load(config, progress):
        while not gate.is_set():
            time.sleep(0.005)
            progress(0.5, "waiting")
        return tiny_splits()

    monkeypatch.setattr(worker, "load_dataset", load)
    return gate


@pytest.fixture
def runner(fake):
    runner = Runner()
    yield runner
    runner.shutdown()


def wait(condition):
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def ended(*runs):
    wait(lambda: all(run.state() not in ("queued", "running") for run in runs))
    return [run.state() for run in runs]


def test_runs_are_executed_in_the_order_of_submission(runner, gate):
    runs = [create_run(CONFIG) for _ in range(3)]
    for run in runs:
        runner.submit(run)
    wait(lambda: runs[0].state() == "running")
    assert [run.state() for run in runs] == ["running", "queued", "queued"]
    assert [runner.position(run) for run in runs] == [None, 1, 2]
    gate.set()
    assert ended(*runs) == ["finished"] * 3
    assert [runner.position(run) for run in runs] == [None] * 3
    heartbeats = [run.status().heartbeat for run in runs]
    assert heartbeats == sorted(heartbeats)
    assert comparable(runs[2]) == reference("fake")


def test_a_double_click_starts_one(runner, gate, fake):
    runs = [create_run(CONFIG) for _ in range(2)]
    for run in runs * 3:
        runner.submit(run)
    wait(lambda: runs[0].state() == "running")
    for run in runs * 3:
        runner.submit(run)
    assert runner.position(runs[1]) == 1
    gate.set()
    ended(*runs)
    for run in runs * 3:
        runner.submit(run)
    assert [run.state() for run in runs] == ["finished"] * 2
    assert fake.made == 2


def test_a_double_click_while_the_run_begins_is_no_error(runner, fake, monkeypatch):
    begins, go_on = threading.Event(), threading.Event()

    def slow_journal(run, lease):
        begins.set()
        go_on.wait(10.0)
        return Journal(run, lease)

    monkeypatch.setattr(worker, "Journal", slow_journal)
    run = create_run(CONFIG)
    runner.submit(run)
    begins.wait(10.0)
    assert run.state() == "queued"
    runner.submit(run)
    assert runner.position(run) is None
    go_on.set()
    assert ended(run) == ["finished"]
    assert fake.made == 1


def test_a_run_that_another_process_finishes_meanwhile_is_not_queued(runner, fake, monkeypatch):
    run = create_run(CONFIG)

    def quicker(folder):
        monkeypatch.setattr(module, "acquire", acquire)
        assert worker.execute(run) == "finished"
        return acquire(folder)

    monkeypatch.setattr(module, "acquire", quicker)
    runner.submit(run)
    assert run.state() == "finished"
    assert fake.made == 1


def test_sixteen_threads_and_forty_starts_train_forty_runs(runner, fake):
    runs = set()

    def start(token):
        run = create_run(CONFIG, token=token)
        runner.submit(run)
        runs.add(run)

    for token in range(40):
        in_threads(16, start, str(token))
    assert set(ended(*runs)) == {"finished"}
    assert len(runs) == fake.made == 40
    assert all(run.log().count("Trains from") == 1 for run in runs)


def test_two_slots_train_two_runs(fake, gate):
    runner = Runner(slots=2)
    runs = [create_run(CONFIG) for _ in range(3)]
    for run in runs:
        runner.submit(run)
    wait(lambda: [run.state() for run in runs] == ["running", "running", "queued"])
    gate.set()
    assert ended(*runs) == ["finished"] * 3
    runner.shutdown()


def test_a_queued_run_is_cancelled_and_resumed(runner, gate, fake):
    first, second, third = (create_run(CONFIG) for _ in range(3))
    for run in (first, second, third):
        runner.submit(run)
    second.request_stop()
    assert second.state() == "cancelled"
    assert (runner.position(second), runner.position(third)) == (None, 1)
    runner.submit(second)
    assert (runner.position(third), runner.position(second)) == (1, 2)
    gate.set()
    assert ended(first, second, third) == ["finished"] * 3
    assert second.status().heartbeat > third.status().heartbeat
    assert fake.made == 3


def test_a_running_run_is_stopped_and_resumed(runner, fake):
    fake.pause = 0.02
    run = create_run(CONFIG)
    runner.submit(run)
    wait(lambda: run.metrics())
    run.request_stop()
    assert ended(run) == ["cancelled"]
    runner.submit(run)
    assert ended(run) == ["finished"]
    assert comparable(run) == reference("fake")


def test_stop_and_resume_at_any_moment_lose_nothing(runner, fake):
    fake.pause = 0.001
    run = create_run(CONFIG)
    for moment in range(30):
        runner.submit(run)
        time.sleep(0.002 * (moment % 7))
        run.request_stop()
        ended(run)
    runner.submit(run)
    assert ended(run) == ["finished"]
    assert comparable(run) == reference("fake")


def test_a_run_cancelled_between_the_queue_and_its_start_does_not_start(runner, fake, monkeypatch):
    execute = module.execute

    def late(run, **options):
        run.request_stop()
        return execute(run, **options)

    monkeypatch.setattr(module, "execute", late)
    run = create_run(CONFIG)
    runner.submit(run)
    assert ended(run) == ["cancelled"]
    runner.shutdown()
    assert fake.made == 0


def test_a_run_of_a_dead_server_is_interrupted_and_resumed(runner):
    run = create_run(CONFIG)
    dead = this_owner().model_copy(update={"started": 0.0})
    for state in ("queued", "running"):
        status = Status(state=state, owner=dead, heartbeat=time.time())
        (run.folder / "status.json").write_text(status.model_dump_json())
        assert run.state() == "interrupted"
    runner.submit(run)
    assert ended(run) == ["finished"]


def test_a_run_that_another_worker_has(runner, fake):
    run = create_run(CONFIG)
    with acquire(run.folder) as lease:
        with pytest.raises(RunError, match="is in use by another program or thread"):
            runner.submit(run)
        lease.take(Status(state="running"))
        runner.submit(run)
        assert runner.position(run) is None
    assert fake.made == 0


def test_a_slot_outlives_a_run_that_cannot_even_be_written(runner, monkeypatch, caplog):
    bad, good = create_run(CONFIG), create_run(CONFIG)
    execute = module.execute

    def refuse(run, **options):
        if run == bad:
            raise OSError("the disk is gone")
        return execute(run, **options)

    monkeypatch.setattr(module, "execute", refuse)
    with caplog.at_level(logging.ERROR):
        runner.submit(bad)
        runner.submit(good)
        assert ended(good) == ["finished"]
    assert f"The run {bad.id} could not be executed." in caplog.text


def test_a_run_that_is_deleted_in_the_queue_is_one_sentence(runner, gate, caplog):
    first, second = create_run(CONFIG), create_run(CONFIG)
    runner.submit(first)
    runner.submit(second)
    assert not runner.idle()
    second.folder.rename(second.folder.with_name("elsewhere"))
    gate.set()
    wait(runner.idle)
    assert caplog.messages == [
        f"The run {second.id} does not exist any more: its folder was deleted."
    ]
    assert caplog.records[0].exc_info is None and first.state() == "finished"


def test_shutdown_saves_and_leaves_the_queue(fake):
    fake.pause = 0.02
    runner = Runner()
    first, second = create_run(CONFIG), create_run(CONFIG)
    runner.submit(first)
    runner.submit(second)
    wait(lambda: first.metrics())
    runner.shutdown()
    assert [first.state(), second.state()] == ["interrupted", "queued"]
    assert load_checkpoint(first.checkpoints).checkpoint.scalars["epoch"] >= 1
    assert fake.made == 1
    with pytest.raises(RunError, match="is closing and takes no more runs"):
        runner.submit(second)
    runner.shutdown()


def test_a_program_that_ends_saves_first(dmm_home):
    run = create_run(CONFIG)
    script = Path(__file__).with_name("fake_training.py")
    subprocess.run(
        [sys.executable, script, "submit", run.folder, "0.05"],
        cwd=script.parent.parent,
        env={**os.environ, "PYTHONPATH": str(script.parent.parent)},
        check=True,
        timeout=60,
    )
    assert run.state() == "interrupted"
    assert run.status().reason == "The program that trained it was closed; it can be resumed."
    saved = load_checkpoint(run.checkpoints).checkpoint.scalars
    assert saved["update"] == run.status().progress.update
    assert saved["metrics_lines"] == len(run.metrics()) >= 1
