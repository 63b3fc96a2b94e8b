"""Checks untrusted MusicXML before it is parsed.

Files are refused if they could make a parser expand entities, access other files, or use too much
time or memory. Source: MusicXML 4.0 (W3C, 2021).
"""

import re
from collections.abc import Sequence
from xml.parsers import expat

from dmm_core.errors import UploadError

__all__ = [
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "MAX_NOTES",
    "scan_musicxml",
    "scan_xml",
]

MAX_NOTES = 100_000
"""Largest number of notes and rests of a file."""

MAX_ELEMENTS = 1_000_000
"""Largest number of XML elements of a file; a note has about ten."""

MAX_DEPTH = 64
"""Largest nesting depth of XML elements."""

_DIGITS = 6  # of a duration and of other numbers
_NUMBER = rf"\d{{1,{_DIGITS}}}(\.\d{{1,{_DIGITS}}})?"
_BEATS = r"\d{1,3}( *\+ *\d{1,3})*"
_NUMBERS = frozenset({"duration", "divisions", "beats", "beat-type"})
_ROOTS = ("score-partwise", "score-timewise")


def scan_musicxml(data: bytes) -> None:
    """Check that `data` is a well-formed MusicXML score within the limits of this module.

    Raises:
        UploadError: if it is not.
    """
    notes = scan_xml(data, "MusicXML file", _ROOTS)
    if not notes:
        raise UploadError("The MusicXML file holds no notes.")


def scan_xml(data: bytes, what: str, roots: Sequence[str] = ()) -> int:
    """Check that `data` is well-formed XML within the limits of this module, and count its notes.

    A DOCTYPE is allowed, because MusicXML files name their DTD. Declarations inside the DOCTYPE,
    where entities are declared, are not allowed. Nothing outside the file is ever accessed.

    Args:
        data: content of the file.
        what: name of the file in messages, such as "MusicXML file".
        roots: allowed names of the root element; empty allows all names.

    Raises:
        UploadError: if it is not.
    """
    if not data.strip():
        raise UploadError(f"The {what} is empty.")
    scan = _XmlScan(what, roots)
    parser = expat.ParserCreate(namespace_separator="}")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = scan.doctype
    parser.EntityDeclHandler = scan.entity
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UploadError(
            f"The {what} is not well-formed in line {error.lineno:,}: "
            f"{expat.ErrorString(error.code)}."
        ) from None
    except (LookupError, ValueError):
        raise UploadError(f"The {what} has an unknown encoding.") from None
    return scan.notes


class _XmlScan:
    """Counts elements and checks limits while expat parses."""

    def __init__(self, what: str, roots: Sequence[str]) -> None:
        self.what = what
        self.roots = roots
        self.elements = 0
        self.notes = 0
        self.depth = 0
        self._number: str | None = None

    def doctype(self, name: str, system: str | None, public: str | None, inner: int) -> None:
        if inner:
            raise UploadError(
                f"The {self.what} has declarations inside its DOCTYPE, and those are not read."
            )

    def entity(self, *_: object) -> None:
        raise UploadError(f"The {self.what} declares an entity, and entities are not read.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition("}")[2]  # without its namespace
        if not self.elements and self.roots and name not in self.roots:
            raise UploadError(
                f"The {self.what} begins with {name!r:.40}, but a score begins with "
                f"{' or '.join(self.roots)}."
            )
        self.elements += 1
        self.depth += 1
        self.notes += name == "note"
        self._number = "" if name in _NUMBERS else None
        if self.depth > MAX_DEPTH:
            raise UploadError(f"The {self.what} is nested deeper than {MAX_DEPTH} elements.")
        if self.elements > MAX_ELEMENTS:
            raise UploadError(f"The {self.what} has over {MAX_ELEMENTS:,} elements.")
        if self.notes > MAX_NOTES:
            raise UploadError(f"The {self.what} has over {MAX_NOTES:,} notes and rests.")

    def end(self, name: str) -> None:
        self.depth -= 1
        if self._number is not None:
            _check_number(self._number, name.rpartition("}")[2])
        self._number = None

    def text(self, text: str) -> None:
        if self._number is not None:
            self._number = (self._number + text)[:100]


def _check_number(text: str, name: str) -> None:
    """Check the text of an element that must hold a number."""
    number = text.strip()
    if not re.fullmatch(_BEATS if name == "beats" else _NUMBER, number):
        raise UploadError(
            f"The MusicXML file has {number!r:.40} as a {name}, where a number from 1 to "
            f"{10**_DIGITS - 1:,} should be."
        )
    if name in ("divisions", "beat-type") and float(number) == 0:
        raise UploadError(f"The MusicXML file has 0 as {name}, where a number from 1 on should be.")
