"""Parses an uploaded file in a limited child process: the parent's and the child's part."""

import json
import logging
import sys
import warnings
from dataclasses import asdict
from typing import get_args

from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.parsed import (
    FileKind,
    ParsedFile,
    TableError,
    decode,
    encode,
    encode_refusal,
)
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import DMMError, UploadError
from dmm_core.system.limited_child import Limits, read_in_child, serve

__all__ = ["LIMITS", "SCORE_LIMITS", "limits_for", "main", "parse_in_child"]

LIMITS = Limits(cpu=5)
"""Limits for tables, arrays and MIDI files."""

SCORE_LIMITS = Limits(cpu=20)
"""Limits for scores, which may have 100,000 notes; docs/decisions.md gives the reason."""

_SCORES = ("musicxml", "mxl", "abc")
_log = logging.getLogger(__name__)


def limits_for(kind: FileKind) -> Limits:
    """Return the limits of a child process that parses a file of this kind."""
    return SCORE_LIMITS if kind in _SCORES else LIMITS


def parse_in_child(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile:
    """Run `parse_file` in a child process with limits on memory and processor time.

    Args:
        data: content of the file.
        kind: kind of the file, as `file_kind` returns it.
        options: how the file becomes sequences.

    Raises:
        UploadError: if the file is refused or parsing reaches a limit.
    """
    arguments = (kind, json.dumps(asdict(options)))
    answer = read_in_child(__name__, arguments, data, limits_for(kind))
    try:
        return decode(answer)
    except TableError:
        raise
    except (ValueError, LookupError, TypeError, DMMError):
        _log.warning("a child process gave an invalid answer: %s", answer[:200])
        raise UploadError("The file cannot be read.") from None


def main() -> None:
    """Run the child: parse standard input; the arguments are the kind and the options as JSON."""
    kind: FileKind = next(kind for kind in get_args(FileKind) if kind == sys.argv[1])
    warnings.simplefilter("ignore")  # the parent does not show them
    options = UploadOptions(**json.loads(sys.argv[2]))

    def answer(data: bytes) -> bytes:
        try:
            return encode(parse_file(data, kind, options))
        except TableError as refusal:
            return encode_refusal(refusal)

    serve(answer, limits_for(kind))


if __name__ == "__main__":
    main()
