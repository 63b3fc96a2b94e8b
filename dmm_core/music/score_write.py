"""Writes notes as MusicXML: two piano staves in 4/4, on a grid of sixteenths."""

from collections.abc import Sequence

from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import Note, check_notes
from dmm_core.music.score_xml import (
    UNITS,
    Clef,
    ScorePart,
    ScoreVoice,
    Span,
    key_of,
    write_score,
)

__all__ = ["musicxml_from_notes"]

_METER = Meter(4)
_BAR = _METER.beats * UNITS
_MIDDLE_C = 60


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
    spans = _spans(notes, tempo)
    bars = -(-max((span.end for span in spans), default=0) // _BAR)
    staves = [
        ScoreVoice([span for span in spans if (span.pitch >= _MIDDLE_C) == upper], staff)
        for staff, upper in ((1, True), (2, False))
    ]
    return write_score(
        [ScorePart("Piano", (Clef("G", 2), Clef("F", 4)), staves)],
        end=bars * _BAR,
        meter=_METER,
        key=key_of(spans),
        tempo=tempo,
        title=title,
    )


def _spans(notes: Sequence[Note], tempo: float) -> list[Span]:
    """Return the notes on the grid; notes of the same pitch do not overlap."""
    rate = tempo / 60 * UNITS
    onsets: dict[tuple[int, int], int] = {}
    for note in notes:
        start, end = round(note.start * rate), round(note.end * rate)
        key = note.pitch, start
        onsets[key] = max(end, start + 1, onsets.get(key, 0))
    spans: list[Span] = []
    for (pitch, start), end in sorted(onsets.items()):
        if spans and spans[-1].pitch == pitch and spans[-1].end > start:
            spans[-1] = spans[-1]._replace(end=start)
        spans.append(Span(pitch, start, end))
    return spans
