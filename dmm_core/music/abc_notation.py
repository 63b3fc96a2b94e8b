"""ABC files -> the notes of their tunes, in quarter notes.

lytk parses ABC and writes each tune as MusicXML in memory, which is then read like any other score.
This module splits the file into tunes, limits it, and spells out what lytk does not read: static
macros, accidentals that hold for other octaves where a bar has chords, and plain clefs that follow
an octave clef.
Source: the ABC notation standard 2.1 (2011).
"""

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree

from dmm_core.errors import UploadError
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.score import ScoreNotes, notes_of_musicxml
from dmm_core.music.score_part import jumps_in
from dmm_core.music.score_write import NOT_XML

__all__ = ["MAX_LINE", "MAX_NOTES", "MAX_TUNE_NOTES", "TuneBook", "read_abc"]

MAX_LINE = 16 * 1024
"""Characters of a line."""

MAX_NOTES = 60_000
"""Notes and rests of a file."""

MAX_TUNE_NOTES = 30_000
"""Notes and rests of a tune."""

_MAX_MACRO = 200  # characters that a macro stands for
_SAID = 100  # characters of a parser's message
_HEARD = "XMLKVIU"  # fields that notes depend on
_TUNE = re.compile(r"X:(?![|:\]])")
_FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
_COMMENT = re.compile(r"(?<!\\)%.*")
_NOTE = re.compile(r"[A-Ga-gzZxX]")
_DECORATION = re.compile(r"[!+]([A-Za-z.]+)[!+]")
_CLEF_FIELD = re.compile(r"^[KV]:.*|\[[KV]:[^\]]*(?=\])")
_OCTAVE_CLEF = re.compile(r"(?m)^[KV]:.*[+-]8|\[[KV]:[^\]]*[+-]8")
_CLEF = re.compile(r"(?:clef=|[: ])(?:treble|alto|tenor|bass)\d?(?![\w+-])")
_PARTS = re.compile(r"[A-Z].*[A-Z]")
_MIDI = re.compile(r"(?:%%|I:)MIDI +(?:r?transpose|channel +10\b)")
_SPELLED = re.compile(
    r'"[^"]*"|![^!|\s]*!|\+[^+|\s]*\+|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]'  # no note of the bar
    r"|(?P<bar>\||::|&)"
    r"|(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<note>[A-Ga-g])"
)


class _Unread(Exception):
    """Why a tune is not read, as a clause."""


class TuneBook(NamedTuple):
    """The tunes of an ABC file.

    Attributes:
        tunes: those that were read.
        unread: title of each other tune, and why it was not read.
    """

    tunes: tuple[ScoreNotes, ...]
    unread: tuple[tuple[str, str], ...]


def read_abc(data: bytes) -> TuneBook:
    """Read the tunes of an untrusted ABC file; one that cannot be read does not affect the others.

    Raises:
        UploadError: in one plain sentence, if the file is refused, or no tune can be read.
    """
    tunes = _tunes(_lines(data))
    if not tunes:
        raise UploadError("The ABC file holds no tune: one begins with X: and has a K: and notes.")
    notes = sum(tune.notes for tune in tunes)
    if notes > MAX_NOTES:
        raise UploadError(
            f"The ABC file has some {notes:,} notes and rests, but at most {MAX_NOTES:,} are read."
        )
    read, unread = [], []
    for tune in tunes:
        try:
            read.append(_score(tune))
        except (_Unread, UploadError) as error:
            unread.append((tune.title, str(error).removesuffix(".")))
    if not read:
        why = f": {unread[0][1]}" if len(unread) == 1 else ""
        raise UploadError(f"The ABC file holds no tune that can be read{why}.")
    return TuneBook(tuple(read), tuple(unread))


def _lines(data: bytes) -> list[str]:
    if b"\0" in data:
        raise UploadError("The ABC file is not text: it holds a zero byte.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # as older collections are
    lines = [line.strip() for line in re.split(r"\r\n?|\n", NOT_XML.sub(" ", text))]
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise UploadError(
                f"The ABC file has {len(line):,} characters in line {number:,}, but at most "
                f"{MAX_LINE:,} are read."
            )
    return lines


def _tunes(lines: list[str]) -> list["_Tune"]:
    """The tunes between the lines, each after the fields that stand before all of them."""
    starts = [at for at, line in enumerate(lines) if _TUNE.match(line)]
    if not starts and any(line.startswith("K:") for line in lines):
        return [_Tune(["X:1", *lines])]  # a lone tune need not be numbered
    head = [
        line for line in lines[: min(starts, default=0)] if _FIELD.match(line) or line[:2] == "%%"
    ]
    return [
        _Tune([lines[start], *head, *lines[start + 1 : end]])
        for start, end in pairwise([*starts, len(lines)])
    ]


class _Tune:
    """One tune, spelled for lytk.

    Attributes:
        text: its lines.
        title: by its first T: field, or its number.
        notes: about how many notes and rests it has.
        counts: what was left out, by name.
        jumps: those that `ScoreNotes.jumps` names, and "the order of parts".
    """

    def __init__(self, lines: list[str]) -> None:
        self.notes = 0
        self.counts: Counter[str] = Counter()
        self.jumps: set[str] = set()
        self._macros: dict[str, str] = {}
        self._propagates = True  # accidentals hold in all octaves of a bar, as is the default
        self._held: dict[str, dict[str, str]] = {}  # voice -> letter -> accidental in this bar
        self._voice = ""
        self._octave_clefs = bool(_OCTAVE_CLEF.search("\n".join(lines)))
        number = lines[0][2:].strip()
        titles = [line[2:].strip() for line in lines if line.startswith("T:")]
        self.title = next(filter(None, titles), number)
        self.text = "\n".join(self._spelled(lines)) + "\n"

    def _spelled(self, lines: list[str]) -> list[str]:
        kept, in_head = [], True
        for at, line in enumerate(lines):
            if not line:
                if in_head:
                    continue
                # A blank line ends the tune; what follows is text, even where it looks like music.
                self.counts["stray"] += sum("|" in stray for stray in lines[at:])
                break
            if line.startswith("%"):
                kept.append(line)
                self._directive(line)
            elif _FIELD.match(line):
                if line[0] in _HEARD:
                    kept.append(_CLEF_FIELD.sub(self._clef, line))
                self._field(line, in_head)
                in_head = in_head and not line.startswith("K:")
            elif not in_head:
                kept.append(self._music(_COMMENT.sub("", line)))
        return kept

    def _directive(self, line: str) -> None:
        self.counts["midi"] += bool(_MIDI.match(line))
        if "propagate-accidentals" in line:
            self._propagates = False  # then lytk follows them as they are

    def _field(self, line: str, in_head: bool) -> None:
        tag, value = line[0], line[2:].strip()
        if tag == "I":
            self._directive(line)
        elif tag == "V":
            self._voice = value.split(" ")[0]
        elif tag == "P" and in_head and _PARTS.search(value):
            self.jumps.add("the order of parts")
        elif tag == "m":
            target, _, replacement = (part.strip() for part in value.partition("="))
            if "n" in target or not target or len(replacement) > _MAX_MACRO:
                self.counts["macros"] += 1
            else:
                self._macros[target] = replacement

    def _music(self, line: str) -> str:
        for target, replacement in self._macros.items():
            line = line.replace(target, replacement)
            if len(line) > MAX_LINE:
                raise UploadError(
                    f"The ABC file has a line that macros make longer than {MAX_LINE:,}."
                )
        for decoration in _DECORATION.findall(line):
            self.jumps.update(jumps_in(decoration))
        self.notes += len(_NOTE.findall(line))
        line = _CLEF_FIELD.sub(self._clef, line)
        return _SPELLED.sub(self._accidental, line) if self._propagates else line

    def _clef(self, match: re.Match[str]) -> str:
        """A field whose clef ends the shift of an octave clef before it."""
        plain = self._octave_clefs and _CLEF.search(match[0]) and "octave=" not in match[0]
        return f"{match[0]} octave=0" if plain else match[0]

    def _accidental(self, match: re.Match[str]) -> str:
        """A note with the accidental that holds for its letter in this bar."""
        if match[0].startswith("[V:"):
            self._voice = match[0][3:-1].strip().split(" ")[0]
        held = self._held.setdefault(self._voice, {})
        if match["bar"]:
            held.clear()
        elif letter := (match["note"] or "").upper():
            if match["accidental"]:
                held[letter] = match["accidental"]
            return held.get(letter, "") + match["note"]
        return match[0]


def _score(tune: _Tune) -> ScoreNotes:
    if tune.notes > MAX_TUNE_NOTES:
        raise _Unread(
            f"it has some {tune.notes:,} notes and rests, but at most {MAX_TUNE_NOTES:,} are read"
        )
    import lytk

    try:
        parsed = lytk.from_abc_string(tune.text)
        quarters = lytk.info(parsed)["duration_quarters"]
        if quarters > MAX_QUARTERS:
            raise _Unread(
                f"it lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are read"
            )
        written = lytk.to_musicxml(parsed)
    except lytk.ParseError as error:
        # Such as "parse error: ABC tune has no K: line (no body)".
        raise _Unread(str(error).partition(": ")[2].partition(";")[0][:_SAID]) from None
    except (lytk.LytkError, ValueError):
        raise _Unread("its note lengths cannot be computed") from None
    score = notes_of_musicxml(ElementTree.fromstring(written), as_written=True)
    if not score.notes:
        raise _Unread("it holds no pitched notes")
    return score._replace(
        title=tune.title,
        counts=score.counts + tune.counts,
        jumps=tuple(dict.fromkeys((*score.jumps, *sorted(tune.jumps)))),
    )
