"""Child processes that parse untrusted bytes under limits on memory and processor time.

The parent starts one child for each input and writes the bytes to its standard input. The child
writes its answer to its standard output: either bytes in a format that the caller defines, or one
line with the reason why it refuses the input.
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
except ImportError:  # Windows has no such module: only the time-out and the limits on size remain.
    resource = None

__all__ = ["QUEUE_TIMEOUT", "Limits", "limit_process", "read_in_child", "serve"]


class Limits(NamedTuple):
    """Limits of a child process.

    Attributes:
        cpu: processor time, in seconds.
        memory: address space, in bytes.
    """

    cpu: int
    memory: int = 512 * 2**20

    @property
    def wall(self) -> float:
        """Return the elapsed time after which the child is killed, in seconds.

        It is much larger than `cpu`, because on a busy machine a child gets only a fraction of a
        core.
        """
        return 12.0 * self.cpu


QUEUE_TIMEOUT = 120.0
"""Longest time that a file waits for a free child process, in seconds; then it is refused."""

_REFUSAL = b"refused "
_MAX_CHILDREN = 2
_child_slots = threading.BoundedSemaphore(_MAX_CHILDREN)
_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `dmm_core`: the repository, or site-packages."""

_PASSED_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_BUSY = "The server is busy, so the file was not read. Try again in a minute."
_log = logging.getLogger(__name__)


def read_in_child(module: str, arguments: Sequence[str], data: bytes, limits: Limits) -> bytes:
    """Send `data` to a child process `python -m module` and return its answer.

    At most two children run at the same time; further calls wait.

    Args:
        module: module that calls `serve` when it is run.
        arguments: command-line arguments of the child.
        data: untrusted bytes, sent to the child's standard input.
        limits: limits of the child. The child must set the same limits itself.

    Raises:
        UploadError: if the child refuses the data or reaches a limit, or if the machine is too
            busy. The message is one sentence.
    """
    with _child_slot(), tempfile.TemporaryDirectory(prefix="dmm-upload-") as folder:
        # A malicious file may take over the child. The child therefore sees neither the server's
        # keys and tokens nor the home folder. One thread suffices; more would use address space.
        environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
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
        _log.warning(
            "a child process ended with status %s: %s", child.returncode, child.stderr[-2000:]
        )
        raise UploadError(_reason(child.returncode, child.stderr, limits))
    if child.stdout.startswith(_REFUSAL):
        raise UploadError(_refusal(child.stdout))
    return child.stdout


def serve(read: Callable[[bytes], bytes], limits: Limits) -> None:
    """Run the child's part: limit this process, read standard input, and write the answer.

    Args:
        read: function that turns the bytes of a file into the answer. It raises `DMMError` to
            refuse the file.
        limits: limits of this process.
    """
    limit_process(limits)
    try:
        answer = read(sys.stdin.buffer.read())
    except DMMError as error:
        answer = _REFUSAL + json.dumps(str(error)).encode()
    sys.stdout.buffer.write(answer)


def limit_process(limits: Limits) -> None:
    """Limit this process's memory and processor time permanently, where the system supports it."""
    if resource is None:
        return
    # At the soft limit the process gets SIGXCPU, which identifies the limit as the cause.
    settings = (
        (resource.RLIMIT_AS, (limits.memory, limits.memory)),
        (resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1)),
        (resource.RLIMIT_CORE, (0, 0)),
    )
    for limit, values in settings:
        with suppress(ValueError, OSError):  # macOS refuses a limit on the address space.
            resource.setrlimit(limit, values)


@contextmanager
def _child_slot() -> Iterator[None]:
    """Wait until fewer than `_MAX_CHILDREN` children run, and count as one inside the context."""
    if not _child_slots.acquire(timeout=QUEUE_TIMEOUT):
        raise UploadError(_BUSY)
    try:
        yield
    finally:
        _child_slots.release()


def _reason(status: int, errors: bytes, limits: Limits) -> str:
    """Return the sentence that explains why a child ended without an answer."""
    if hasattr(signal, "SIGXCPU") and status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"Reading the file takes more than {limits.cpu} s of processor time."
    if b"MemoryError" in errors or b"alloc" in errors:
        return f"Reading the file takes more than {limits.memory // 2**20} MB of memory."
    return "The file cannot be read: its parser ended without an answer."


def _refusal(answer: bytes) -> str:
    """Return the reason in a child's refusal."""
    try:
        return str(json.loads(answer.removeprefix(_REFUSAL)))
    except ValueError:
        return "The file cannot be read."
