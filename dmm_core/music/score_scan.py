"""A first look at the bytes of MusicXML and ABC files, before any library may read them.

It refuses what would make a parser expand, fetch or hang, and leaves out of an ABC tune what is not
heard, so that what stands behind it only meets notes. Sources: MusicXML 4.0 (W3C, 2021) and the ABC
notation standard 2.1 (2011).
"""

import re
from typing import NamedTuple
from xml.parsers import expat

from dmm_core.errors import UploadError

__all__ = [
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "MAX_LINE",
    "MAX_NOTES",
    "AbcTune",
    "scan_abc",
    "scan_musicxml",
]

MAX_NOTES = 25_000
"""Notes and rests of a file: what music21 reads within a child's limits, see docs/decisions.md."""

MAX_ELEMENTS = 1_000_000
"""XML elements of a file; a note has about ten."""

MAX_DEPTH = 64
"""XML elements inside one another."""

MAX_LINE = 16 * 1024
"""Characters of a line of ABC."""

_DIGITS = 6  # of a duration, or of a number in a tune
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


class AbcTune(NamedTuple):
    """One tune of an ABC file.

    Attributes:
        text: its fields and notes, without slurs, lyrics, decorations and chord symbols.
        title: by its first T: field, or its number.
        notes: some number near that of its notes and rests.
        symbols: chord symbols that were left out.
    """

    text: str
    title: str
    notes: int
    symbols: int


_FIELD = re.compile(r"[A-Za-z+]:")
_KEPT_FIELDS = "XKLMQV"
_TIMED_FIELDS = "LMQ"
_NOTE = re.compile(r"[A-Ga-gxzZ]")
_QUOTED = re.compile(r'"[^"]*"')
_UNHEARD = re.compile(r'"[^"]*"|![^!]*!|\((?!\d)|\)|%.*|[`\\$]')
_LONG_NUMBER = re.compile(rf"\d{{{_DIGITS - 1},}}")


def scan_abc(data: bytes) -> tuple[AbcTune, ...]:
    """Cut an ABC file into its tunes.

    Raises:
        UploadError: in one plain sentence, if it has none, or is beyond the limits above.
    """
    if b"\0" in data:
        raise UploadError("The ABC file is not text: it holds a zero byte.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # as older collections are
    head: list[str] = []
    tunes: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > MAX_LINE:
            raise UploadError(
                f"The ABC file has {len(line):,} characters in line {number:,}, but at most "
                f"{MAX_LINE:,} are read."
            )
        line = line.strip()
        if line.startswith("X:"):
            tunes.append([])
        (tunes[-1] if tunes else head).append(line)
    if not tunes and any(line.startswith("K:") for line in head):
        head, tunes = [], [head]  # a lone tune need not be numbered
    read = tuple(_tune([*head, *lines]) for lines in tunes)
    notes = sum(tune.notes for tune in read)
    if not notes:
        raise UploadError("The ABC file holds no tune: one begins with X: and has a K: and notes.")
    if notes > MAX_NOTES:
        raise UploadError(
            f"The ABC file has some {notes:,} notes and rests, but at most {MAX_NOTES:,} are read."
        )
    return read


def _tune(lines: list[str]) -> AbcTune:
    kept, title, number, notes, symbols = [], "", "", 0, 0
    for line in lines:
        if _FIELD.match(line):
            tag, value = line[0], line[2:].partition("%")[0].strip()
            title = title or (value if tag == "T" else "")
            number = number or (value if tag == "X" else "")
            if tag in _TIMED_FIELDS and _LONG_NUMBER.search(value):
                raise UploadError(f"The ABC file has {line!r:.40}, which is no such value.")
            if tag in _KEPT_FIELDS:
                kept.append(f"{tag}:{value}")
            continue
        symbols += sum(quoted[1:2] not in tuple('^_<>@"') for quoted in _QUOTED.findall(line))
        heard = _UNHEARD.sub("", line)
        if long := _LONG_NUMBER.search(heard):
            raise UploadError(f"The ABC file has a note of the length {long[0]:.40}.")
        if heard.strip():
            kept.append(heard)
            notes += len(_NOTE.findall(heard))
    return AbcTune("\n".join(kept) + "\n", title or number, notes, symbols)
