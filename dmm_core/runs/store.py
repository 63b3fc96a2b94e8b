"""All runs: `home()/runs/<id>`, created once however often a page asks, listed and found."""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dmm_core.config.schema import RunConfig
from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled
from dmm_core.runs.documents import write_document
from dmm_core.runs.lock import acquire
from dmm_core.runs.record import this_record, write_record
from dmm_core.runs.run import Run
from dmm_core.runs.status import Status
from dmm_core.system.files import home, require_disk_space

__all__ = ["RUN_ID", "add_run", "create_run", "find_run", "list_runs", "unreadable_runs"]

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
"""A run's id: when it was created (UTC) and six random digits."""

_DAY_SECONDS = 86_400.0
_RUN_BYTES = 20 * 10**6
"""Room that has to be left for a new run: most take less."""

_NOT_FOUND = "There is no such run; a run is named by its id, or a bundled model by bundled:NAME."


def create_run(
    config: RunConfig,
    *,
    name: str | None = None,
    token: str | None = None,
    lesson: str | None = None,
) -> Run:
    """Create the folder of a new run, queued by this process.

    Args:
        config: what to train.
        name: to show; by default the run is shown by its id.
        token: whoever creates with the same token gets the same run, so that a double click, or
            sixteen threads, start one.
        lesson: the lesson that it is run for; it then stands in no list of runs.

    Raises:
        StorageError: if the runs take all the room that they may; nothing is created then.
        OSError: if the disk refuses; nothing is created then.
    """
    folder = _swept_folder()
    require_disk_space(folder, _RUN_BYTES)
    run = Run(folder / (_new_id() if token is None else _claimed_id(folder, token)))
    if run.folder.is_dir():
        return run
    staged = Run(_stage(folder))
    try:
        write_record(staged.folder, this_record(config))
        if name is not None:
            staged.rename(name)
        if lesson is not None:
            write_document(staged.folder / "lesson.json", {"lesson": lesson})
        with acquire(staged.folder) as lease:
            lease.take(Status(state="queued"))
    except BaseException:
        shutil.rmtree(staged.folder, ignore_errors=True)
        raise
    _publish(staged.folder, run.folder)
    return run


def add_run(fill: Callable[[Run], None], *, wanted: str = "") -> Run:
    """A run that appears whole, when all of it is written, or not at all.

    Args:
        fill: writes the folder of the run it is given, which nobody else sees yet.
        wanted: its id, if that is one and none has it; by default, and else, a new one.
    """
    folder = _swept_folder()
    require_disk_space(folder, _RUN_BYTES)
    staged = _stage(folder)
    try:
        fill(Run(staged))
        target = folder / (wanted if RUN_ID.fullmatch(wanted) else _new_id())
        while not _takes_name(staged, target):
            target = folder / _new_id()
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return Run(target)


def list_runs(*, lessons: bool = False) -> list[Run]:
    """Every readable run, newest first; anything else in the folder is passed over.

    Args:
        lessons: list the runs of lessons, and no others.
    """
    dated = []
    for run in _runs():
        if bool(run.lesson()) != lessons:
            continue
        with suppress(RunError):
            dated.append((run.record().created, run.id, run))
    return [run for _, _, run in sorted(dated, key=lambda entry: entry[:2], reverse=True)]


def unreadable_runs() -> list[str]:
    """One sentence for each run folder that cannot be read."""
    sentences = []
    for run in _runs():
        try:
            run.record()
        except RunError as fault:
            sentences.append(str(fault))
    return sorted(sentences)


def find_run(text: str, *, allow_path: bool = False) -> Run | BundledModel:
    """The run or bundled model that `text` names.

    Args:
        text: a run's id, or bundled:NAME.
        allow_path: take the path of a run folder too; never for text out of a link.

    Raises:
        RunError: if there is none, in the same words whatever the reason.
    """
    if RUN_ID.fullmatch(text) and (_folder() / text / "config.json").is_file():
        return Run(_folder() / text)
    for bundled in list_bundled():
        if text == bundled.id:
            return bundled
    with suppress(OSError, ValueError):  # a NUL, a name too long
        if allow_path and (path := Path(text).absolute() / "config.json").is_file():
            return Run(path.parent)
    raise RunError(_NOT_FOUND)


def _folder() -> Path:
    return home().absolute() / "runs"


def _swept_folder() -> Path:
    """The folder of runs, without what a killed deletion or creation left in it."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    yesterday = time.time() - _DAY_SECONDS
    for doomed in (*folder.glob(".deleted-*"), *folder.glob(".new-*")):
        with suppress(FileNotFoundError):  # somebody else sweeps too
            if doomed.name.startswith(".deleted-") or doomed.stat().st_mtime < yesterday:
                shutil.rmtree(doomed, ignore_errors=True)
    return folder


def _runs() -> Iterator[Run]:
    folder = _folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        if RUN_ID.fullmatch(path.name) and path.is_dir():
            yield Run(path)


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _claimed_id(folder: Path, token: str) -> str:
    """The id that belongs to `token`: the first to ask draws it, everybody else reads it."""
    claim = (
        folder / ".launches" / hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()[:32]
    )
    if not claim.is_dir():
        claim.parent.mkdir(exist_ok=True)
        staged = _stage(folder)
        (staged / _new_id()).touch()
        _publish(staged, claim)
    return next(claim.iterdir()).name


def _stage(folder: Path) -> Path:
    staged = folder / f".new-{secrets.token_hex(8)}"
    staged.mkdir()
    return staged


def _takes_name(staged: Path, target: Path) -> bool:
    """Whether `staged` is called `target` now: not where something is called so already."""
    if target.exists():
        return False
    try:
        os.rename(staged, target)
    except OSError:
        if not target.exists():
            raise
        return False
    return True


def _publish(staged: Path, target: Path) -> None:
    """Let a folder appear complete, or leave the one that somebody else published first."""
    try:
        os.rename(staged, target)
    except OSError:
        shutil.rmtree(staged)
        if not target.is_dir():
            raise
