"""Creating, listing and finding runs, which are the folders `home()/runs/<id>`."""

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
"""The form of a run's id: its creation time (UTC) and six random hexadecimal digits."""

_DAY_SECONDS = 86_400.0
_RUN_BYTES = 20 * 10**6
"""Disk space that has to be available for a new run; most runs need less."""

_NOT_FOUND = "There is no such run. Give the id of a run, or bundled:NAME for a bundled model."


def create_run(
    config: RunConfig,
    *,
    name: str | None = None,
    token: str | None = None,
    lesson: str | None = None,
) -> Run:
    """Create the folder of a new run; `execute` trains it.

    Args:
        config: the configuration of the run.
        name: display name; by default the id is displayed.
        token: calls with the same token return the same run, so that a double click starts only
            one.
        lesson: the lesson that the run belongs to. Runs of lessons are not listed with the others.

    Raises:
        StorageError: if the quota of runs or the disk has no space left; nothing is created.
        OSError: if a file cannot be written; nothing is created.

    Example:
        >>> from dmm_core import create_run, preset
        >>> run = create_run(preset("quick"), name="my first run")
        >>> run.state(), run.label()
        ('queued', 'my first run')
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
        with acquire(staged.folder) as lock:
            lock.take(Status(state="queued"))
    except BaseException:
        shutil.rmtree(staged.folder, ignore_errors=True)
        raise
    _publish(staged.folder, run.folder)
    return run


def add_run(fill: Callable[[Run], None], *, wanted: str = "") -> Run:
    """Create a run with given content. It appears when the content is complete, or not at all.

    Args:
        fill: writes the content of the run's folder, which is not visible yet.
        wanted: the id of the run. A new id is used if this is not a valid id or is already taken.
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
    """All readable runs, newest first.

    Args:
        lessons: True lists only the runs that belong to lessons; False lists only the others.

    Example:
        >>> from dmm_core import create_run, list_runs, preset
        >>> run = create_run(preset("quick"))
        >>> run in list_runs()
        True
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
    """Find a run or a bundled model by name.

    Args:
        text: the id of a run, or bundled:NAME.
        allow_path: whether `text` may also be the path of a run folder. Do not allow it for text
            from a link.

    Raises:
        RunError: if there is none. The message does not depend on the reason.
    """
    if RUN_ID.fullmatch(text) and (_folder() / text / "config.json").is_file():
        return Run(_folder() / text)
    for bundled in list_bundled():
        if text == bundled.id:
            return bundled
    with suppress(OSError, ValueError):  # the text has a NUL or is too long for a path
        if allow_path and (path := Path(text).absolute() / "config.json").is_file():
            return Run(path.parent)
    raise RunError(_NOT_FOUND)


def _folder() -> Path:
    return home().absolute() / "runs"


def _swept_folder() -> Path:
    """The folder of runs, after deleting what an interrupted deletion or creation left there."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    yesterday = time.time() - _DAY_SECONDS
    for doomed in (*folder.glob(".deleted-*"), *folder.glob(".new-*")):
        with suppress(FileNotFoundError):  # another process deletes them too
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
    """The id that belongs to `token`. The first call creates it, and all others read it."""
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
    """Rename `staged` to `target`; False if `target` already exists."""
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
    """Make a complete folder visible, unless another process has published it first."""
    try:
        os.rename(staged, target)
    except OSError:
        shutil.rmtree(staged)
        if not target.is_dir():
            raise
