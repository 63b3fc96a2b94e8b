"""Prepares a tune of an ABC file for lytk, and extracts what lytk does not report.

lytk 0.6.4 does not support static macros, accidentals that apply to other octaves in a bar with
chords, and plain clefs after an octave clef. This module rewrites them in forms that lytk reads.
Source: the ABC notation standard 2.1 (2011).
"""

import re
from collections import Counter

from dmm_core.errors import UploadError
from dmm_core.music.score_part import find_jumps

__all__ = ["FIELD", "MAX_LINE", "MAX_TUNE_TEXT", "MAX_VOICES", "Tune"]

MAX_LINE = 16 * 1024
"""Largest number of characters of a line."""

MAX_TUNE_TEXT = 200_000
"""Largest number of characters of a tune."""

MAX_VOICES = 100
"""Largest number of voices of a tune."""

_MAX_REST = 1000  # bars of one rest; lytk truncates longer ones
_MAX_MACROS = 100
_MAX_MACRO = 200  # characters of a macro's replacement
_KEPT_FIELDS = "XMLKVIU"  # fields on which the notes depend
FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
"""Matches the beginning of an information field."""

_COMMENT = re.compile(r"(?<!\\)%.*")
_NOTE = re.compile(r"[A-Ga-gzZxX{&]")  # and symbols that take as long to parse
_BARS_OF_REST = re.compile(r"[ZX](\d{1,9})")
_DECORATION = re.compile(r"[!+]([A-Za-z.]+)[!+]")
_CLEF_FIELD = re.compile(r"^[KV]:.*|\[[KV]:[^][]*(?=\])")
_OCTAVE_CLEF = re.compile(r"(?:clef=\w+|treble|alto|tenor|bass)[+-]8")
_CLEF = re.compile(r"(?:clef=|[: ])(?:treble|alto|tenor|bass)\d?(?![\w+-])")
_TEMPO = re.compile(r"(?<!\d)([1-9]\d?)/([1-9]\d?) *= *([1-9]\d{0,2})(?!\d)")
_PARTS = re.compile(r"[A-Z].*[A-Z]")
_MIDI = re.compile(r"(?:%%|I:)MIDI +(?:r?transpose|channel +10\b)")
_TOKEN = re.compile(
    # Text without notes of the bar: annotations, decorations, grace notes and inline fields.
    # No pattern searches beyond the next delimiter of its kind, so matching takes linear time.
    r'"[^"]*"|![^!|\s]*!|\+[^+|\s]*\+|\{[^{}]*\}|\[[A-Za-z]:[^][]*\]'
    r"|(?P<bar>(?:\||::|&)+)"
    r"|(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<note>[A-Ga-g])"
)


class Tune:
    """A tune in a form that lytk reads.

    Attributes:
        text: text of the tune for lytk. Beyond `MAX_TUNE_TEXT` characters, accidentals are not
            written out, because the tune is not read.
        title: content of its first T: field, or else its number.
        notes: approximate number of notes and rests.
        counts: number of things that were left out, by name.
        jumps: jumps as in `ScoreNotes.jumps`, and "the order of parts".
        tempo: first tempo in quarter notes per minute, or None. Tempos without a note value, as in
            "Q:120", are not read.
        fault: clause that says why the tune is not read, or "".
    """

    def __init__(self, lines: list[str]) -> None:
        """Prepare the lines of a tune; the first one is the field X:.

        Raises:
            UploadError: if macros make a line longer than `MAX_LINE`.
        """
        self.notes = 0
        self.fault = ""
        self.tempo: float | None = None
        self.counts: Counter[str] = Counter()
        self.jumps: set[str] = set()
        self._macros: dict[str, str] = {}
        self._propagates = True  # accidentals apply to all octaves of a bar, the default
        # Voice -> letter -> accidental that applies in this bar.
        self._accidentals: dict[str, dict[str, str]] = {"": {}}
        self._voice = ""
        self._octave_clefs = bool(_OCTAVE_CLEF.search("\n".join(lines)))
        number = lines[0][2:].strip()
        titles = [line[2:].strip() for line in lines if line.startswith("T:")]
        self.title = next(filter(None, titles), number)
        self.text = "\n".join(self._prepared(lines)) + "\n"

    def _prepared(self, lines: list[str]) -> list[str]:
        """Return the lines for lytk, and collect all other facts."""
        kept, in_head = [], True
        size = 0  # characters of music so far
        for at, line in enumerate(lines):
            if not line:
                if in_head:
                    continue
                # A blank line ends the tune. Text after it is ignored, even if it looks like music.
                self.counts["stray"] += sum("|" in stray for stray in lines[at:])
                break
            if line.startswith("%"):
                kept.append(line)
                self._directive(line)
            elif FIELD.match(line):
                if line[0] in _KEPT_FIELDS:
                    kept.append(_CLEF_FIELD.sub(self._clef, line))
                self._field(line, in_head)
                in_head = in_head and not line.startswith("K:")
            elif not in_head:
                music = self._music(_COMMENT.sub("", line))
                size += len(music)
                if self._propagates and size <= MAX_TUNE_TEXT:
                    music = _TOKEN.sub(self._accidental, music)
                kept.append(music)
        return kept

    def _directive(self, line: str) -> None:
        """Read a line that begins with % or an I: field."""
        self.counts["midi"] += bool(_MIDI.match(line))
        if "propagate-accidentals" in line:
            self._propagates = False  # lytk then applies them only to their octave

    def _field(self, line: str, in_head: bool) -> None:
        """Read an information field."""
        tag, value = line[0], line[2:].strip()
        if tag == "I":
            self._directive(line)
        elif tag == "V":
            self._set_voice(value)
        elif tag == "Q" and self.tempo is None and (found := _TEMPO.search(value)):
            beats, kind, number = map(int, found.groups())
            self.tempo = 4 * beats / kind * number
        elif tag == "P" and in_head and _PARTS.search(value):
            self.jumps.add("the order of parts")
        elif tag == "m":
            target, _, replacement = (part.strip() for part in value.partition("="))
            is_supported = target and "n" not in target and len(replacement) <= _MAX_MACRO
            if not is_supported or len(self._macros) == _MAX_MACROS:
                self.counts["macros"] += 1
            else:
                self._macros[target] = replacement

    def _music(self, line: str) -> str:
        """Return a line of music with macros and clefs written out."""
        for target, replacement in self._macros.items():
            line = line.replace(target, replacement)
            if len(line) > MAX_LINE:
                raise UploadError(
                    f"The ABC file has a line that macros make longer than {MAX_LINE:,}."
                )
        for decoration in _DECORATION.findall(line):
            self.jumps.update(find_jumps(decoration))
        rests = [int(bars) for bars in _BARS_OF_REST.findall(line)]
        if max(rests, default=0) > _MAX_REST:
            self.fault = f"it has a rest of {max(rests):,} bars, but at most {_MAX_REST:,} are read"
        self.notes += len(_NOTE.findall(line)) + sum(rests)
        return _CLEF_FIELD.sub(self._clef, line)

    def _clef(self, match: re.Match[str]) -> str:
        """Return a field; a plain clef after an octave clef also resets the octave."""
        plain = self._octave_clefs and _CLEF.search(match[0]) and "octave=" not in match[0]
        return f"{match[0]} octave=0" if plain else match[0]

    def _set_voice(self, voice: str) -> None:
        """Make `voice` the current voice."""
        self._voice = voice.split(" ")[0]
        self._accidentals.setdefault(self._voice, {})
        if len(self._accidentals) > MAX_VOICES:
            self.fault = f"it has over {MAX_VOICES} voices"

    def _accidental(self, match: re.Match[str]) -> str:
        """Return a note with the accidental that applies to its letter in this bar."""
        if match[0].startswith("[V:"):
            self._set_voice(match[0][3:-1].strip())
        accidentals = self._accidentals[self._voice]
        if match["bar"]:
            accidentals.clear()
        elif letter := (match["note"] or "").upper():
            if match["accidental"]:
                accidentals[letter] = match["accidental"]
            return accidentals.get(letter, "") + match["note"]
        return match[0]
