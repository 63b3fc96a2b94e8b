"""Reads one part of a MusicXML score, measure by measure.

A cursor holds the current time in the measure: notes and `forward` elements advance it, `backup`
elements move it back.
Source: MusicXML 4.0 (W3C, 2021).
"""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from dmm_core.music.key import Key, key_from_fifths

__all__ = ["JUMPS", "MAX_DENOMINATOR", "Part", "Place", "Sound", "find_jumps"]

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_TEMPO = re.compile(r"[1-9]\d{0,3}(\.\d{1,9})?")
_MAX_METER = 20  # characters of a time signature in a message
MAX_DENOMINATOR = 10**18
"""Largest denominator of a time in quarter notes; real scores have far smaller ones."""

JUMPS = {
    "D.C.": re.compile(r"\bD\. ?C\b|\bDC\b|(?i:\bda ?capo\b)"),
    "D.S.": re.compile(r"\bD\. ?S\b|\bDS\b|(?i:\bdal ?segno\b)"),
    "to coda": re.compile(r"(?i)\b(to|al|alla|da) ?coda\b"),
}
"""Name of a jump -> pattern of the words for it in a score."""

_JUMP_OF_SOUND = {"dacapo": "D.C.", "dalsegno": "D.S.", "tocoda": "to coda"}


class Place(NamedTuple):
    """A time in a part: index of a bar, and quarter notes from the start of the bar."""

    bar: int
    at: Fraction


class Sound(NamedTuple):
    """A note whose times are relative to bars, before the start times of bars are known.

    Attributes:
        pitch: MIDI number.
        start: onset.
        end: end.
        line: (staff, voice) as the part names them.
    """

    pitch: int
    start: Place
    end: Place
    line: tuple[str, str]


class Part:
    """The content of a part, complete after all of its measures are read.

    Attributes:
        sounds: notes at sounding pitch; tied notes are one note.
        lengths: length of each bar in quarter notes, up to the end of its notes and rests.
        nominal: length of each bar in quarter notes according to the time signature.
        meters: (index of a bar, time signature that begins there).
        key: first key signature at sounding pitch, or None.
        tempo: first tempo in quarter notes per minute, or None.
        fermatas: onsets of notes and rests that have a fermata.
        counts: as in `ScoreNotes`.
        jumps: keys of `JUMPS` that occur in the part.
    """

    def __init__(self, drums: frozenset[str], as_written: bool) -> None:
        """Create an empty part.

        Args:
            drums: ids of its drum instruments, and "" among them if all are drums.
            as_written: as in `notes_of_musicxml`.
        """
        self.sounds: list[Sound] = []
        self.lengths: list[Fraction] = []
        self.nominal: list[Fraction] = []
        self.meters: list[tuple[int, str]] = []
        self.key: Key | None = None
        self.tempo: float | None = None
        self.fermatas: list[Place] = []
        self.counts: Counter[str] = Counter()
        self.jumps: set[str] = set()
        self._drums = drums
        self._as_written = as_written
        self._drum_staves: set[str] = set()
        # staff, or "" for all staves -> semitones that it sounds above the written pitch
        self._shifts: dict[str, int] = {}
        # (pitch, time) -> indices of notes that end there and are tied to a following note
        self._ties: dict[tuple[int, Place], list[int]] = {}
        self._divisions = Fraction(1)
        self._bar_length = Fraction(4)
        self._cursor = self._onset = Fraction(0)

    def read(self, measure: Element) -> None:
        """Read the next measure.

        Raises:
            ArithmeticError, LookupError, TypeError, ValueError: if it is not MusicXML.
        """
        self._cursor = self._onset = longest = Fraction(0)
        partial = measure.get("implicit") == "yes"
        for element in measure:
            if element.tag == "note":
                self._note(element)
                longest = max(longest, self._reach(element.find("rest") is None))
            elif element.tag == "backup":
                self._cursor = max(Fraction(0), self._cursor - self._duration(element))
            elif element.tag == "forward":
                self._advance(self._duration(element))
                if not partial:  # in an incomplete bar, it fills the missing part
                    longest = max(longest, self._reach(sounds=False))
            elif element.tag == "attributes":
                self._attributes(element)
            elif element.tag in ("direction", "sound"):
                self._direction(element)
            elif element.tag == "harmony":
                self.counts["symbols"] += 1
            elif element.tag == "barline":
                self.counts["repeats"] += len(element.findall("repeat[@direction='backward']"))
        self._end_bar(longest)

    def _advance(self, duration: Fraction) -> None:
        """Move the cursor forward."""
        self._cursor += duration
        if self._cursor.denominator > MAX_DENOMINATOR:
            raise ArithmeticError("The part has too many different divisions.")

    def _reach(self, sounds: bool) -> Fraction:
        """Return the end of the bar so far; rests cannot extend it unless `as_written`."""
        if sounds or self._as_written or not self._bar_length:
            return self._cursor
        return min(self._cursor, self._bar_length)

    def _duration(self, element: Element) -> Fraction:
        """Return the duration of an element in quarter notes."""
        return Fraction(element.findtext("duration", "0").strip()) / self._divisions

    def _note(self, note: Element) -> None:
        """Read a note or rest."""
        duration = self._duration(note)
        if note.find("grace") is not None or (not duration and note.find("rest") is None):
            self.counts["graces"] += 1
            return
        if note.find("chord") is None:  # notes of a chord share the onset of its first note
            self._onset = self._cursor
            self._advance(duration)
        if note.find("notations/fermata") is not None:
            self.fermatas.append(Place(len(self.lengths), self._onset))
        if note.find("rest") is not None:
            return
        staff = note.findtext("staff", "1").strip()
        pitch = note.find("pitch")
        if pitch is None or self._is_drum(note, staff):
            self.counts["unpitched"] += 1
        elif note.find("cue") is not None:
            self.counts["cues"] += 1
        elif note.findtext("notehead") == "slash":  # slash notation: a beat of an accompaniment
            self.counts["slashes"] += 1
        else:
            line = staff, note.findtext("voice", "1").strip()
            self._add(note, line, self._pitch(pitch), self._shift(staff), self._onset + duration)

    def _is_drum(self, note: Element, staff: str) -> bool:
        instrument = note.find("instrument")
        name = "" if instrument is None else instrument.get("id", "")
        return staff in self._drum_staves or name in self._drums

    def _pitch(self, pitch: Element) -> int:
        """Return the MIDI number of the written pitch."""
        step = _STEPS[pitch.findtext("step", "").strip()]
        alter = float(pitch.findtext("alter", "0").strip() or 0)
        octave = int(pitch.findtext("octave", "").strip())
        self.counts["microtones"] += alter != round(alter)
        return 12 * (octave + 1) + step + round(alter)

    def _shift(self, staff: str) -> int:
        """Return the semitones that a staff sounds above its written pitch."""
        return self._shifts.get(staff, self._shifts.get("", 0))

    def _add(
        self, note: Element, line: tuple[str, str], written: int, shift: int, until: Fraction
    ) -> None:
        """Add a note, or lengthen the note to which it is tied, which may be in another voice."""
        pitch = written + shift
        start, end = Place(len(self.lengths), self._onset), Place(len(self.lengths), until)
        ties = {tie.get("type") for tie in (*note.findall("tie"), *note.findall("notations/tied"))}
        waiting = self._ties.get((pitch, start), [])
        if waiting:  # even without a tie of type stop, which some programs omit
            same_line = (n for n, tied in enumerate(waiting) if self.sounds[tied].line == line)
            at = waiting.pop(next(same_line, 0))
            self.sounds[at] = self.sounds[at]._replace(end=end)
        else:
            at = len(self.sounds)
            self.sounds.append(Sound(pitch, start, end, line))
            self.counts["transposed"] += shift != 0
        if ties & {"start", "continue"}:
            self._ties.setdefault((pitch, end), []).append(at)

    def _end_bar(self, length: Fraction) -> None:
        """End the bar, and continue ties at its end in the next bar, which may start later."""
        ties, self._ties = self._ties, {}
        for (pitch, end), waiting in ties.items():
            if end.at >= length:
                start = Place(end.bar + 1, Fraction(0))
                self._ties.setdefault((pitch, start), []).extend(waiting)
        self.lengths.append(length)
        self.nominal.append(self._bar_length)

    def _attributes(self, attributes: Element) -> None:
        """Read divisions, transposition, clefs, key, time signature and measure styles."""
        if divisions := attributes.findtext("divisions"):
            self._divisions = Fraction(divisions.strip())
        for transpose in attributes.findall("transpose"):
            semitones = float(transpose.findtext("chromatic", "0"))
            octaves = int(transpose.findtext("octave-change", "0"))
            octaves -= transpose.find("double") is not None
            staff = transpose.get("number", "")
            if not staff:
                self._shifts.clear()
            self._shifts[staff] = round(semitones) + 12 * octaves
        for clef in attributes.findall("clef"):
            staff = clef.get("number", "1")
            if clef.findtext("sign", "").strip() == "percussion":
                self._drum_staves.add(staff)
            else:
                self._drum_staves.discard(staff)
        if self.key is None and (key := attributes.find("key")) is not None:
            self.key = _key(key, self._shift(key.get("number", "1")))
        if (time := attributes.find("time")) is not None:
            self._meter(time)
        for style in attributes.findall("measure-style"):
            signs = (*style.findall("measure-repeat"), *style.findall("beat-repeat"))
            self.counts["measure_repeats"] += sum(sign.get("type") == "start" for sign in signs)

    def _meter(self, time: Element) -> None:
        """Read a time signature."""
        beats = [(b.text or "").strip() for b in time.findall("beats")]
        types = [(t.text or "").strip() for t in time.findall("beat-type")]
        self._bar_length = sum(
            (
                4 * Fraction(beat) / int(kind)
                for b, kind in zip(beats, types, strict=True)
                for beat in b.split("+")
            ),
            Fraction(0),
        )
        if beats:
            meter = "+".join(f"{b}/{kind}" for b, kind in zip(beats, types, strict=True))
            self.meters.append((len(self.lengths), meter[:_MAX_METER]))

    def _direction(self, direction: Element) -> None:
        """Collect the first tempo and the jumps in a direction or sound element."""
        for sound in direction.iter("sound"):
            tempo = sound.get("tempo", "").strip()
            if self.tempo is None and _TEMPO.fullmatch(tempo):
                self.tempo = float(tempo)
            self.jumps.update(jump for name, jump in _JUMP_OF_SOUND.items() if sound.get(name))
        for words in direction.iter("words"):
            self.jumps.update(find_jumps(words.text or ""))


def find_jumps(words: str) -> Iterator[str]:
    """Yield those of "D.C.", "D.S." and "to coda" that occur in `words`."""
    for jump, pattern in JUMPS.items():
        if pattern.search(words):
            yield jump


def _key(key: Element, shift: int) -> Key | None:
    """Return a key signature at sounding pitch, or None if it is not a standard one."""
    try:
        fifths = int(key.findtext("fifths", ""))
    except ValueError:
        return None  # a signature that lists its accidentals
    written = key_from_fifths(fifths, minor=key.findtext("mode", "").strip() == "minor")
    return Key((written.tonic + shift) % 12, written.minor)
