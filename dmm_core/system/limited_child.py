"""A throw-away process that reads untrusted bytes, limited in memory and processor time.

The parent writes the bytes to the child's standard input. The child answers on its standard output
with bytes that its caller understands, or with one line that says why it refuses.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from dmm_core.errors import DMMError, UploadError

try:
    import resource
except ImportError:  # Windows has none: the time-out and the caps on size remain.
    resource = None

__all__ = ["BUSY_SECONDS", "Limits", "limit_process", "read_in_child", "serve"]


class Limits(NamedTuple):
    """What a child may use.

    Attributes:
        cpu: seconds of processor time.
        memory: bytes of address space.
    """

    cpu: int
    memory: int = 512 * 2**20

    @property
    def wall(self) -> float:
        """Seconds after which the child is killed, however little it could run.

        On a machine with much other work a child gets a fraction of a core, so this is generous.
        """
        return 12.0 * self.cpu


BUSY_SECONDS = 120.0
"""A file that has waited so long for its turn is not read."""

_REFUSAL = b"refused "
_MOST_AT_ONCE = 2
_at_once = threading.BoundedSemaphore(_MOST_AT_ONCE)
_ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_BUSY = "The server is busy, so the file was not read. Try again in a minute."
_log = logging.getLogger(__name__)


def read_in_child(module: str, arguments: Sequence[str], data: bytes, limits: Limits) -> bytes:
    """What the child process `python -m module` answers to `data`; at most two run at once.

    Args:
        module: a module whose main program calls `serve`.
        arguments: of the command line.
        data: untrusted bytes.
        limits: of the child, which has to set the same itself.

    Raises:
        UploadError: in one plain sentence, if the child refuses or hits a limit, or if the machine
            is too busy to read the file.
    """
    with _turn(), tempfile.TemporaryDirectory(prefix="dmm-upload-") as folder:
        # A process that may be taken over by a file must not know the server's keys and tokens, or
        # find the files of a home. More threads would only take address space.
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment |= {"HOME": folder, "TMPDIR": folder}
        try:
            child = subprocess.run(
                [sys.executable, "-m", module, *arguments],
                input=data,
                capture_output=True,
                timeout=limits.wall,
                cwd=_ROOT,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UploadError(_BUSY) from None
    if child.returncode:
        _log.warning("a child ended with %s: %s", child.returncode, child.stderr[-2000:])
        raise UploadError(_reason(child.returncode, child.stderr, limits))
    if child.stdout.startswith(_REFUSAL):
        raise UploadError(_refusal(child.stdout))
    return child.stdout


def serve(read: Callable[[bytes], bytes], limits: Limits) -> None:
    """The child's side: limit this process, read standard input, and answer.

    Args:
        read: bytes of a file -> the answer; raises `DMMError` to refuse.
        limits: for this process.
    """
    limit_process(limits)
    try:
        answer = read(sys.stdin.buffer.read())
    except DMMError as error:
        answer = _REFUSAL + json.dumps(str(error)).encode()
    sys.stdout.buffer.write(answer)


def limit_process(limits: Limits) -> None:
    """Limit this process's memory and processor time for good, where the system can."""
    if resource is None:
        return
    # At the soft limit a process gets SIGXCPU, which tells it apart from any other end.
    wanted = (
        (resource.RLIMIT_AS, (limits.memory, limits.memory)),
        (resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1)),
        (resource.RLIMIT_CORE, (0, 0)),
    )
    for limit, values in wanted:
        with suppress(ValueError, OSError):  # macOS refuses a limit on the address space.
            resource.setrlimit(limit, values)


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until fewer than two children run."""
    if not _at_once.acquire(timeout=BUSY_SECONDS):
        raise UploadError(_BUSY)
    try:
        yield
    finally:
        _at_once.release()


def _reason(status: int, errors: bytes, limits: Limits) -> str:
    """Why a child ended without an answer."""
    if hasattr(signal, "SIGXCPU") and status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"Reading the file takes more than {limits.cpu} s of processor time."
    if b"MemoryError" in errors or b"alloc" in errors:
        return f"Reading the file takes more than {limits.memory // 2**20} MB of memory."
    return "The file cannot be read: its reader ended without an answer."


def _refusal(answer: bytes) -> str:
    try:
        return str(json.loads(answer.removeprefix(_REFUSAL)))
    except ValueError:
        return "The file cannot be read."
