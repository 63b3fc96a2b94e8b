"""The files that the worker writes into a run's folder, and reads when the run is resumed."""

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dmm_core.data.spec import DataSpec
from dmm_core.errors import RunError
from dmm_core.runs.documents import read_document, write_document
from dmm_core.runs.lock import RunLock
from dmm_core.runs.run import Run
from dmm_core.runs.status import RunProgress, State, Status
from dmm_core.system.files import delete_temporaries, write_atomic
from dmm_core.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

__all__ = ["Journal"]

_BEAT_SECONDS = 1.0


class Journal:
    """The only writer of a run's folder while it holds the folder's lock.

    Every method that writes raises `RunLockLost` once another owner has taken the run, and
    `OSError` if the disk refuses.

    Args:
        run: the run.
        lock: the lock of its folder.
    """

    def __init__(self, run: Run, lock: RunLock) -> None:
        self._run = run
        self._lock = lock
        self._metrics = run.folder / "metrics.jsonl"
        self._lines = 0
        self._beaten = self._saved = time.monotonic()
        self._facts: dict[str, Any] = {}
        self._status = Status(
            state="running", reason="Loading the data.", progress=run.status().progress
        )
        # Other processes write name.json and request.json, so their temporary files must stay.
        for name in ("status.json", "metrics.jsonl", "health.json"):
            delete_temporaries(run.folder, name)
        for folder in (run.checkpoints, run.folder / "samples"):
            delete_temporaries(folder)
        lock.take(self._status)

    def log(self, text: str) -> None:
        """Append a line with the time to log.txt."""
        self._lock.check()
        with open(self._run.folder / "log.txt", "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text.rstrip()}\n")

    def say(self, reason: str) -> None:
        """Set the reason in the status. It is written at most once a second, as a heartbeat."""
        self._status = self._status.model_copy(update={"reason": reason})
        self._beat()

    def progress(self, **changes: Any) -> None:
        """Set fields of `RunProgress`. They are written at most once a second, as a heartbeat."""
        progress = self._status.progress.model_copy(update=changes)
        self._status = self._status.model_copy(update={"progress": progress})
        self._beat()

    def epoch(self, metrics: Any, learned: Mapping[str, float]) -> None:
        """Append a line to metrics.jsonl.

        Args:
            metrics: a dataclass of plain values. JSON has no infinite numbers or NaN, so they
                become null.
            learned: the learned parameters that are single numbers, by name.
        """
        self._lock.check()
        line: dict[str, Any] = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in dataclasses.asdict(metrics).items()
        }
        if learned:
            line["learned"] = dict(learned)
        with open(self._metrics, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._lines += 1

    def health(self, **values: Any) -> None:
        """Add values to health.json: `references`, name -> nats per frame; `active_units`."""
        self._lock.check()
        path = self._run.folder / "health.json"
        write_document(path, {**read_document(path, {}), **values})

    def sample(self, epoch: int, midi: bytes) -> None:
        """Save a sample that was composed after `epoch`."""
        self._lock.check()
        folder = self._run.folder / "samples"
        folder.mkdir(exist_ok=True)
        write_atomic(folder / f"epoch-{epoch:05d}.mid", midi)

    def restore(self, facts: DataSpec) -> Checkpoint | None:
        """Load the newest intact checkpoint, and cut metrics.jsonl back to its epoch.

        Args:
            facts: the description of the data, saved with every checkpoint from now on.

        Raises:
            RunError: if the checkpoint belongs to other data.
        """
        self._facts = facts.to_json()
        checkpoint, skipped = load_checkpoint(self._run.checkpoints)
        for sentence in skipped:
            self.log(sentence)
        scalars = checkpoint.scalars if checkpoint else {"update": 0, "metrics_lines": 0}
        if DataSpec.from_json(scalars.get("data", self._facts)) != facts:
            raise RunError("The data set has changed since the run began; start a new run.")
        self.log(f"Trains from update {scalars['update']}.")
        self._cut_metrics(scalars["metrics_lines"])
        progress = RunProgress.model_validate(scalars)
        self._status = Status(state="running", reason=" ".join(skipped), progress=progress)
        self._write_status()
        return checkpoint

    def seconds_since_save(self) -> float:
        """Seconds since the last checkpoint, or since the journal was opened."""
        return time.monotonic() - self._saved

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, with the description of the data and the number of metrics lines."""
        self._lock.check()
        with open(self._metrics, "ab") as file:
            os.fsync(file.fileno())
        scalars = {**checkpoint.scalars, "data": self._facts, "metrics_lines": self._lines}
        save_checkpoint(self._run.checkpoints, dataclasses.replace(checkpoint, scalars=scalars))
        self._saved = time.monotonic()

    def end(self, state: State, reason: str) -> State:
        """Write the final status, with the reason for the user."""
        with contextlib.suppress(OSError):  # on a full disk, the status is more important
            self.log(f"{state}: {reason}")
        progress = self._status.progress.model_copy(update={"seconds_left": None})
        self._lock.write_last(Status(state=state, reason=reason, progress=progress))
        return state

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= _BEAT_SECONDS:
            self._write_status()

    def _write_status(self) -> None:
        self._lock.write(self._status)
        self._beaten = time.monotonic()

    def _cut_metrics(self, lines: int) -> None:
        whole = self._metrics.read_bytes().split(b"\n")[:-1] if self._metrics.exists() else []
        kept = whole[:lines]
        self._lines = len(kept)
        write_atomic(self._metrics, b"".join(line + b"\n" for line in kept))
