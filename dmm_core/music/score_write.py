"""Writes notes as MusicXML: two piano staves in 4/4, on a grid of sixteenths."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.key import Key, SpelledPitch, estimate_key, spell_pitch
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.pianoroll import Note, check_notes

__all__ = ["NOT_XML", "musicxml_from_notes"]

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Matches a character that is not allowed in XML."""

_UNITS = 4  # units per quarter note; a unit is a sixteenth
_BAR = 4 * _UNITS
_MIDDLE_C = 60
_VALUES = {
    16: ("whole", 0),
    12: ("half", 1),
    8: ("half", 0),
    6: ("quarter", 1),
    4: ("quarter", 0),
    3: ("eighth", 1),
    2: ("eighth", 0),
    1: ("16th", 0),
}
"""Units -> (note value, dots), the longest first."""

_TEMPOS = (4.0, 1000.0)
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    b'"http://www.musicxml.org/dtds/partwise.dtd">\n'
)


class _Span(NamedTuple):
    """A note in units."""

    pitch: int
    start: int
    end: int


class _Chord(NamedTuple):
    """A chord of a staff, with times in units; without notes it is a rest."""

    start: int
    end: int
    notes: tuple[_Span, ...]


def musicxml_from_notes(notes: Sequence[Note], *, tempo: float, title: str) -> bytes:
    """Write notes as a MusicXML file for piano; middle C and higher notes are on the upper staff.

    Times are rounded to the nearest sixteenth, and a note lasts at least one sixteenth. If a pitch
    is struck while it sounds, the first note ends there. Each staff has one voice; overlapping
    notes become tied chords. The key signature and the spelling are those of the key that fits the
    notes best. The same notes give the same bytes.

    Args:
        notes: notes with times in seconds.
        tempo: quarter notes per minute, 4 to 1000.
        title: title of the piece.

    Raises:
        DataError: if a note is invalid or below MIDI pitch 12, which MusicXML cannot write, the
            tempo is out of bounds, or the piece is longer than `MAX_QUARTERS`.
    """
    check_notes(notes)
    if not _TEMPOS[0] <= tempo <= _TEMPOS[1]:
        raise DataError(f"A MusicXML file's tempo is 4 to 1000 quarters a minute, not {tempo}.")
    if low := [note.pitch for note in notes if note.pitch < 12]:
        raise DataError(f"A MusicXML file has MIDI pitches from 12 on, not {low[0]}.")
    spans = _spans(notes, tempo)
    bars = max(1, -(-max((span.end for span in spans), default=0) // _BAR))
    if bars * 4 > MAX_QUARTERS:
        raise DataError(f"A MusicXML file has at most {MAX_QUARTERS:,} quarters, not {4 * bars:,}.")
    key = _key(spans)
    score = Element("score-partwise", version="4.0")
    _put(_put(score, "work"), "work-title", NOT_XML.sub("\ufffd", title))
    listed = _put(_put(score, "part-list"), "score-part", id="P1")
    _put(listed, "part-name", "Piano")
    part = _put(score, "part", id="P1")
    staves = [
        deque(_chords([s for s in spans if (s.pitch >= _MIDDLE_C) == upper], bars * _BAR))
        for upper in (True, False)
    ]
    for bar in range(bars):
        measure = _put(part, "measure", number=str(bar + 1))
        if bar == 0:
            _attributes(measure, key.fifths if key else 0)
            _tempo(measure, tempo)
        for staff, chords in enumerate(staves, start=1):
            if staff == 2:
                _put(_put(measure, "backup"), "duration", str(_BAR))
            while chords and chords[0].start < (bar + 1) * _BAR:
                _write(measure, chords.popleft(), staff, key)
    indent(score, "")
    return _HEAD + tostring(score, encoding="utf-8")


def _spans(notes: Sequence[Note], tempo: float) -> list[_Span]:
    """Return the notes on the grid; notes of the same pitch do not overlap."""
    rate = tempo / 60 * _UNITS
    onsets: dict[tuple[int, int], int] = {}
    for note in notes:
        start, end = round(note.start * rate), round(note.end * rate)
        key = note.pitch, start
        onsets[key] = max(end, start + 1, onsets.get(key, 0))
    spans: list[_Span] = []
    for (pitch, start), end in sorted(onsets.items()):
        if spans and spans[-1].pitch == pitch and spans[-1].end > start:
            spans[-1] = spans[-1]._replace(end=start)
        spans.append(_Span(pitch, start, end))
    return spans


def _key(spans: list[_Span]) -> Key | None:
    """Return the key that fits the notes best, or None."""
    weights = np.zeros(12)
    for span in spans:
        weights[span.pitch % 12] += span.end - span.start
    return estimate_key(weights) if spans else None


def _chords(spans: list[_Span], end: int) -> Iterator[_Chord]:
    """Yield the chords of a staff from 0 to `end`.

    The time is split where a note begins or ends, at bar lines, and into note values.
    """
    edges = sorted({0, end, *range(0, end, _BAR), *(t for s in spans for t in (s.start, s.end))})
    waiting = sorted(spans, key=lambda span: -span.start)
    sounding: list[_Span] = []
    for start, stop in pairwise(edges):
        sounding = [span for span in sounding if span.end > start]
        while waiting and waiting[-1].start == start:
            sounding.append(waiting.pop())
        notes = tuple(sorted(sounding))
        while start < stop:
            length = next(units for units in _VALUES if units <= stop - start)
            yield _Chord(start, start + length, notes)
            start += length


def _write(measure: Element, chord: _Chord, staff: int, key: Key | None) -> None:
    """Write a chord or rest to a measure."""
    value, dots = _VALUES[chord.end - chord.start]
    for number, span in enumerate(chord.notes or (None,)):
        note = _put(measure, "note")
        if number:
            _put(note, "chord")
        if span is None:
            _put(note, "rest")
        else:
            _pitch(note, spell_pitch(span.pitch, key))
        _put(note, "duration", str(chord.end - chord.start))
        ties = [] if span is None else _ties(span, chord)
        for tie in ties:
            _put(note, "tie", type=tie)
        _put(note, "voice", str(staff))
        _put(note, "type", value)
        for _ in range(dots):
            _put(note, "dot")
        _put(note, "staff", str(staff))
        if ties:
            notations = _put(note, "notations")
            for tie in ties:
                _put(notations, "tied", type=tie)


def _ties(span: _Span, chord: _Chord) -> list[str]:
    """Return the types of ties of a note in a chord."""
    before = ["stop"] if span.start < chord.start else []
    return before + (["start"] if span.end > chord.end else [])


def _pitch(note: Element, pitch: SpelledPitch) -> None:
    element = _put(note, "pitch")
    _put(element, "step", pitch.letter)
    if pitch.alter:
        _put(element, "alter", str(pitch.alter))
    _put(element, "octave", str(pitch.octave))


def _attributes(measure: Element, fifths: int) -> None:
    attributes = _put(measure, "attributes")
    _put(attributes, "divisions", str(_UNITS))
    _put(_put(attributes, "key"), "fifths", str(fifths))
    time = _put(attributes, "time")
    _put(time, "beats", "4")
    _put(time, "beat-type", "4")
    _put(attributes, "staves", "2")
    for number, (sign, line) in enumerate((("G", "2"), ("F", "4")), start=1):
        clef = _put(attributes, "clef", number=str(number))
        _put(clef, "sign", sign)
        _put(clef, "line", line)


def _tempo(measure: Element, tempo: float) -> None:
    direction = _put(measure, "direction", placement="above")
    metronome = _put(_put(direction, "direction-type"), "metronome")
    _put(metronome, "beat-unit", "quarter")
    _put(metronome, "per-minute", f"{tempo:g}")
    _put(direction, "staff", "1")
    _put(direction, "sound", tempo=f"{tempo:g}")


def _put(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Append an element to `parent` and return it."""
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element
