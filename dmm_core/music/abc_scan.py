"""A first look at the bytes of an ABC file: its tunes, in the plain ABC that music21 reads well.

What is not heard (slurs, lyrics, decorations, chord symbols, clefs) is left out, and what depends
on the meter (the unit of notes, tuplets, rests of whole bars) is spelled out, so that the meter can
go: music21 would cut bars by it, and misplaces the rest of a chord that it cut. Source: the ABC
notation standard 2.1 (2011), sections 3.1, 4.5, 4.13 and 7.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from dmm_core.errors import UploadError

__all__ = ["MAX_LINE", "MAX_NOTES", "AbcTune", "scan_abc"]

MAX_LINE = 16 * 1024
"""Characters of a line."""

MAX_NOTES = 60_000
"""Notes and rests of a file: what music21 reads within a child's limits, see docs/decisions.md."""

_DIGITS = 5  # of a number from which on it is no length of a note
_FIELD = re.compile(r"[A-Za-z+]:")
_NOTE = re.compile(r"[A-Ga-gz]")
_QUOTED = re.compile(r'"[^"]*"')
_UNHEARD = re.compile(r'"[^"]*"|![^!]*!|\+[^+]*\+|\((?!\d)|\)|y[\d/]*')
_DANGLING = re.compile(r"[\^_=]+(?![\^_=A-Ga-g])")  # an accidental of no note
_REPEAT = re.compile(r":\||::")
_LONG_NUMBER = re.compile(rf"\d{{{_DIGITS},}}")
_SIGNS = {"C": "4/4", "C|": "2/2"}
_LENGTH = re.compile(r"(\d{1,3})/(\d{1,3})")
_SPELLED = re.compile(
    r"\[(?P<tag>[A-Za-z]):(?P<value>[^\]]*)\]"
    r"|\((?P<p>\d)(?::(?P<q>\d?))?(?::(?P<r>\d?))?"
    r"|Z(?P<bars>\d*)"
    # Letters from H on stand for decorations; what else is left music21 would play as a C.
    r"|(?P<unheard>[^A-Ga-gz^_=,'/0-9|:\[\]<>{}\-& ])"
)
_CLEF = re.compile(r"(?i)\s+(?:clef=\S+|(?:treble|alto|tenor|bass|perc)\S*|\w+=\S+)")
_USUAL_NOTES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # in the time of which p notes are played
_COMPOUND = frozenset({Fraction(6, 8), Fraction(9, 8), Fraction(12, 8)})


class AbcTune(NamedTuple):
    """One tune of an ABC file.

    Attributes:
        text: its keys, voices and notes.
        title: by its first T: field, or its number.
        notes: some number near that of its notes and rests.
        symbols: chord symbols that were left out.
        repeats: ends of repeats.
        meters: such as "3/4", each once, in their order.
    """

    text: str
    title: str
    notes: int
    symbols: int
    repeats: int
    meters: tuple[str, ...]


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
        line = line.partition("%")[0].strip()
        if line.startswith("X:"):
            tunes.append([])
        (tunes[-1] if tunes else head).append(line)
    if not tunes and any(line.startswith("K:") for line in head):
        head, tunes = [], [head]  # a lone tune need not be numbered
    read = tuple(_Tune().read([*head, *lines]) for lines in tunes)
    notes = sum(tune.notes for tune in read)
    if not notes:
        raise UploadError("The ABC file holds no tune: one begins with X: and has a K: and notes.")
    if notes > MAX_NOTES:
        raise UploadError(
            f"The ABC file has some {notes:,} notes and rests, but at most {MAX_NOTES:,} are read."
        )
    return read


class _Tune:
    """Goes through the lines of one tune, and remembers its meter and unit."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.title = self.number = ""
        self.meter = Fraction(1)
        self.meters: dict[str, None] = {}
        self.unit: Fraction | None = None
        self.in_head = True
        self.notes = self.symbols = self.repeats = 0

    def read(self, lines: list[str]) -> AbcTune:
        for line in lines:
            if _FIELD.match(line):
                self._field(line[0], line[2:].strip())
            elif not self.in_head:
                self._music(line)
        return AbcTune(
            text="\n".join(self.kept) + "\n",
            title=self.title or self.number,
            notes=self.notes,
            symbols=self.symbols,
            repeats=self.repeats,
            meters=tuple(self.meters),
        )

    def _field(self, tag: str, value: str) -> None:
        if tag == "T":
            self.title = self.title or value
        elif tag == "X":
            self.number = self.number or value
        elif tag == "M":
            self._set_meter(value)
        elif tag == "L":
            self._set_unit(value)
            if not self.in_head:
                self.kept.append(f"L:{self.unit}")
        elif tag == "K":
            if self.in_head:  # the key ends a tune's head, and the unit has to stand before it
                if self.unit is None:
                    self.unit = Fraction(1, 16) if self.meter < Fraction(3, 4) else Fraction(1, 8)
                self.kept.append(f"L:{self.unit}")
                self.in_head = False
            self.kept.append(f"K:{_key(value)}")
        elif tag == "V":
            self.kept.append(f"V:{value}")

    def _set_meter(self, value: str) -> None:
        match = _LENGTH.search(value)
        # C and C| are 4/4 and 2/2; a tune without a meter takes the unit of 4/4.
        self.meter = Fraction(int(match[1]), int(match[2]) or 1) if match else Fraction(1)
        if self.in_head:  # a tune's own stands after the file's
            self.meters.clear()
        if said := match[0] if match else _SIGNS.get(value):
            self.meters[said] = None

    def _set_unit(self, value: str) -> None:
        match = _LENGTH.fullmatch(value)
        if not match or not int(match[1]) or not int(match[2]):
            raise UploadError(f"The ABC file has L:{value:.20}, which is no length of a note.")
        self.unit = Fraction(int(match[1]), int(match[2]))

    def _music(self, line: str) -> None:
        self.symbols += sum(quoted[1] not in '^_<>@"' for quoted in _QUOTED.findall(line))
        self.repeats += len(_REPEAT.findall(line))
        heard = _SPELLED.sub(self._spelled, _UNHEARD.sub("", line).replace("x", "z"))
        heard = _DANGLING.sub("", heard)
        if long := _LONG_NUMBER.search(heard):
            raise UploadError(f"The ABC file has a note of the length {long[0]:.40}.")
        self.notes += len(_NOTE.findall(heard))
        self.kept.append(heard)

    def _spelled(self, match: re.Match[str]) -> str:
        """An inline field, tuplet or rest of whole bars without what the meter would say."""
        if tag := match["tag"]:
            if tag == "M":
                self._set_meter(match["value"])
            elif tag == "L":
                self._set_unit(match["value"])
                return f"\nL:{self.unit}\n"  # music21 heeds neither unit nor key within a line
            elif tag == "K":
                return f"\nK:{_key(match['value'])}\n"
            return match[0] if tag == "V" else ""
        if match["p"]:
            p = int(match["p"])
            q = match["q"] or _USUAL_NOTES.get(p, 3 if self.meter in _COMPOUND else 2)
            return f"({p}:{q}:{match['r'] or p}"
        if match["unheard"]:
            return ""
        bars = int(match["bars"][:3] or 1)
        length = bars * self.meter / (self.unit or Fraction(1, 8))
        return f"z{length}"


def _key(value: str) -> str:
    """A key without its clef, which moves no note, though music21 takes it to."""
    return _CLEF.sub("", f" {value}").strip() or "C"
