"""A tune of an ABC file, spelled for lytk, and what its text says apart from notes.

lytk 0.6.4 misses static macros, accidentals that hold for other octaves where a bar has chords, and
plain clefs that follow an octave clef: these are spelled out.
Source: the ABC notation standard 2.1 (2011).
"""

import re
from collections import Counter

from dmm_core.errors import UploadError
from dmm_core.music.score_part import jumps_in

__all__ = ["FIELD", "MAX_LINE", "MAX_VOICES", "Tune"]

MAX_LINE = 16 * 1024
"""Characters of a line."""

MAX_VOICES = 100
"""Voices of a tune."""

_MAX_REST = 1000  # bars of one rest; lytk cuts longer ones
_MAX_MACROS = 100
_MAX_MACRO = 200  # characters that a macro stands for
_HEARD = "XMLKVIU"  # fields that notes depend on
FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
"""How a line of information begins."""

_COMMENT = re.compile(r"(?<!\\)%.*")
_NOTE = re.compile(r"[A-Ga-gzZxX{&]")  # and what costs as much
_BARS_OF_REST = re.compile(r"[ZX](\d{1,9})")
_DECORATION = re.compile(r"[!+]([A-Za-z.]+)[!+]")
_CLEF_FIELD = re.compile(r"^[KV]:.*|\[[KV]:[^][]*(?=\])")
_OCTAVE_CLEF = re.compile(r"(?:clef=\w+|treble|alto|tenor|bass)[+-]8")
_CLEF = re.compile(r"(?:clef=|[: ])(?:treble|alto|tenor|bass)\d?(?![\w+-])")
_PARTS = re.compile(r"[A-Z].*[A-Z]")
_MIDI = re.compile(r"(?:%%|I:)MIDI +(?:r?transpose|channel +10\b)")
_SPELLED = re.compile(
    # What holds no note of the bar. No pattern looks further than the next sign of its kind.
    r'"[^"]*"|![^!|\s]*!|\+[^+|\s]*\+|\{[^{}]*\}|\[[A-Za-z]:[^][]*\]'
    r"|(?P<bar>\||::|&)"
    r"|(?P<accidental>\^{1,2}|_{1,2}|=)?(?P<note>[A-Ga-g])"
)


class Tune:
    """One tune, spelled for lytk.

    Attributes:
        text: its lines.
        title: by its first T: field, or its number.
        notes: about how many notes and rests it has.
        counts: what was left out, by name.
        jumps: those that `ScoreNotes.jumps` names, and "the order of parts".
        fault: why it is not read, as a clause, or "".
    """

    def __init__(self, lines: list[str]) -> None:
        """Read `lines`, the first of which is the field X:.

        Raises:
            UploadError: if macros make a line longer than `MAX_LINE`.
        """
        self.notes = 0
        self.fault = ""
        self.counts: Counter[str] = Counter()
        self.jumps: set[str] = set()
        self._macros: dict[str, str] = {}
        self._propagates = True  # accidentals hold in all octaves of a bar, as is the default
        # Voice -> letter -> accidental that holds in this bar.
        self._held: dict[str, dict[str, str]] = {"": {}}
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
            elif FIELD.match(line):
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
            self._turn_to(value)
        elif tag == "P" and in_head and _PARTS.search(value):
            self.jumps.add("the order of parts")
        elif tag == "m":
            target, _, replacement = (part.strip() for part in value.partition("="))
            plain = target and "n" not in target and len(replacement) <= _MAX_MACRO
            if not plain or len(self._macros) == _MAX_MACROS:
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
        rests = [int(bars) for bars in _BARS_OF_REST.findall(line)]
        if max(rests, default=0) > _MAX_REST:
            self.fault = f"it has a rest of {max(rests):,} bars, but at most {_MAX_REST:,} are read"
        self.notes += len(_NOTE.findall(line)) + sum(rests)
        line = _CLEF_FIELD.sub(self._clef, line)
        return _SPELLED.sub(self._accidental, line) if self._propagates else line

    def _clef(self, match: re.Match[str]) -> str:
        """A field whose clef ends the shift of an octave clef before it."""
        plain = self._octave_clefs and _CLEF.search(match[0]) and "octave=" not in match[0]
        return f"{match[0]} octave=0" if plain else match[0]

    def _turn_to(self, voice: str) -> None:
        self._voice = voice.split(" ")[0]
        self._held.setdefault(self._voice, {})
        if len(self._held) > MAX_VOICES:
            self.fault = f"it has over {MAX_VOICES} voices"

    def _accidental(self, match: re.Match[str]) -> str:
        """A note with the accidental that holds for its letter in this bar."""
        if match[0].startswith("[V:"):
            self._turn_to(match[0][3:-1].strip())
        held = self._held[self._voice]
        if match["bar"]:
            held.clear()
        elif letter := (match["note"] or "").upper():
            if match["accidental"]:
                held[letter] = match["accidental"]
            return held.get(letter, "") + match["note"]
        return match[0]
