"""Both ends of the pipe to a throw-away process in which an untrusted file is parsed.

The parent writes the file's bytes to the child's standard input. The child answers on its standard
output with one line of JSON and, where the file was read, the roll's bits, eleven bytes a frame.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from dmm_core.data.upload_midi import ParsedMidi, parse_midi
from dmm_core.data.upload_report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import PITCHES

try:
    import resource
except ImportError:  # Windows has none: the time-out and the caps on size remain.
    resource = None

__all__ = ["CPU_SECONDS", "MEMORY", "WALL_SECONDS", "limit_process", "main", "parse_in_child"]

MEMORY = 512 * 2**20
"""Bytes of address space of a child."""

CPU_SECONDS = 5
"""Seconds of processor time of a child."""

WALL_SECONDS = 6.0
"""Seconds after which a child is killed."""

_AT_ONCE = threading.BoundedSemaphore(2)
_ROOT = Path(__file__).resolve().parents[2]
_ROW_BYTES = PITCHES // 8
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_log = logging.getLogger(__name__)


def parse_in_child(data: bytes, options: UploadOptions) -> ParsedMidi:
    """`parse_midi` in a process of its own, limited in memory and time, two at most at once.

    Raises:
        UploadError: in one plain sentence, if the file is refused or its parsing hits a limit.
    """
    # What the server knows (keys, tokens) is no business of a process that may be taken over; more
    # threads would only take address space.
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", __name__, json.dumps(asdict(options))]
    with _AT_ONCE:
        try:
            child = subprocess.run(
                command,
                input=data,
                capture_output=True,
                timeout=WALL_SECONDS,
                cwd=_ROOT,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UploadError(f"The file was not read within {WALL_SECONDS:.0f} seconds.") from None
    if child.returncode:
        _log.warning("an upload's child ended with %s: %s", child.returncode, child.stderr[-2000:])
        raise UploadError(
            f"The file cannot be read with {MEMORY // 2**20} MB of memory and {CPU_SECONDS} s of "
            "processor time."
        )
    try:
        return _decode(child.stdout)
    except (ValueError, LookupError, TypeError):
        _log.warning("an upload's child gave no proper answer: %s", child.stdout[:200])
        raise UploadError("The file cannot be read.") from None


def _decode(answer: bytes) -> ParsedMidi:
    line, _, bits = answer.partition(b"\n")
    values = json.loads(line)
    if "refusal" in values:
        raise UploadError(values["refusal"])
    rows = np.frombuffer(bits, np.uint8).reshape(-1, _ROW_BYTES)
    roll = np.unpackbits(rows, axis=1).astype(bool)
    return ParsedMidi(roll, values["notes"], tuple(values["changes"]))


def limit_process() -> None:
    """Limit this process's memory and processor time for good, where the system can."""
    if resource is None:
        return
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS)):
        with suppress(ValueError, OSError):  # macOS refuses a limit on the address space.
            resource.setrlimit(limit, (value, value))


def main() -> None:
    """Parse standard input by the options of the first argument, and answer."""
    limit_process()
    options = UploadOptions(**json.loads(sys.argv[1]))
    try:
        parsed = parse_midi(sys.stdin.buffer.read(), options)
    except UploadError as error:
        answer, bits = {"refusal": str(error)}, b""
    else:
        answer = {"notes": parsed.notes, "changes": parsed.changes}
        bits = np.packbits(parsed.roll, axis=1).tobytes()
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + bits)


if __name__ == "__main__":
    main()
