"""Single lines of notes from files of music, on a grid of sixteenths.

A line is a track and channel of a MIDI file, a voice of a staff of a MusicXML score, or a voice of
an ABC tune. `dmm_core.data.uploads.lines` reads untrusted files with these functions.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from dmm_core.errors import DataError, UploadError
from dmm_core.music.key import Key
from dmm_core.music.meter import LONGEST_BAR, Meter
from dmm_core.music.midi import TEMPOS, MidiScore
from dmm_core.music.pianoroll import HIGHEST, LOWEST, Note
from dmm_core.music.score import ScoreParts
from dmm_core.music.symbols import VOICES
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = [
    "MAX_BEATS",
    "MAX_LINES",
    "Line",
    "LinesFile",
    "lines_of_midi",
    "lines_of_score",
    "piece_from_lines",
]

MAX_LINES = 32
"""Largest number of lines of a file; further ones are left out."""

MAX_BEATS = 4096
"""Largest number of quarter notes of a file; the rest of the file is left out."""

_MAX_NAME = 40  # characters of a line's name
_TOLERANCE = 1e-3  # sixteenths within which a time counts as on the grid


class Line(NamedTuple):
    """A line of notes, one at a time.

    Attributes:
        name: name of the track, part or voice.
        pitches: (S,) int16: the MIDI pitch that sounds on a sixteenth, or `REST`.
        onsets: (S,) bool: whether a note begins on that sixteenth.
    """

    name: str
    pitches: np.ndarray
    onsets: np.ndarray

    @property
    def mean_pitch(self) -> float:
        """The mean pitch over the time in which the line sounds."""
        return float(self.pitches[self.pitches != REST].mean())


class LinesFile(NamedTuple):
    """The lines of a file. All have the same length, and each has a note.

    Attributes:
        lines: the lines, in the order of the file.
        meter: where the bars are; None if the file does not say it, or its bars are no whole
            number of quarter notes.
        fermatas: (beats,) bool, whether the beat has a fermata in any line; None if no beat has.
        tempo: first tempo in quarter notes per minute, if it is in `TEMPOS`, or None. MIDI stores
            it with an error of up to 1e-4, so it is rounded to three decimals.
        key: first key signature, or None.
        changes: sentences about what was rounded, left out or assumed.
    """

    lines: tuple[Line, ...]
    meter: Meter | None
    fermatas: np.ndarray | None
    tempo: float | None
    key: Key | None
    changes: tuple[str, ...]

    @property
    def beats(self) -> int:
        """Length in quarter notes."""
        return len(self.lines[0].pitches) // STEPS


def piece_from_lines(lines: Sequence[Line], fermatas: np.ndarray | None = None) -> VoicedPiece:
    """Return the piece whose voices are the lines, the highest first.

    Lines that are named Soprano, Alto, Tenor and Bass are in this order. Others are sorted by their
    mean pitch.

    Args:
        lines: lines of the same length.
        fermatas: as in `VoicedPiece`.

    Raises:
        DataError: if there is no line, or their lengths differ.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import Line, piece_from_lines
        >>> onsets = np.array([True, False, False, False])
        >>> low, high = (Line(str(p), np.full(4, p, np.int16), onsets) for p in (48, 60))
        >>> piece_from_lines([low, high]).on_beats.tolist()
        [[60], [48]]
    """
    if len({len(line.pitches) for line in lines}) != 1:
        raise DataError("A piece needs at least one line, and all lines have the same length.")
    names = [line.name.lower() for line in lines]
    if len(set(names)) == len(names) and set(names) <= set(VOICES):
        ordered = sorted(lines, key=lambda line: VOICES.index(line.name.lower()))
    else:
        ordered = sorted(lines, key=lambda line: -line.mean_pitch)
    return VoicedPiece(
        np.stack([line.pitches for line in ordered]),
        np.stack([line.onsets for line in ordered]),
        fermatas,
    )


def lines_of_midi(score: MidiScore) -> LinesFile:
    """Return the lines of a MIDI file: each channel of each track is one.

    The bars are those of the first time signature. If a shorter one precedes it for the length of
    one of its bars, that is the upbeat.

    Raises:
        UploadError: if no note is within the piano's range.
    """
    found: dict[tuple[int, int], list[Note]] = {}
    for source, note in sorted(zip(score.sources, score.notes, strict=True)):
        found.setdefault(source, []).append(note)
    shared = Counter(track for track, _ in found)
    named = []
    for (track, channel), notes in found.items():
        name = score.names[track] or f"Track {track + 1}"
        where = f", channel {channel % 16 + 1}" if shared[track] > 1 else ""
        named.append((name + where, notes))
    bars = [(Fraction(at).limit_denominator(960), _length(meter)) for at, meter in score.bars]
    upbeat = Fraction(0)
    if len(bars) > 1 and bars[0][0] == 0 and bars[1][0] == bars[0][1] < bars[1][1]:
        upbeat = bars[0][1]
        bars = bars[1:]
    others = len({length for _, length in bars}) - 1
    said = (
        [f"Bars are counted in the first of {others + 1} different meters."] if others > 0 else []
    )
    return _file(
        named,
        length=bars[0][1] if bars else None,
        upbeat=upbeat,
        fermatas=[],
        end=0.0,
        tempo=round(score.tempo, 3) if score.tempi else None,
        key=score.key,
        said=said,
    )


def lines_of_score(score: ScoreParts) -> LinesFile:
    """Return the lines of a score: each voice of each staff of each part is one.

    The bars are those of the first time signature, and a first bar that is shorter is the upbeat.

    Raises:
        UploadError: if no note is within the piano's range.
    """
    named, fermatas = [], []
    for number, (part, name) in enumerate(zip(score.parts, score.names, strict=True), start=1):
        found: dict[tuple[str, str], list[Note]] = {}
        for sound in part.sounds:
            note = Note(sound.pitch, score.time(sound.start), score.time(sound.end))
            found.setdefault(sound.line, []).append(note)
        title = name or f"Part {number}"
        for voice, line in enumerate(sorted(found), start=1):
            named.append((f"{title}, voice {voice}" if len(found) > 1 else title, found[line]))
        fermatas += [score.time(place) for place in part.fermatas]
    has_meter = any(part.meters for part in score.parts)
    length = score.nominal[0] if has_meter and score.nominal else None
    upbeat, said = Fraction(0), []
    if length:
        first = score.starts[1]
        upbeat = first if len(score.nominal) > 1 and 0 < first < length else upbeat
        elsewhere = sum((start - upbeat) % length != 0 for start in score.starts[1:-1])
        if elsewhere:
            bars = "1 bar begins" if elsewhere == 1 else f"{elsewhere:,} bars begin"
            said.append(f"{bars} elsewhere than the regular bars, in which beats are counted.")
    return _file(
        named,
        length=length,
        upbeat=upbeat,
        fermatas=fermatas,
        end=float(score.starts[-1]),
        tempo=next((part.tempo for part in score.parts if part.tempo), None),
        key=next((part.key for part in score.parts if part.key), None),
        said=said,
    )


def _length(meter: str) -> Fraction:
    """The length of a bar in quarter notes, from a time signature such as "3/4"."""
    beats, kind = meter.split("/")
    return Fraction(4 * int(beats), int(kind))


def _file(
    named: Sequence[tuple[str, Sequence[Note]]],
    *,
    length: Fraction | None,
    upbeat: Fraction,
    fermatas: Sequence[float],
    end: float,
    tempo: float | None,
    key: Key | None,
    said: list[str],
) -> LinesFile:
    """Place the notes of lines on the grid, in quarter notes, such that bars begin on beats."""
    whole = length is not None and length.denominator == 1 and 1 <= length <= LONGEST_BAR
    # An upbeat of a part of a beat is filled up with a rest before it.
    rest = (-upbeat) % 1 if whole else Fraction(0)
    meter = Meter(int(length), int(upbeat + rest) % int(length)) if whole and length else None
    counts: Counter[str] = Counter()
    lines = []
    for name, notes in named:
        inside = [note for note in notes if LOWEST <= note.pitch <= HIGHEST]
        counts["outside"] += len(notes) - len(inside)
        if inside and len(lines) < MAX_LINES:
            lines.append((name[:_MAX_NAME], _monophonic(inside, float(rest), counts)))
        elif inside:
            counts["lines"] += 1
    if not lines:
        raise UploadError("The file holds no notes that a piano can play.")
    last = max(spans[-1][2] for _, spans in lines)
    beats = max(math.ceil(last / STEPS), math.ceil(end + float(rest) - _TOLERANCE))
    kept = min(beats, MAX_BEATS)
    marked = np.zeros(kept, dtype=bool)
    for at in fermatas:
        beat = math.floor(at + float(rest) + _TOLERANCE)
        if beat < kept:
            marked[beat] = True
    read = [line for name, spans in lines if (line := _line(name, spans, kept * STEPS))]
    if not read:
        raise UploadError(f"The file holds no notes in its first {MAX_BEATS:,} quarter notes.")
    return LinesFile(
        lines=tuple(read),
        meter=meter,
        fermatas=marked if marked.any() else None,
        tempo=tempo if tempo and TEMPOS[0] <= tempo <= TEMPOS[1] else None,
        key=key,
        changes=(
            *_changes(counts, beats),
            *_meter_changes(length, meter, rest),
            *said,
        ),
    )


def _monophonic(notes: Sequence[Note], rest: float, counts: Counter[str]) -> list[list[int]]:
    """Return [pitch, start, end] of the notes of a line in sixteenths; no two overlap.

    Of notes that begin on the same sixteenth, the highest is kept. A lower note that begins and
    ends while a higher one sounds is left out. Any other note ends the one before it.
    """
    spans: list[list[int]] = []
    for start, end, low, note in sorted(
        (*_on_grid(note, rest), -note.pitch, note) for note in notes
    ):
        exact = ((note.start + rest) * STEPS, (note.end + rest) * STEPS)
        counts["notes"] += 1
        counts["onsets"] += abs(exact[0] - start) > _TOLERANCE
        counts["ends"] += abs(exact[1] - end) > _TOLERANCE
        before = spans[-1] if spans else None
        if before and start < before[2]:
            if start == before[1] or (-low < before[0] and end <= before[2]):
                counts["chords"] += 1
                continue
            before[2] = start
            counts["cut"] += 1
        spans.append([-low, start, end])
    return spans


def _on_grid(note: Note, rest: float) -> tuple[int, int]:
    """Start and end of a note in sixteenths; it lasts at least one."""
    start, end = (math.floor((time + rest) * STEPS + 0.5) for time in (note.start, note.end))
    return start, max(end, start + 1)


def _line(name: str, spans: Sequence[Sequence[int]], steps: int) -> Line | None:
    """Return the line of notes in sixteenths, or None if none begins in the first `steps`."""
    pitches = np.full(steps, REST, dtype=np.int16)
    onsets = np.zeros(steps, dtype=bool)
    for pitch, start, end in spans:
        if start < steps:
            pitches[start:end] = pitch
            onsets[start] = True
    return Line(name, pitches, onsets) if onsets.any() else None


def _changes(counts: Counter[str], beats: int) -> Iterator[str]:
    """Yield sentences about the notes."""
    if counts["outside"]:
        yield f"Left out {_notes(counts['outside'])} outside the piano's range."
    if counts["lines"]:
        lines = "1 line" if counts["lines"] == 1 else f"{counts['lines']:,} lines"
        yield f"Left out {lines} after the first {MAX_LINES}."
    if beats > MAX_BEATS:
        yield f"Left out what follows the first {MAX_BEATS:,} of {beats:,} quarter notes."
    if counts["chords"]:
        yield (
            f"Left out {_notes(counts['chords'])} under a higher note of the same line, because a "
            "line has one note at a time."
        )
    if counts["cut"]:
        yield f"Ended {_notes(counts['cut'])} early, where the next note of the line begins."
    moved = [
        f"{counts[what]:,} {what if counts[what] > 1 else what[:-1]}"
        for what in ("onsets", "ends")
        if counts[what]
    ]
    if moved:
        yield (
            f"Moved {' and '.join(moved)} of {_notes(counts['notes'])} to the grid of sixteenths, "
            "which has no triplets and no shorter notes."
        )


def _meter_changes(length: Fraction | None, meter: Meter | None, rest: Fraction) -> Iterator[str]:
    """Yield sentences about the meter."""
    if length is None:
        yield "The file does not say where its bars are."
    elif meter is None:
        yield (
            f"A bar has {float(length):g} quarter notes, but bars are counted only if they have a "
            f"whole number from 1 to {LONGEST_BAR}."
        )
    if rest:
        yield (
            f"Put a rest of {float(rest):g} quarter notes before the upbeat, so that bars begin on "
            "beats."
        )


def _notes(number: int) -> str:
    return "1 note" if number == 1 else f"{number:,} notes"
