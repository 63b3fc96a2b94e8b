"""Writes scores as MusicXML: parts of staves and voices, on a grid of sixteenths.

`score_write` and `voice_score` decide which notes are on which staff; this module writes them.
Source: MusicXML 4.0 (W3C, 2021).
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.key import Key, SpelledPitch, estimate_key, spell_pitch
from dmm_core.music.meter import Meter
from dmm_core.music.midi_scan import MAX_QUARTERS

__all__ = ["NOT_XML", "UNITS", "Clef", "ScorePart", "ScoreVoice", "Span", "key_of", "write_score"]

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Matches a character that is not allowed in XML."""

UNITS = 4
"""Units per quarter note: a unit is a sixteenth."""

_VALUES = {
    24: ("whole", 1),
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

_LONGEST_REST = 8
_TEMPOS = (4.0, 1000.0)
_LOWEST = 12
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    b'"http://www.musicxml.org/dtds/partwise.dtd">\n'
)


class Span(NamedTuple):
    """A note in units."""

    pitch: int
    start: int
    end: int


class Clef(NamedTuple):
    """A clef: its sign, its line, and the octaves by which it sounds higher."""

    sign: Literal["G", "F"]
    line: int
    octaves: int = 0


class ScoreVoice(NamedTuple):
    """A voice of a part.

    Attributes:
        spans: its notes. Notes that overlap become tied chords.
        staff: number of its staff, from 1.
        stem: direction of its stems; "" leaves it to the program that draws them.
        fermatas: units at which a note or rest of the voice begins that has a fermata. Notes and
            rests are divided there if necessary.
    """

    spans: Sequence[Span]
    staff: int = 1
    stem: Literal["", "up", "down"] = ""
    fermatas: Collection[int] = ()


class ScorePart(NamedTuple):
    """A part of a score.

    Attributes:
        name: its name.
        clefs: the clef of each of its staves.
        voices: its voices.
    """

    name: str
    clefs: Sequence[Clef]
    voices: Sequence[ScoreVoice]


class _Chord(NamedTuple):
    """A chord of a voice, with times in units; without notes it is a rest."""

    start: int
    end: int
    notes: tuple[Span, ...]
    is_bar: bool
    fermata: bool


def write_score(
    parts: Sequence[ScorePart],
    *,
    end: int,
    meter: Meter,
    key: Key | None,
    tempo: float,
    title: str,
) -> bytes:
    """Write a score as MusicXML. The same score gives the same bytes.

    Args:
        parts: the parts, from the top of the page. Several parts are joined by a bracket.
        end: length in units. The last bar ends there, even if it is not complete; a score without
            notes has a bar of rests.
        meter: where the bars are; an upbeat is a pickup measure.
        key: key of the signature and the spelling; None is C major.
        tempo: quarter notes per minute, 4 to 1000.
        title: title of the piece.

    Raises:
        DataError: if a pitch is below 12, which MusicXML cannot write, the tempo is out of bounds,
            or the score is longer than `MAX_QUARTERS`.
    """
    if not _TEMPOS[0] <= tempo <= _TEMPOS[1]:
        raise DataError(f"A MusicXML file's tempo is 4 to 1000 quarters a minute, not {tempo}.")
    spans = [span for part in parts for voice in part.voices for span in voice.spans]
    if low := [span.pitch for span in spans if span.pitch < _LOWEST]:
        raise DataError(f"A MusicXML file has MIDI pitches from 12 on, not {low[0]}.")
    bar = meter.beats * UNITS
    end = end or bar
    if end > MAX_QUARTERS * UNITS:
        raise DataError(
            f"A MusicXML file has at most {MAX_QUARTERS:,} quarters, not {end // UNITS:,}."
        )
    upbeat = meter.upbeat * UNITS
    edges = [*range(upbeat, end, bar), end]
    bars = [0, *edges] if upbeat else edges
    score = Element("score-partwise", version="4.0")
    _put(_put(score, "work"), "work-title", NOT_XML.sub("\ufffd", title))
    _part_list(_put(score, "part-list"), parts)
    for number, part in enumerate(parts, start=1):
        element = _put(score, "part", id=f"P{number}")
        voices = [deque(_chords(voice, bars, bar)) for voice in part.voices]
        for place, (start, stop) in enumerate(pairwise(bars)):
            measure = _put(element, "measure", number=str(place + (not upbeat)))
            if upbeat and not place:
                measure.set("implicit", "yes")
            if not place:
                _attributes(measure, part, meter, key.fifths if key else 0)
                if number == 1:
                    _tempo(measure, tempo, len(part.clefs))
            for at, (voice, chords) in enumerate(zip(part.voices, voices, strict=True), start=1):
                if at > 1:
                    _put(_put(measure, "backup"), "duration", str(stop - start))
                while chords and chords[0].start < stop:
                    _write(measure, chords.popleft(), at, voice, key, len(part.clefs))
    indent(score, "")
    return _HEAD + tostring(score, encoding="utf-8")


def key_of(spans: Sequence[Span]) -> Key | None:
    """Return the key that fits the notes best, or None."""
    weights = np.zeros(12)
    for span in spans:
        weights[span.pitch % 12] += span.end - span.start
    return estimate_key(weights) if spans else None


def _part_list(element: Element, parts: Sequence[ScorePart]) -> None:
    if len(parts) > 1:
        group = _put(element, "part-group", type="start", number="1")
        _put(group, "group-symbol", "bracket")
        _put(group, "group-barline", "yes")
    for number, part in enumerate(parts, start=1):
        listed = _put(element, "score-part", id=f"P{number}")
        _put(listed, "part-name", NOT_XML.sub("\ufffd", part.name))
    if len(parts) > 1:
        _put(element, "part-group", type="stop", number="1")


def _chords(voice: ScoreVoice, bars: list[int], full: int) -> Iterator[_Chord]:
    """Yield the chords of a voice.

    The time is split where a note begins or ends, at bar lines and fermatas, and into note values.
    A rest for a full bar is not split. In a shorter bar it is, because programs such as music21
    give a rest for the bar the length of a full one.
    """
    cuts = {time for span in voice.spans for time in (span.start, span.end)}
    edges = sorted(cuts.union(bars, voice.fermatas))
    starts = dict(pairwise(bars))
    waiting = sorted(voice.spans, key=lambda span: -span.start)
    sounding: list[Span] = []
    bar = 0
    for start, stop in pairwise(edges):
        bar = start if start in starts else bar
        sounding = [span for span in sounding if span.end > start]
        while waiting and waiting[-1].start == start:
            sounding.append(waiting.pop())
        notes = tuple(sorted(sounding))
        if not notes and starts.get(start) == stop == start + full:
            yield _Chord(start, stop, (), True, start in voice.fermatas)
            continue
        for length in _lengths(start - bar, stop - start, is_rest=not notes):
            yield _Chord(start, start + length, notes, False, start in voice.fermatas)
            start += length


def _lengths(at: int, length: int, *, is_rest: bool) -> Iterator[int]:
    """Yield the note values of a note or rest that begins `at` units after the bar line.

    Rests have values without a dot, and begin at multiples of their value. They are no whole rests,
    which stand for a bar of any length. A note that has no single value, or begins on an odd unit,
    is split at the next beat.
    """
    if not is_rest and at % UNITS and (at % 2 or length not in _VALUES):
        to_beat = -at % UNITS
        if to_beat < length:
            yield to_beat
            length -= to_beat
    while length:
        value = next(
            units
            for units, (_, dots) in _VALUES.items()
            if units <= length and not (is_rest and (dots or at % units or units > _LONGEST_REST))
        )
        yield value
        at, length = at + value, length - value


def _write(
    measure: Element, chord: _Chord, number: int, voice: ScoreVoice, key: Key | None, staves: int
) -> None:
    """Write a chord or rest of the voice with this number to a measure."""
    for place, span in enumerate(chord.notes or (None,)):
        note = _put(measure, "note")
        if place:
            _put(note, "chord")
        if span is not None:
            _pitch(note, spell_pitch(span.pitch, key))
        elif chord.is_bar:
            _put(note, "rest", measure="yes")
        else:
            _put(note, "rest")
        _put(note, "duration", str(chord.end - chord.start))
        ties = [] if span is None else _ties(span, chord)
        for tie in ties:
            _put(note, "tie", type=tie)
        _put(note, "voice", str(number))
        if not chord.is_bar:
            value, dots = _VALUES[chord.end - chord.start]
            _put(note, "type", value)
            for _ in range(dots):
                _put(note, "dot")
        if voice.stem and span is not None:
            _put(note, "stem", voice.stem)
        if staves > 1:
            _put(note, "staff", str(voice.staff))
        fermata = chord.fermata and not place
        if ties or fermata:
            notations = _put(note, "notations")
            for tie in ties:
                _put(notations, "tied", type=tie)
            if fermata:
                below = voice.stem == "down"
                _put(notations, "fermata", type="inverted" if below else "upright")


def _ties(span: Span, chord: _Chord) -> list[str]:
    """Return the types of ties of a note in a chord."""
    before = ["stop"] if span.start < chord.start else []
    return before + (["start"] if span.end > chord.end else [])


def _pitch(note: Element, pitch: SpelledPitch) -> None:
    element = _put(note, "pitch")
    _put(element, "step", pitch.letter)
    if pitch.alter:
        _put(element, "alter", str(pitch.alter))
    _put(element, "octave", str(pitch.octave))


def _attributes(measure: Element, part: ScorePart, meter: Meter, fifths: int) -> None:
    attributes = _put(measure, "attributes")
    _put(attributes, "divisions", str(UNITS))
    _put(_put(attributes, "key"), "fifths", str(fifths))
    time = _put(attributes, "time")
    _put(time, "beats", str(meter.beats))
    _put(time, "beat-type", "4")
    if len(part.clefs) > 1:
        _put(attributes, "staves", str(len(part.clefs)))
    for number, found in enumerate(part.clefs, start=1):
        clef = _put(attributes, "clef", number=str(number))
        _put(clef, "sign", found.sign)
        _put(clef, "line", str(found.line))
        if found.octaves:
            _put(clef, "clef-octave-change", str(found.octaves))


def _tempo(measure: Element, tempo: float, staves: int) -> None:
    direction = _put(measure, "direction", placement="above")
    metronome = _put(_put(direction, "direction-type"), "metronome")
    _put(metronome, "beat-unit", "quarter")
    _put(metronome, "per-minute", f"{tempo:g}")
    if staves > 1:
        _put(direction, "staff", "1")
    _put(direction, "sound", tempo=f"{tempo:g}")


def _put(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Append an element to `parent` and return it."""
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element
