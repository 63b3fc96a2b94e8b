"""Parses untrusted music files into piano-rolls on a grid, and reports what was changed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.uploads.midi import midi_changes
from dmm_core.data.uploads.parsed import ParsedFile, spans_from_notes
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.score import score_changes, score_of_mxl, skipped_tunes_change
from dmm_core.data.uploads.time_grid import grid_changes, grid_counts
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
from dmm_core.music.abc_notation import read_abc
from dmm_core.music.key import Key, estimate_key
from dmm_core.music.midi import read_midi
from dmm_core.music.pianoroll import HIGHEST, LOWEST, MAX_FRAMES, Note, roll_from_notes
from dmm_core.music.score import ScoreNotes, read_musicxml

__all__ = ["parse_abc", "parse_midi", "parse_musicxml", "parse_mxl"]

_MAX_LISTED = 5  # time signatures in a sentence
_LEFT_OUT = {
    "drums": ("drum note", ""),
    "unreleased": ("note", " without an end"),
}


class _Piece(NamedTuple):
    """A piece of music as a parser returns it.

    Attributes:
        title: title of the piece, or "".
        notes: notes with times in quarter notes.
        key: key signature, or None.
        counts: number of notes that the parser left out, by reason.
        meters: time signatures.
    """

    title: str
    notes: Sequence[Note]
    key: Key | None
    counts: dict[str, int]
    meters: tuple[str, ...]


def parse_midi(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse a MIDI file into a piano-roll on the grid of `options`.

    Raises:
        UploadError: if the file is refused.
    """
    score = read_midi(data)
    counts = {"drums": score.drums, "unreleased": score.unreleased, "tempi": score.tempi}
    parsed = _quantised([_Piece("", score.notes, score.key, counts, score.meters)], options, "MIDI")
    return parsed._replace(changes=(*parsed.changes, *midi_changes(score, options)))


def parse_musicxml(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse a MusicXML file into a piano-roll on the grid of `options`.

    Raises:
        UploadError: if the file is refused.
    """
    return _scores([read_musicxml(data)], options, "MusicXML")


def parse_mxl(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse a compressed MusicXML file into a piano-roll on the grid of `options`.

    Raises:
        UploadError: if the file is refused.
    """
    return parse_musicxml(score_of_mxl(data), options)


def parse_abc(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse an ABC file; each tune becomes a piano-roll on the grid of `options`.

    Raises:
        UploadError: if the file is refused.
    """
    book = read_abc(data)
    parsed = _scores(book.tunes, options, "ABC")
    return parsed._replace(changes=(*parsed.changes, *skipped_tunes_change(book)))


def _scores(scores: Sequence[ScoreNotes], options: UploadOptions, kind: str) -> ParsedFile:
    """Return the piano-rolls of scores, with the sentences that only scores need."""
    pieces = [_Piece(display_name(s.title), s.notes, s.key, {}, s.meters) for s in scores]
    parsed = _quantised(pieces, options, kind)
    return parsed._replace(changes=(*parsed.changes, *score_changes(scores)))


def _quantised(pieces: Sequence[_Piece], options: UploadOptions, kind: str) -> ParsedFile:
    """Return the piano-rolls of pieces, and count what the conversion changes."""
    counts: Counter[str] = Counter()
    rolls, titles, moves, spans = [], [], [], []
    for piece in pieces:
        # Transpose first, because it decides which notes are within the piano's range.
        shift, move = _transposition(piece) if options.transpose else (0, "")
        moved = [note._replace(pitch=note.pitch + shift) for note in piece.notes]
        inside = [note for note in moved if LOWEST <= note.pitch <= HIGHEST]
        counts.update(piece.counts)
        counts["outside"] += len(moved) - len(inside)
        if inside:
            roll = _roll(inside, options, MAX_FRAMES - sum(map(len, rolls)))
            counts.update(grid_counts(inside, roll, options.steps_per_quarter))
            rolls.append(roll)
            titles.append(piece.title if len(pieces) > 1 else "")
            spans.append(
                spans_from_notes([note._replace(pitch=note.pitch - shift) for note in inside])
            )
            moves += [move] if move else []
    if not rolls:
        reason = _reason_for_no_notes(counts, kind)
        raise UploadError(f"The {kind} file holds no notes that a piano can play{reason}.")
    return ParsedFile(
        x=np.concatenate(rolls),
        lengths=tuple(map(len, rolls)),
        titles=tuple(titles),
        changes=(*_changes(counts, moves, len(pieces), options), *_meter_changes(pieces)),
        notes=sum(map(len, spans)),
        spans=spans[0],
    )


def _reason_for_no_notes(counts: Counter[str], kind: str) -> str:
    """Return a clause that says why no note is left, or "" if the counts do not show it."""
    channel = " (channel 10)" if kind == "MIDI" else ""
    reasons = {
        "drums": (f"a drum{channel}", f"drums{channel}"),
        "unreleased": ("without an end", "without an end"),
        "outside": ("outside the piano's range", "outside the piano's range"),
    }
    found = {what: counts[what] for what in reasons if counts[what]}
    if not found:
        return ""
    if sum(found.values()) == 1:
        return f": its only note is {reasons[next(iter(found))][0]}"
    if len(found) == 1:
        [(what, number)] = found.items()
        return f": all {number:,} notes are {reasons[what][1]}"
    listed = [
        f"{number:,} {'is' if number == 1 else 'are'} {reasons[what][number > 1]}"
        for what, number in found.items()
    ]
    return f": of its notes, {', '.join(listed)}"


def _roll(notes: Sequence[Note], options: UploadOptions, max_frames: int) -> np.ndarray:
    """Return the (T, 88) uint8 piano-roll of notes whose times are in quarter notes."""
    roll = roll_from_notes(notes, tempo=60, steps_per_quarter=options.steps_per_quarter)
    if len(roll) > max_frames:
        raise UploadError(f"The file has over {MAX_FRAMES:,} frames.")
    return roll.astype(np.uint8)


def _changes(
    counts: Counter[str], moves: list[str], pieces: int, options: UploadOptions
) -> list[str]:
    """Return sentences about what was changed, summed over all pieces."""
    changes = [
        f"Left out {pluralise(counts[what], noun)}{such}."
        for what, (noun, such) in _LEFT_OUT.items()
        if counts[what]
    ]
    if len(moves) == 1 and pieces == 1:
        changes += moves
    elif moves:
        changes.append(
            f"Transposed {len(moves):,} of {pluralise(pieces, 'tune')} to C major or A minor."
        )
    if counts["outside"]:
        changes.append(
            f"Left out {pluralise(counts['outside'], 'note')} outside the piano's range."
        )
    changes += grid_changes(counts, options.steps_per_quarter)
    if counts["tempi"] > 1:
        changes.append(
            f"Left out {pluralise(counts['tempi'], 'tempo')}: frames are note values, so tempo has "
            "no effect on them."
        )
    return changes


def _meter_changes(pieces: Sequence[_Piece]) -> Iterator[str]:
    """Yield a sentence if there are time signatures other than 4/4, which are not kept."""
    meters = dict.fromkeys(meter for piece in pieces for meter in piece.meters)
    if others := [meter for meter in meters if meter != "4/4"]:
        listed = ", ".join(others[:_MAX_LISTED]) + (
            " and more" if len(others) > _MAX_LISTED else ""
        )
        yield f"Bars are counted in 4/4, not in {listed}."


def _transposition(piece: _Piece) -> tuple[int, str]:
    """Return the semitones to C major or A minor, and a sentence about the transposition."""
    key = piece.key or _estimated_key(piece.notes)
    if key is None or not key.shift:
        return 0, ""
    target = "A minor" if key.minor else "C major"
    source = "by the key signature" if piece.key else "by its notes"
    direction = "up" if key.shift > 0 else "down"
    semitones = pluralise(abs(key.shift), "semitone")
    return key.shift, f"Transposed {direction} {semitones}, {key} to {target} ({source})."


def _estimated_key(notes: Sequence[Note]) -> Key | None:
    """Return the key that fits the total duration of each pitch class best."""
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end - note.start
    return estimate_key(weights)
