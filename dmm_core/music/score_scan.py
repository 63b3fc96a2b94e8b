"""A first look at the bytes of a MusicXML file, before any library may build a score of it.

It refuses what would make a parser expand, fetch or hang. Source: MusicXML 4.0 (W3C, 2021).
"""

import re
from xml.parsers import expat

from dmm_core.errors import UploadError

__all__ = [
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "MAX_NOTES",
    "scan_musicxml",
]

MAX_NOTES = 25_000
"""Notes and rests of a file: what music21 reads within a child's limits, see docs/decisions.md."""

MAX_ELEMENTS = 1_000_000
"""XML elements of a file; a note has about ten."""

MAX_DEPTH = 64
"""XML elements inside one another."""

_DIGITS = 6  # of a duration and its like
_NUMBERS = frozenset({"duration", "divisions", "beats", "beat-type", "actual-notes"})


def scan_musicxml(data: bytes) -> None:
    """Check that `data` is well-formed XML, a score by parts, within the limits above.

    A genuine file names its DTD, so a DOCTYPE is allowed; declarations inside of it, which is where
    entities stand, are not. Nothing outside the file is ever fetched.

    Raises:
        UploadError: in one plain sentence, if it is not.
    """
    if not data.strip():
        raise UploadError("The file is empty.")
    scan = _XmlScan()
    parser = expat.ParserCreate()
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
            f"The MusicXML file is not well-formed in line {error.lineno:,}: "
            f"{expat.ErrorString(error.code)}."
        ) from None
    except (LookupError, ValueError):
        raise UploadError("The MusicXML file is in an encoding that is not known.") from None
    if not scan.notes:
        raise UploadError("The MusicXML file holds no notes.")


class _XmlScan:
    """Counts elements as they come."""

    def __init__(self) -> None:
        self.elements = 0
        self.notes = 0
        self.depth = 0
        self._number: str | None = None

    def doctype(self, name: str, system: str | None, public: str | None, inner: int) -> None:
        if inner:
            raise UploadError(
                "The MusicXML file has declarations inside its DOCTYPE, and those are not read."
            )

    def entity(self, *_: object) -> None:
        raise UploadError("The MusicXML file declares an entity, and entities are not read.")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.elements and name != "score-partwise":
            what = "counts by measures" if name == "score-timewise" else f"begins with {name!r:.40}"
            raise UploadError(f"The MusicXML file {what}, but it should be a score-partwise.")
        self.elements += 1
        self.depth += 1
        self.notes += name == "note"
        self._number = "" if name in _NUMBERS else None
        if self.depth > MAX_DEPTH:
            raise UploadError(f"The MusicXML file is nested deeper than {MAX_DEPTH} elements.")
        if self.elements > MAX_ELEMENTS:
            raise UploadError(f"The MusicXML file has over {MAX_ELEMENTS:,} elements.")
        if self.notes > MAX_NOTES:
            raise UploadError(f"The MusicXML file has over {MAX_NOTES:,} notes and rests.")

    def end(self, name: str) -> None:
        self.depth -= 1
        if self._number is not None:
            _check_number(self._number, name)
        self._number = None

    def text(self, text: str) -> None:
        if self._number is not None:
            self._number = (self._number + text)[:100]


def _check_number(text: str, name: str) -> None:
    number = text.strip()
    if not re.fullmatch(rf"\d{{1,{_DIGITS}}}(\.\d{{1,{_DIGITS}}})?([+]\d{{1,2}})*", number):
        raise UploadError(
            f"The MusicXML file has {number!r:.40} as a {name}, where a number from 1 to "
            f"{10**_DIGITS - 1:,} should be."
        )
    if name == "divisions" and float(number) == 0:
        raise UploadError("The MusicXML file has 0 divisions of a quarter note.")
