"""MusicXML scores -> the notes that sound, in quarter notes.

A MusicXML part is a list of measures, and a measure moves a cursor: notes and forwards advance it,
backups set it back. Measures of the same index start together in all parts.
Source: MusicXML 4.0 (W3C, 2021).
"""

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from dmm_core.errors import UploadError
from dmm_core.music.key import Key
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.pianoroll import Note
from dmm_core.music.score_scan import scan_musicxml
from dmm_core.music.score_write import musicxml_from_notes

__all__ = ["ScoreNotes", "jumps_in", "musicxml_from_notes", "notes_of_musicxml", "read_musicxml"]

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DRUM_CHANNEL = "10"
_METER = 20  # characters of a time signature to show
_JUMPS = {
    "D.C.": re.compile(r"\bD\. ?C\b|\bDC\b|(?i:\bda ?capo\b)"),
    "D.S.": re.compile(r"\bD\. ?S\b|\bDS\b|(?i:\bdal ?segno\b)"),
    "to coda": re.compile(r"(?i)\b(to|al|alla|da) ?coda\b"),
}
_JUMP_OF_SOUND = {"dacapo": "D.C.", "dalsegno": "D.S.", "tocoda": "to coda"}


class ScoreNotes(NamedTuple):
    """The pitched notes of a score, as they sound.

    Attributes:
        notes: by onset, with start and end in quarter notes; tied notes are one note.
        key: the first key signature as it sounds, or None. Modes other than minor count as major.
        meters: time signatures such as "3/4", each once, in order of appearance.
        counts: what was left out or changed, by name: "graces", "cues", "symbols" (chord symbols),
            "unpitched" (percussion notes), "slashes" (slash notation), "transposed" (notes of
            transposing instruments), "microtones" (rounded to a semitone), "repeats" (ends of
            repeats, which are read once) and "measure_repeats" (signs that repeat a bar or a beat,
            which are not played).
        jumps: of "D.C.", "D.S." and "to coda", those that the score has. They are not played.
        title: of an ABC tune; else empty.
    """

    notes: tuple[Note, ...]
    key: Key | None
    meters: tuple[str, ...]
    counts: Counter[str]
    jumps: tuple[str, ...]
    title: str = ""


def read_musicxml(data: bytes) -> ScoreNotes:
    """Read an untrusted MusicXML file.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    scan_musicxml(data)
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        raise UploadError(
            "The MusicXML file has an entity that its DTD declares, and entities are not read."
        ) from None
    score = notes_of_musicxml(root)
    if not score.notes:
        unpitched = score.counts["unpitched"]
        notes = "1 percussion note" if unpitched == 1 else f"{unpitched:,} percussion notes"
        why = f": it has {notes} alone" if unpitched else ""
        raise UploadError(f"The MusicXML file holds no pitched notes{why}.")
    return score


def notes_of_musicxml(root: Element, *, as_written: bool = False) -> ScoreNotes:
    """The notes of a parsed score.

    Args:
        root: the element score-partwise or score-timewise.
        as_written: whether a bar lasts as long as all its rests, as it does in ABC.

    Raises:
        UploadError: in one plain sentence, if a part cannot be read or the score is too long.
    """
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # the namespace
    drums = _drums(root)
    parts = []
    for number, (name, measures) in enumerate(_parts(root), start=1):
        part = _Part(drums.get(name, frozenset()), as_written)
        for bar, measure in enumerate(measures, start=1):
            try:
                part.read(measure)
            except (ArithmeticError, LookupError, TypeError, ValueError):
                raise UploadError(
                    f"The score cannot be read in measure {bar:,} of part {number:,}."
                ) from None
        parts.append(part)
    return _together(parts)


def _parts(root: Element) -> Iterator[tuple[str, list[Element]]]:
    """Id and measures of each part."""
    if root.tag == "score-timewise":
        parts: dict[str, list[Element]] = {}
        for measure in root.iter("measure"):
            for part in measure.iter("part"):
                parts.setdefault(part.get("id", ""), []).append(part)
        yield from parts.items()
    else:
        for part in root.iter("part"):
            yield part.get("id", ""), list(part.iter("measure"))


def _drums(root: Element) -> dict[str, frozenset[str]]:
    """Part id -> ids of its instruments on the channel of drums; "" if all of them are."""
    drums = {}
    for part in root.iter("score-part"):
        channels = {m.get("id", ""): _is_drum(m) for m in part.iter("midi-instrument")}
        names = {name for name, is_drum in channels.items() if is_drum}
        if names and all(channels.values()):
            names.add("")
        drums[part.get("id", "")] = frozenset(names)
    return drums


def _is_drum(instrument: Element) -> bool:
    channel = instrument.findtext("midi-channel", "").strip()
    return channel == _DRUM_CHANNEL or instrument.find("midi-unpitched") is not None


class _Place(NamedTuple):
    """A time in a part: index of a bar, and quarters from its start."""

    bar: int
    at: Fraction


class _Sound(NamedTuple):
    """A note before it is known when its bars start."""

    pitch: int
    start: _Place
    end: _Place


class _Part:
    """Goes through the measures of one part."""

    def __init__(self, drums: frozenset[str], as_written: bool) -> None:
        self.sounds: list[_Sound] = []
        self.lengths: list[Fraction] = []  # of each bar: how far its notes and rests reach
        self.nominal: list[Fraction] = []  # of each bar, by the time signature
        self.meters: list[tuple[int, str]] = []
        self.key: Key | None = None
        self.counts: Counter[str] = Counter()
        self.jumps: set[str] = set()
        self._drums = drums
        self._as_written = as_written
        self._drum_staves: set[str] = set()
        self._shifts: dict[str, int] = {}  # staff, or "" for all -> semitones above what is written
        self._ties: dict[tuple[int, _Place], list[int]] = {}  # where notes wait for their ties' end
        self._divisions = Fraction(1)
        self._bar_length = Fraction(4)
        self._cursor = self._onset = Fraction(0)

    def read(self, measure: Element) -> None:
        self._cursor = self._onset = longest = Fraction(0)
        partial = measure.get("implicit") == "yes"
        for element in measure:
            if element.tag == "note":
                self._note(element)
                longest = max(longest, self._reach(element.find("rest") is None))
            elif element.tag == "backup":
                self._cursor = max(Fraction(0), self._cursor - self._duration(element))
            elif element.tag == "forward":
                self._cursor += self._duration(element)
                if not partial:  # there they fill up what the bar does not have
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

    def _reach(self, sounds: bool) -> Fraction:
        """How far the bar reaches by the cursor: rests that overfill it are faults of a program."""
        return (
            self._cursor if sounds or not self._bar_length else min(self._cursor, self._bar_length)
        )

    def _duration(self, element: Element) -> Fraction:
        return Fraction(element.findtext("duration", "0").strip()) / self._divisions

    def _note(self, note: Element) -> None:
        duration = self._duration(note)
        if note.find("grace") is not None or (not duration and note.find("rest") is None):
            self.counts["graces"] += 1
            return
        if note.find("chord") is None:  # else it starts with the note before
            self._onset = self._cursor
            self._cursor += duration
        if note.find("rest") is not None:
            return
        staff = note.findtext("staff", "1").strip()
        pitch = note.find("pitch")
        if pitch is None or self._is_drum(note, staff):
            self.counts["unpitched"] += 1
        elif note.find("cue") is not None:
            self.counts["cues"] += 1
        elif note.findtext("notehead") == "slash":  # a beat of an accompaniment that is not written
            self.counts["slashes"] += 1
        else:
            self._add(note, self._pitch(pitch), self._shift(staff), self._onset + duration)

    def _is_drum(self, note: Element, staff: str) -> bool:
        instrument = note.find("instrument")
        name = "" if instrument is None else instrument.get("id", "")
        return staff in self._drum_staves or name in self._drums

    def _pitch(self, pitch: Element) -> int:
        """MIDI number of what is written."""
        step = _STEPS[pitch.findtext("step", "").strip()]
        alter = float(pitch.findtext("alter", "0").strip() or 0)
        octave = int(pitch.findtext("octave", "").strip())
        self.counts["microtones"] += alter != round(alter)
        return 12 * (octave + 1) + step + round(alter)

    def _shift(self, staff: str) -> int:
        return self._shifts.get(staff, self._shifts.get("", 0))

    def _add(self, note: Element, written: int, shift: int, until: Fraction) -> None:
        """Keep a note, or lengthen the one that it is tied to."""
        pitch = written + shift
        start, end = _Place(len(self.lengths), self._onset), _Place(len(self.lengths), until)
        ties = {tie.get("type") for tie in (*note.findall("tie"), *note.findall("notations/tied"))}
        waiting = self._ties.get((pitch, start), [])
        if waiting:  # even if this note does not stop the tie, which some programs leave out
            at = waiting.pop(0)
            self.sounds[at] = self.sounds[at]._replace(end=end)
        else:
            at = len(self.sounds)
            self.sounds.append(_Sound(pitch, start, end))
            self.counts["transposed"] += shift != 0
        if ties & {"start", "continue"}:
            self._ties.setdefault((pitch, end), []).append(at)

    def _end_bar(self, length: Fraction) -> None:
        """Carry ties at the end of the bar into the next one, whose start may be later."""
        ties, self._ties = self._ties, {}
        for (pitch, end), waiting in ties.items():
            if end.at >= length:
                start = _Place(end.bar + 1, Fraction(0))
                self._ties.setdefault((pitch, start), []).extend(waiting)
        self.lengths.append(length)
        self.nominal.append(self._bar_length)

    def _attributes(self, attributes: Element) -> None:
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
            said = "+".join(f"{b}/{kind}" for b, kind in zip(beats, types, strict=True))
            self.meters.append((len(self.lengths), said[:_METER]))

    def _direction(self, direction: Element) -> None:
        for sound in direction.iter("sound"):
            self.jumps.update(said for name, said in _JUMP_OF_SOUND.items() if sound.get(name))
        for words in direction.iter("words"):
            self.jumps.update(jumps_in(words.text or ""))


def jumps_in(words: str) -> Iterator[str]:
    """Which of "D.C.", "D.S." and "to coda" stand in `words`."""
    for said, pattern in _JUMPS.items():
        if pattern.search(words):
            yield said


def _key(key: Element, shift: int) -> Key | None:
    try:
        fifths = int(key.findtext("fifths", ""))
    except ValueError:
        return None  # one that is spelled out note by note
    minor = key.findtext("mode", "").strip() == "minor"
    return Key((7 * fifths + (9 if minor else 0) + shift) % 12, minor)


def _together(parts: list[_Part]) -> ScoreNotes:
    """Let each bar of all parts start where the longest part's bar before it ends."""
    bars = max((len(part.lengths) for part in parts), default=0)
    lengths = [
        max(part.lengths[bar] for part in parts if bar < len(part.lengths)) for bar in range(bars)
    ]
    for bar, length in enumerate(lengths):
        if not length:  # nothing stands in it, not even a rest
            lengths[bar] = max(part.nominal[bar] for part in parts if bar < len(part.nominal))
    starts = list(accumulate(lengths, initial=Fraction(0)))
    notes = sorted(
        (float(starts[s.start.bar] + s.start.at), s.pitch, float(starts[s.end.bar] + s.end.at))
        for part in parts
        for s in part.sounds
    )
    quarters = max((end for _, _, end in notes), default=0.0)
    if quarters > MAX_QUARTERS:
        raise UploadError(
            f"The score lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are read."
        )
    counts = sum((part.counts for part in parts), Counter())
    counts["repeats"] = max((part.counts["repeats"] for part in parts), default=0)
    meters = sorted(meter for part in parts for meter in part.meters)
    jumps = set().union(*(part.jumps for part in parts))
    return ScoreNotes(
        notes=tuple(Note(pitch, start, end) for start, pitch, end in notes),
        key=next((part.key for part in parts if part.key), None),
        meters=tuple(dict.fromkeys(said for _, said in meters)),
        counts=+counts,
        jumps=tuple(name for name in _JUMPS if name in jumps),
    )
