"""Both ends of the pipe to the limited process in which an uploaded file is parsed."""

import json
import logging
import sys
import warnings
from dataclasses import asdict
from typing import get_args

from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.parsed import FileKind, ParsedFile, decode, encode
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.system.limited_child import Limits, read_in_child, serve

__all__ = ["LIMITS", "SCORE_LIMITS", "limits_of", "main", "parse_in_child"]

LIMITS = Limits(cpu=5)
"""Of most files."""

SCORE_LIMITS = Limits(cpu=20)
"""Of scores, which may have 100,000 notes: see docs/decisions.md."""

_SCORES = ("musicxml", "mxl", "abc")
_log = logging.getLogger(__name__)


def limits_of(kind: FileKind) -> Limits:
    """The limits of a child that reads a file of this kind."""
    return SCORE_LIMITS if kind in _SCORES else LIMITS


def parse_in_child(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile:
    """`parse_file` in a process of its own, limited in memory and time.

    Raises:
        UploadError: in one plain sentence, if the file is refused or its parsing hits a limit.
    """
    arguments = (kind, json.dumps(asdict(options)))
    answer = read_in_child(__name__, arguments, data, limits_of(kind))
    try:
        return decode(answer)
    except (ValueError, LookupError, TypeError):
        _log.warning("a child gave no proper answer: %s", answer[:200])
        raise UploadError("The file cannot be read.") from None


def main() -> None:
    """Parse standard input by the kind and the options of the arguments, and answer."""
    kind: FileKind = next(kind for kind in get_args(FileKind) if kind == sys.argv[1])
    warnings.simplefilter("ignore")  # nobody reads the warnings of a library
    options = UploadOptions(**json.loads(sys.argv[2]))
    serve(lambda data: encode(parse_file(data, kind, options)), limits_of(kind))


if __name__ == "__main__":
    main()
