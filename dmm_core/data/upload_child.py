"""Both ends of the pipe to a throw-away process in which an untrusted file is parsed.

The parent writes the file's bytes to the child's standard input. The child answers on its standard
output with a line of JSON and the arrays behind it, or with a line that says why it refuses.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, get_args

from dmm_core.data.upload_kinds import parse_file
from dmm_core.data.upload_parsed import FileKind, ParsedFile, decode, encode
from dmm_core.data.upload_report import UploadOptions
from dmm_core.errors import UploadError

try:
    import resource
except ImportError:  # Windows has none: the time-out and the caps on size remain.
    resource = None

__all__ = [
    "LIMITS",
    "MEMORY",
    "SCORE_LIMITS",
    "Limits",
    "limit_process",
    "limits_of",
    "main",
    "parse_in_child",
]

MEMORY = 512 * 2**20
"""Bytes of address space of a child."""


class Limits(NamedTuple):
    """The time a child has.

    Attributes:
        cpu: seconds of processor time.
        wall: seconds after which it is killed.
    """

    cpu: int
    wall: float


LIMITS = Limits(cpu=5, wall=6.0)
"""Of most files."""

SCORE_LIMITS = Limits(cpu=20, wall=24.0)
"""Of scores, which may have 100,000 notes: see docs/decisions.md."""

_SCORES = ("musicxml", "mxl", "abc")
_REFUSAL = b"refused "
_AT_ONCE = threading.BoundedSemaphore(2)
_ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_log = logging.getLogger(__name__)


def limits_of(kind: FileKind) -> Limits:
    """The time that a child has for a file of this kind."""
    return SCORE_LIMITS if kind in _SCORES else LIMITS


def parse_in_child(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile:
    """`parse_file` in a process of its own, limited in memory and time, two at most at once.

    Raises:
        UploadError: in one plain sentence, if the file is refused or its parsing hits a limit.
    """
    limits = limits_of(kind)
    with _AT_ONCE, tempfile.TemporaryDirectory(prefix="dmm-upload-") as folder:
        # What the server knows (keys, tokens) is no business of a process that may be taken over,
        # nor are the files of a home; more threads would only take address space.
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment |= {"HOME": folder, "TMPDIR": folder}
        command = [sys.executable, "-m", __name__, kind, json.dumps(asdict(options))]
        try:
            child = subprocess.run(
                command,
                input=data,
                capture_output=True,
                timeout=limits.wall,
                cwd=_ROOT,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UploadError(f"The file was not read within {limits.wall:.0f} seconds.") from None
    if child.returncode:
        _log.warning("an upload's child ended with %s: %s", child.returncode, child.stderr[-2000:])
        raise UploadError(
            f"The file cannot be read with {MEMORY // 2**20} MB of memory and {limits.cpu} s of "
            "processor time."
        )
    try:
        return _decode(child.stdout)
    except (ValueError, LookupError, TypeError):
        _log.warning("an upload's child gave no proper answer: %s", child.stdout[:200])
        raise UploadError("The file cannot be read.") from None


def _decode(answer: bytes) -> ParsedFile:
    if answer.startswith(_REFUSAL):
        raise UploadError(str(json.loads(answer.removeprefix(_REFUSAL))))
    return decode(answer)


def limit_process(cpu_seconds: int) -> None:
    """Limit this process's memory and processor time for good, where the system can."""
    if resource is None:
        return
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, cpu_seconds)):
        with suppress(ValueError, OSError):  # macOS refuses a limit on the address space.
            resource.setrlimit(limit, (value, value))


def main() -> None:
    """Parse standard input by the kind and the options of the arguments, and answer."""
    kind: FileKind = next(kind for kind in get_args(FileKind) if kind == sys.argv[1])
    limit_process(limits_of(kind).cpu)
    warnings.simplefilter("ignore")  # nobody reads the warnings of a library
    options = UploadOptions(**json.loads(sys.argv[2]))
    try:
        answer = encode(parse_file(sys.stdin.buffer.read(), kind, options))
    except UploadError as error:
        answer = _REFUSAL + json.dumps(str(error)).encode()
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
