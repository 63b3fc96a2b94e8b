import dataclasses
import errno
import functools
import gc
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import psutil
import pytest
import torch
from fake_training import CONFIG, UPDATES, fresh, tiny_splits
from test_checkpoint import files_limited_to

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import ConfigError, DataError, RunError
from dmm_core.runs import journal, worker
from dmm_core.runs.lock import acquire
from dmm_core.runs.status import Status, this_owner
from dmm_core.runs.store import create_run
from dmm_core.runs.worker import execute
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import load_checkpoint
from dmm_core.training.events import EpochEnd, Finished, Progress

EPOCHS = CONFIG.train.epochs


@pytest.fixture(autouse=True)
def no_flushing(monkeypatch):
    """Flushing is what test_checkpoint is about; a slow disk would only slow these tests."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.fixture
def fake(monkeypatch, dmm_home):
    """The worker trains with a fake, which is returned."""
    training = fresh("fake")
    monkeypatch.setattr(worker, "Training", training)
    monkeypatch.setattr(worker, "load_dataset", tiny_splits)
    return training


@pytest.fixture
def real(monkeypatch, dmm_home):
    """The worker trains tiny data, with an event after every update."""
    training = fresh("real")
    monkeypatch.setattr(worker, "Training", training)
    monkeypatch.setattr(worker, "load_dataset", tiny_splits)
    monkeypatch.setattr("dmm_core.training.loop._PROGRESS_SECONDS", 0.0)
    return training


@pytest.fixture
def run(dmm_home):
    return create_run(CONFIG)


def comparable(run):
    """Everything that an exact resumption must give again."""
    metrics = [{k: v for k, v in line.items() if k != "seconds"} for line in run.metrics()]
    checkpoint = load_checkpoint(run.checkpoints).checkpoint
    return metrics, listed(checkpoint), checkpoint.scalars


@functools.cache
def reference(kind):
    """What the training gives without a worker, in the form of `comparable`."""
    torch.set_num_threads(1)
    model = build_model(CONFIG.model, DataSpec("binary", 88), seed=CONFIG.train.seed)
    training = fresh(kind)(model, tiny_splits(), CONFIG.train)
    metrics = [
        {k: v for k, v in dataclasses.asdict(event).items() if k != "seconds"}
        for event in training.events()
        if isinstance(event, EpochEnd)
    ]
    state = training.state()
    data = tiny_splits().spec.to_json()
    return metrics, listed(state), {**state.scalars, "data": data, "metrics_lines": EPOCHS}


def listed(checkpoint):
    return {
        f"{group}.{name}": tensor.tolist()
        for group, tensors in checkpoint.tensors.items()
        for name, tensor in tensors.items()
    }


def at(kind, count, action):
    """An on_event that acts at the count-th event of a kind."""
    seen = []

    def on_event(event):
        if isinstance(event, kind):
            seen.append(event)
            if len(seen) == count:
                action()

    return on_event


class TestFolder:
    def test_a_finished_run(self, fake, run):
        events = []
        assert execute(run, on_event=events.append) == run.state() == "finished"
        assert [type(event) for event in events] == (
            ([Progress] * UPDATES + [EpochEnd]) * EPOCHS + [Finished]
        )
        assert run.metrics() == [
            dataclasses.asdict(event) for event in events if isinstance(event, EpochEnd)
        ]
        status = run.status()
        assert status.reason == "All 6 epochs are done."
        assert (status.progress.epoch, status.progress.update) == (EPOCHS, EPOCHS * UPDATES)
        assert (status.progress.fraction, status.progress.seconds_left) == (1.0, None)
        best = min(run.metrics(), key=lambda line: line["valid_bound"])
        assert status.progress.best_valid_bound == best["valid_bound"]
        assert status.progress.best_epoch == best["epoch"]
        assert run.data().to_json() == {
            "name": "tiny",
            "kind": "binary",
            "x_dim": 88,
            "steps_per_quarter": 1,
            "u_dim": 0,
            "missing": False,
        }

    def test_the_log_tells_the_story(self, fake, run):
        execute(run, on_event=at(Progress, 5, run.request_stop))
        execute(run)
        told = [line[20:] for line in run.log().splitlines()]
        begins = f"PyTorch {torch.__version__}, cpu, 1 threads."
        assert told == [
            begins,
            "Trains from update 0.",
            "cancelled: Stopped by request; it can be resumed.",
            begins,
            "Trains from update 5.",
            "finished: All 6 epochs are done.",
        ]

    def test_a_finished_run_is_left_alone(self, fake, run):
        execute(run)
        before = run.status()
        assert execute(run) == "finished"
        assert run.status() == before
        assert fake.made == 1

    def test_floats_that_json_cannot_hold_become_null(self, fake, run, monkeypatch):
        end = EpochEnd(1, 4, float("nan"), 1.0, 1.0, 1.0, 1.0, float("inf"), 0.1, 0.1, None, False)
        monkeypatch.setattr(fake, "events", lambda self: iter([end, Finished("Done.", None, None)]))
        execute(run)
        line = json.loads((run.folder / "metrics.jsonl").read_text())
        assert (line["train_bound"], line["grad_norm"], line["train_nll"]) == (None, None, 1.0)

    def test_the_status_is_written_once_a_second_at_most(self, fake, run, monkeypatch):
        written = []
        write = journal.Journal._write_status
        monkeypatch.setattr(
            journal.Journal, "_write_status", lambda self: written.append(1) or write(self)
        )
        fake.pause = 0.06
        execute(run)
        assert 2 <= len(written) <= 4

    def test_temporaries_are_swept_but_those_of_others_are_not(self, fake, run):
        run.checkpoints.mkdir()
        swept = [
            run.folder / "status.json.1234.part",
            run.folder / "metrics.jsonl.1234.part",
            run.checkpoints / "000000001.json.1234.part",
        ]
        left = run.folder / "request.json.1234.part"
        for path in (*swept, left):
            path.touch()
        execute(run)
        assert not any(path.exists() for path in swept)
        assert left.exists()


class TestResume:
    @pytest.mark.parametrize("count", [1, 3, 4, 5, 11, 23, 24])
    def test_from_any_update_is_exact(self, fake, run, count):
        assert execute(run, on_event=at(Progress, count, run.request_stop)) == "cancelled"
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    @pytest.mark.parametrize("count", [1, 2, 6])
    def test_from_the_end_of_an_epoch_is_exact(self, fake, run, count):
        assert execute(run, on_event=at(EpochEnd, count, run.request_stop)) == "cancelled"
        assert len(run.metrics()) == count
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    def test_again_and_again(self, fake, run):
        while execute(run, on_event=at(Progress, 1, run.request_stop)) == "cancelled":
            pass
        assert comparable(run) == reference("fake")

    def test_metrics_after_the_checkpoint_are_cut_off(self, fake, run):
        def crash():
            raise ValueError("injected")

        def stop_then_crash():
            execute(run, on_event=at(Progress, 7, run.request_stop))
            execute(run, on_event=at(EpochEnd, 3, crash))

        stop_then_crash()
        assert run.state() == "failed"
        assert len(run.metrics()) == 4
        with open(run.folder / "metrics.jsonl", "a") as file:
            file.write('{"epoch": 5, "torn')
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    def test_a_damaged_checkpoint_falls_back_and_says_so(self, fake, run):
        execute(run, on_event=at(Progress, 20, run.request_stop), checkpoint_seconds=0.0)
        newest = max(run.checkpoints.glob("*.json"))
        newest.write_text(newest.read_text()[:-20])
        reasons = []
        on_event = at(Progress, 1, lambda: reasons.append(run.status().reason))
        assert execute(run, on_event=on_event) == "finished"
        said = f"The checkpoint at update 20 was skipped: {newest.name} is damaged."
        assert reasons == [said]
        assert said in run.log()
        assert comparable(run) == reference("fake")

    def test_without_a_sound_checkpoint_it_begins_again(self, fake, run):
        execute(run, on_event=at(Progress, 9, run.request_stop))
        for path in run.checkpoints.glob("*.safetensors"):
            path.write_bytes(b"")
        assert execute(run) == "finished"
        assert "Trains from update 0." in run.log().splitlines()[-2]
        assert comparable(run) == reference("fake")

    def test_other_data_are_refused(self, fake, run, monkeypatch):
        execute(run, on_event=at(Progress, 9, run.request_stop))
        altered = dataclasses.replace(tiny_splits(), steps_per_quarter=4)
        monkeypatch.setattr(worker, "load_dataset", lambda *_: altered)
        assert execute(run) == "failed"
        assert run.status().reason == (
            "The data set has changed since the run began; start a new run."
        )

    def test_the_real_training_is_exact_too(self, real, run):
        for count in (2, 5, 4, 1):
            on_event = at(Progress, count, run.request_stop)
            assert execute(run, on_event=on_event) == "cancelled"
            torch.rand(3)
        assert execute(run) == "finished"
        assert comparable(run) == reference("real")
        assert "best" in load_checkpoint(run.checkpoints).checkpoint.tensors


class TestStop:
    @pytest.fixture(autouse=True)
    def within_two_seconds(self, fake, run):
        fake.pause = 0.02
        self.asked = None
        yield
        if self.asked:
            assert time.monotonic() - self.asked < 2.0

    def ask(self, run):
        self.asked = time.monotonic()
        run.request_stop()

    def cancelled(self, run, **hooks):
        assert execute(run, **hooks) == run.state() == "cancelled"
        assert run.status().reason == "Stopped by request; it can be resumed."
        worker.Training.pause = 0.0
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")
        return True

    def test_while_the_data_load(self, run, monkeypatch):
        def load(config, progress):
            for n in range(1000):
                if n == 5:
                    self.ask(run)
                progress(n / 1000, "reading")
                time.sleep(0.01)

        with monkeypatch.context() as context:
            context.setattr(worker, "load_dataset", load)
            assert execute(run) == "cancelled"
        assert execute(run) == "finished"

    @pytest.mark.parametrize("name", ["load_dataset", "build_model", "Training"])
    def test_while_preparing(self, run, monkeypatch, name):
        original = getattr(worker, name)

        def asking(*args, **kwargs):
            self.ask(run)
            return original(*args, **kwargs)

        with monkeypatch.context() as context:
            context.setattr(worker, name, asking)
            assert execute(run) == "cancelled"
        assert self.cancelled(run, on_event=at(Progress, 2, run.request_stop))

    def test_while_training(self, run):
        assert self.cancelled(run, on_event=at(Progress, 6, lambda: self.ask(run)))

    def test_at_the_end_of_an_epoch(self, run):
        assert self.cancelled(run, on_event=at(EpochEnd, 2, lambda: self.ask(run)))

    def test_while_saving(self, run, monkeypatch):
        save = journal.save_checkpoint

        def asking(*args):
            monkeypatch.setattr(journal, "save_checkpoint", save)
            save(*args)
            self.ask(run)

        monkeypatch.setattr(journal, "save_checkpoint", asking)
        assert self.cancelled(run, checkpoint_seconds=0.1)

    def test_at_the_very_end_it_is_finished(self, run):
        on_event = at(Finished, 1, lambda: self.ask(run))
        assert execute(run, on_event=on_event) == "finished"

    def test_from_another_thread(self, run):
        threading.Timer(0.15, self.ask, [run]).start()
        assert self.cancelled(run)

    def test_before_it_begins(self, run):
        self.ask(run)
        assert run.state() == "cancelled"

    def test_a_request_to_a_queued_run_that_nobody_could_cancel(self, run):
        token = run.status().owner.token
        (run.folder / "request.json").write_text(json.dumps({"stop": token}))
        assert execute(run) == "cancelled"
        assert worker.Training.made == 0

    def test_an_old_request_does_not_stop_a_resumed_run(self, run):
        execute(run, on_event=at(Progress, 2, run.request_stop))
        assert (run.folder / "request.json").exists()
        assert execute(run) == "finished"

    def test_ctrl_c_saves_and_cancels(self, run):
        handler = signal.getsignal(signal.SIGINT)
        assert self.cancelled(
            run, on_event=at(Progress, 6, lambda: signal.raise_signal(signal.SIGINT))
        )
        assert signal.getsignal(signal.SIGINT) is handler

    def test_a_second_ctrl_c_does_not_wait(self, run):
        def twice():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        assert execute(run, on_event=at(Progress, 6, twice)) == "cancelled"
        assert load_checkpoint(run.checkpoints).checkpoint is None

    def test_sigterm_saves_and_leaves_it_interrupted(self, run):
        terminate = at(Progress, 6, lambda: signal.raise_signal(signal.SIGTERM))
        assert execute(run, on_event=terminate) == run.state() == "interrupted"
        assert load_checkpoint(run.checkpoints).checkpoint.scalars["update"] == 6

    def test_a_closing_program_leaves_it_interrupted(self, run):
        closing = threading.Event()
        on_event = at(Progress, 6, closing.set)
        assert execute(run, on_event=on_event, closing=closing) == "interrupted"
        assert run.status().reason == "The program that trained it was closed; it can be resumed."
        assert execute(run) == "finished"


class TestFailure:
    @pytest.mark.parametrize("phase", ["load_dataset", "build_model", "Training", "events", "load"])
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (DataError("The file is not there."), "The file is not there."),
            (ConfigError("train.device is cuda."), "train.device is cuda."),
            (
                KeyError("a\nb"),
                "The run stopped with an unexpected error (KeyError: 'a\\nb'). Its log.txt has "
                "the details.",
            ),
            (MemoryError(), "There was not enough memory. A smaller batch size"),
            (
                torch.OutOfMemoryError("CUDA out of memory."),
                "There was not enough memory. A smaller",
            ),
            (OSError(errno.ENOSPC, "No space left on device"), "The disk is full; make room"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_every_phase_fails_with_a_reason(self, fake, run, monkeypatch, phase, error, reason):
        def fail(*args, **kwargs):
            raise error

        execute(run, on_event=at(Progress, 5, run.request_stop))
        with monkeypatch.context() as context:
            if phase in ("events", "load"):
                context.setattr(fake, {"load": "load_state"}.get(phase, phase), fail)
            else:
                context.setattr(worker, phase, fail)
            assert execute(run) == run.state() == "failed"
        assert run.status().reason.startswith(reason)
        assert "Traceback" in run.log()
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    def test_the_memory_of_the_cpu(self, fake, run, monkeypatch):
        monkeypatch.setattr(worker, "build_model", lambda *_, **__: torch.empty(2**50))
        assert execute(run) == "failed"
        assert run.status().reason.startswith("There was not enough memory. A smaller batch size")

    def test_a_failed_run_gives_its_memory_back(self, fake, run):
        models = []

        class Watched(fake):
            def events(self):
                models.append(weakref.ref(self.model))
                yield from []
                raise torch.OutOfMemoryError("CUDA out of memory.")

        worker.Training = Watched
        gc.disable()
        try:
            assert execute(run) == "failed"
            assert models[0]() is None
        finally:
            gc.enable()

    def test_an_error_in_the_middle_keeps_the_last_checkpoint(self, fake, run):
        def crash():
            raise RunError("Training stopped by update 10: the bound was no longer finite.")

        crashing = at(Progress, 10, crash)
        assert execute(run, on_event=crashing, checkpoint_seconds=0.0) == "failed"
        assert run.status().reason.endswith("the bound was no longer finite.")
        assert load_checkpoint(run.checkpoints).checkpoint.scalars["update"] == 9

    def test_a_damaged_config(self, fake, run):
        (run.folder / "config.json").write_text("{")
        assert execute(run) == "failed"
        assert run.status().reason.endswith("is damaged.")

    def test_a_training_that_just_ends(self, fake, run, monkeypatch):
        monkeypatch.setattr(fake, "events", lambda self: iter(()))
        assert execute(run) == "failed"
        assert run.status().reason == "The training ended without saying why."

    def test_a_run_that_is_gone(self, fake, run):
        run.request_stop()
        run.delete()
        with pytest.raises(RunError, match="does not exist any more"):
            execute(run)


class TestFullDisk:
    """Without room, a file can only be overwritten in place."""

    @pytest.mark.parametrize("allowed", range(9))
    def test_it_fails_with_its_reason_and_resumes(self, fake, run, monkeypatch, allowed):
        execute(run, on_event=at(Progress, 5, run.request_stop))
        kept = load_checkpoint(run.checkpoints).checkpoint
        replace, count = os.replace, itertools.count()

        def refuse(source, target):
            if next(count) >= allowed:
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(source, target)

        with monkeypatch.context() as context:
            context.setattr(os, "replace", refuse)
            assert execute(run, checkpoint_seconds=0.0) == run.state() == "failed"
        assert run.status().reason == (
            "The disk is full; make room and resume the run from its last checkpoint."
        )
        found, skipped = load_checkpoint(run.checkpoints)
        assert skipped == ()
        assert found.scalars["update"] == kept.scalars["update"] + max(0, allowed - 4) // 2
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    def test_a_limit_on_files(self, fake, run):
        size = (run.folder / "status.json").stat().st_size + 100
        with files_limited_to(size):
            assert execute(run, checkpoint_seconds=0.0) == run.state() == "failed"
        assert run.status().reason.startswith("The disk is full")
        assert load_checkpoint(run.checkpoints).skipped == ()
        assert execute(run) == "finished"
        assert comparable(run) == reference("fake")

    def test_a_disk_that_takes_nothing_at_all(self, fake, run):
        with files_limited_to(0), pytest.raises(OSError, match="File too large"):
            execute(run)


class TestLease:
    def test_a_second_worker_is_refused(self, fake, run):
        refused = []

        def second():
            with pytest.raises(RunError, match="is in use by another program or thread"):
                execute(run)
            refused.append(True)

        assert execute(run, on_event=at(Progress, 3, second)) == "finished"
        assert refused == [True]
        assert fake.made == 1

    def test_a_run_of_another_host_is_refused(self, fake, run):
        owner = this_owner().model_copy(update={"host": "elsewhere"})
        status = Status(state="running", owner=owner, heartbeat=time.time())
        (run.folder / "status.json").write_text(status.model_dump_json())
        with pytest.raises(RunError, match="is running on elsewhere"):
            execute(run)
        stale = status.model_copy(update={"heartbeat": time.time() - 100})
        (run.folder / "status.json").write_text(stale.model_dump_json())
        assert execute(run) == "finished"

    def test_a_run_taken_over_is_written_no_more(self, fake, run):
        theirs = this_owner().model_copy(update={"host": "elsewhere", "token": "theirs"})
        taken = Status(state="running", owner=theirs, heartbeat=time.time()).model_dump_json()
        before = {}

        def take_over():
            (run.folder / "status.json").write_text(taken)
            before.update({path: path.read_bytes() for path in self.files(run)})

        on_event = at(Progress, 10, take_over)
        assert execute(run, on_event=on_event, checkpoint_seconds=0.0) == "running"
        assert {path: path.read_bytes() for path in self.files(run)} == before
        assert (run.folder / "status.json").read_text() == taken

    @staticmethod
    def files(run):
        return [path for path in run.folder.rglob("*") if path.is_file()]

    def test_a_ticket_that_somebody_replaced_begins_nothing(self, fake, run):
        ticket = run.status().owner.token
        run.request_stop()
        assert execute(run, ticket=ticket) == "cancelled"
        assert fake.made == 0

    def test_a_status_that_is_damaged_meanwhile_is_written_anew(self, fake, run):
        def damage():
            (run.folder / "status.json").write_text("{")

        assert execute(run, on_event=at(Progress, 3, damage)) == run.state() == "finished"

    def test_a_damaged_status_can_be_resumed(self, fake, run):
        (run.folder / "status.json").write_text("\x00")
        assert run.state() == "interrupted"
        assert execute(run) == "finished"


class TestListen:
    @pytest.fixture(autouse=True)
    def often(self, monkeypatch):
        monkeypatch.setattr(worker, "SAMPLE_SECONDS", 0.0)

    def test_samples_are_kept_by_epoch(self, fake, run):
        execute(run, compose_sample=lambda model, data: b"MThd" + data.name.encode())
        names = [path.name for path in run.samples()]
        assert names == [f"epoch-0000{epoch}.mid" for epoch in range(1, EPOCHS + 1)]
        assert run.samples()[2].read_bytes() == b"MThd" + run.data().name.encode()

    def test_not_too_often(self, fake, run, monkeypatch):
        monkeypatch.setattr(worker, "SAMPLE_SECONDS", 1000.0)
        execute(run, compose_sample=lambda model, data: b"MThd")
        assert run.samples() == []

    def test_what_cannot_be_had_is_in_the_log(self, real, dmm_home):
        changes = {"graphs": True, "device": "cpu"}
        asked = create_run(
            CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update=changes)})
        )
        assert execute(asked) == "finished"
        told = [line[20:] for line in asked.log().splitlines()]
        assert told[0] == "CUDA graphs need a CUDA GPU; these updates run without graphs."
        assert comparable(asked) == reference("real")

    def test_only_piano_rolls_are_heard(self, fake, run, monkeypatch):
        x = tuple(x[:, :5] for x in tiny_splits().train)
        few = Sequences(x, tuple("abcdefgh"))
        splits = Splits("few", "binary", train=few, valid=few, test=few)
        monkeypatch.setattr(worker, "load_dataset", lambda *_: splits)
        assert execute(run, compose_sample=lambda model, data: b"MThd") == "finished"
        assert run.samples() == []

    def test_a_sample_that_fails_is_not_the_end(self, fake, run):
        def fail(model, data):
            raise ValueError("no sound")

        assert execute(run, compose_sample=fail) == "finished"
        assert "ValueError: no sound" in run.log()
        assert comparable(run) == reference("fake")


def test_a_suspended_owner_is_the_owner_and_a_killed_one_is_resumed_exactly(real, run):
    script = Path(__file__).with_name("fake_training.py")
    child = psutil.Popen(
        [sys.executable, script, "execute", run.folder, "0.05"],
        cwd=script.parent.parent,
        env={**os.environ, "PYTHONPATH": str(script.parent.parent)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while len(run.metrics()) < 2:
            time.sleep(0.01)
            assert child.poll() is None
        child.suspend()
        while child.status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        assert run.state() == "running"
        assert run.status().owner.pid == child.pid
        with pytest.raises(RunError, match="is in use by another program or thread"):
            with acquire(run.folder, patience=0.0):
                pass
        child.resume()
        while len(run.metrics()) < 3:
            time.sleep(0.01)
        child.kill()
        while child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        assert run.state() == "interrupted"
    finally:
        child.kill()
        child.wait()
    assert execute(run) == "finished"
    begun = re.findall(r"Trains from update (\d+)\.", run.log())
    assert begun[0] == "0"
    assert int(begun[1]) >= 3 * UPDATES
    assert comparable(run) == reference("real")
