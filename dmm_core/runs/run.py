"""The run folder: `Run` reads its files, and writes the name and the notes of the user."""

import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from dmm_core import training
from dmm_core.config.schema import RunConfig
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError, RunError
from dmm_core.runs.documents import (
    is_epoch,
    is_evaluation,
    is_number,
    parse,
    plain_line,
    read_document,
    read_text,
    write_document,
)
from dmm_core.runs.lock import acquire
from dmm_core.runs.record import RunRecord, read_record
from dmm_core.runs.status import (
    ACTIVE,
    State,
    Status,
    derive_state,
    process_is_alive,
    read_status,
    this_boot,
    this_host,
)
from dmm_core.training.verdict import Verdict, verdict as judge

if TYPE_CHECKING:  # listing the runs must not import torch
    from torch import Tensor

__all__ = ["Run"]

_NOTES_CHARACTERS = 10_000
_SAMPLE = re.compile(r"epoch-[0-9]{5,9}\.mid")

_GONE = "The program that trained it is gone; it can be resumed."


@dataclass(frozen=True)
class Run:
    """The folder of a run. Nothing is cached, so every method returns the current content.

    Attributes:
        folder: the absolute path of the folder.

    Example:
        >>> from dmm_core import create_run, preset
        >>> run = create_run(preset("quick"))
        >>> run.rename("baseline", notes="z_dim 32")
        >>> run.name(), run.notes(), run.metrics()
        ('baseline', 'z_dim 32', [])
        >>> run.config() == preset("quick")
        True
    """

    folder: Path

    @property
    def id(self) -> str:
        """The id, which is the name of the folder."""
        return self.folder.name

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints."""
        return self.folder / "checkpoints"

    def record(self) -> RunRecord:
        """The configuration, the creation time and the versions, as written at creation.

        Raises:
            RunError: if config.json is missing or damaged.
        """
        return read_record(self.folder)

    def config(self) -> RunConfig:
        """The configuration.

        Raises:
            RunError: if config.json is missing or damaged.
        """
        return self.record().config

    def status(self) -> Status:
        """The current status. A queued or running run whose owner is gone is interrupted."""
        written = read_status(self.folder)
        state = derive_state(
            written,
            now=time.time(),
            host=this_host(),
            boot=this_boot(),
            is_alive=process_is_alive,
        )
        if state == written.state:
            return written
        return written.model_copy(update={"state": state, "reason": _GONE})

    def state(self) -> State:
        """The current state."""
        return self.status().state

    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary for each epoch, in order. Damaged and incomplete lines are left out."""
        lines = map(parse, self._text("metrics.jsonl").split("\n"))
        return [line for line in lines if is_epoch(line)]

    def verdict(self) -> Verdict:
        """What the metrics show, judged beside the references in health.json."""
        active = self._health().get("active_units")
        return judge(
            self.metrics(),
            self.references(),
            active=active if isinstance(active, int) else None,
            z_dim=self.config().model.z_dim,
            ended=self.state() not in ACTIVE,
        )

    def references(self) -> dict[str, float]:
        """Name -> nats per frame of simple models on the valid split; empty for older runs."""
        found = self._health().get("references")
        if not isinstance(found, dict):
            return {}
        return {str(n): v for n, v in found.items() if isinstance(v, float) and is_number(v)}

    def samples(self) -> list[Path]:
        """The MIDI files that were sampled during the training, oldest first."""
        try:
            found = (self.folder / "samples").glob("epoch-*.mid")
            return sorted(path for path in found if _SAMPLE.fullmatch(path.name) and path.is_file())
        except OSError:
            return []

    def log(self) -> str:
        """The worker's log, including tracebacks."""
        return self._text("log.txt")

    def evaluations(self) -> list[dict[str, Any]]:
        """The evaluations of the run, oldest first. Damaged entries are left out.

        Raises:
            RunError: if evaluations.json is damaged.
        """
        return [entry for entry in self._evaluations() if is_evaluation(entry)]

    def add_evaluation(self, evaluation: Mapping[str, Any]) -> None:
        """Append an evaluation. Several processes may do this at once.

        Raises:
            RunError: if evaluations.json is damaged, or the run's folder does not exist.
        """
        if not self.folder.is_dir():  # acquiring the lock would create the folder
            raise RunError(f"The run {self.id} is gone: its folder was moved or deleted.")
        with FileLock(self.folder / ".evaluations.lock", timeout=10):
            write_document(
                self.folder / "evaluations.json", [*self._evaluations(), dict(evaluation)]
            )

    def name(self) -> str:
        """The display name that a user chose, or "". It is never used as a path."""
        return plain_line(read_text(self.folder / "name.json", "name"))

    def notes(self) -> str:
        """The notes of the user, or ""."""
        return read_text(self.folder / "name.json", "notes")[:_NOTES_CHARACTERS]

    def label(self) -> str:
        """The display name, or the id if there is none."""
        return self.name() or self.id

    def lesson(self) -> str:
        """The lesson that the run belongs to, or "" if it is not part of a lesson."""
        return read_text(self.folder / "lesson.json", "lesson")

    def rename(self, name: str, notes: str | None = None) -> None:
        """Set the display name (one line of at most 100 characters) and, if given, the notes."""
        notes = self.notes() if notes is None else notes[:_NOTES_CHARACTERS]
        write_document(self.folder / "name.json", {"name": plain_line(name), "notes": notes})

    def weights(self) -> "dict[str, Tensor]":
        """The weights with the best validation bound, or the last ones if there was no validation.

        Raises:
            RunError: if there is no intact checkpoint.
        """
        loaded = training.load_checkpoint(self.checkpoints, groups=("best", "model"))
        if loaded.checkpoint is None:
            raise self._no_checkpoint(loaded.skipped)
        return loaded.checkpoint.tensors.get("best") or loaded.checkpoint.tensors["model"]

    def data(self) -> DataSpec:
        """The description of the data that the model was trained on.

        Raises:
            RunError: if there is no intact checkpoint.
        """
        loaded = training.load_checkpoint(self.checkpoints, groups=())
        if loaded.checkpoint is None:
            raise self._no_checkpoint(loaded.skipped)
        try:
            return DataSpec.from_json(loaded.checkpoint.scalars.get("data"))
        except DataError:
            raise RunError(
                f"The checkpoint of the run {self.id} does not describe its data."
            ) from None

    def request_stop(self) -> None:
        """Ask the worker to save and stop. A queued run is cancelled at once.

        The request names the current owner's token, so it cannot stop a run that is resumed later.
        It is repeated if the owner changes meanwhile.
        """
        asked = None
        while (status := self.status()).owner and status.state in ACTIVE:
            if status.owner.token == asked:
                return
            if status.state == "queued" and self._cancelled_in_queue():
                return
            asked = status.owner.token
            write_document(self.folder / "request.json", {"stop": asked})

    def stop_requested(self) -> bool:
        """Whether the current owner has been asked to stop."""
        asked = read_text(self.folder / "request.json", "stop")
        owner = self.status().owner if asked else None
        return owner is not None and owner.token == asked

    def delete(self) -> None:
        """Delete the folder and everything in it.

        Raises:
            RunError: if the run is queued or running.
        """
        if (state := self.state()) in ACTIVE:
            raise RunError(f"The run {self.id} is {state}; stop it before it is deleted.")
        with acquire(self.folder):
            pass
        # Renaming hides the run from all readers at once, however long the deletion takes.
        doomed = self.folder.with_name(f".deleted-{secrets.token_hex(8)}")
        self.folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _health(self) -> dict[str, Any]:
        try:
            return read_document(self.folder / "health.json", {})
        except RunError:
            return {}

    def _evaluations(self) -> list:
        return read_document(self.folder / "evaluations.json", [])

    def _text(self, name: str) -> str:
        """The text of a file in the folder, or "" if it cannot be read."""
        try:
            return (self.folder / name).read_text(errors="replace")
        except OSError:
            return ""

    def _cancelled_in_queue(self) -> bool:
        try:
            with acquire(self.folder, patience=0.0) as lock:
                status = self.status()
                if status.state != "queued":
                    return False
                lock.take(
                    status.model_copy(
                        update={"state": "cancelled", "reason": "Stopped before it began."}
                    )
                )
                return True
        except RunError:
            return False

    def _no_checkpoint(self, skipped: tuple[str, ...]) -> RunError:
        return RunError(" ".join((f"The run {self.id} has no checkpoint with weights.", *skipped)))
