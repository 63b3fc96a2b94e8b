"""Untrusted music -> piano-rolls on one grid, and words about what was changed on the way."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.uploads.midi import midi_changes
from dmm_core.data.uploads.parsed import ParsedFile, spans_of
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.score import score_changes, score_of_mxl, unread_tunes
from dmm_core.data.uploads.time_grid import grid_changes, grid_counts
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
from dmm_core.music.abc_notation import read_abc
from dmm_core.music.key import Key, estimate_key
from dmm_core.music.midi import read_midi
from dmm_core.music.pianoroll import HIGHEST, LOWEST, MAX_FRAMES, Note, roll_from_notes
from dmm_core.music.score import ScoreNotes, read_musicxml

__all__ = ["parse_abc", "parse_midi", "parse_musicxml", "parse_mxl"]

_LISTED = 5  # titles in a sentence
_LEFT_OUT = {
    "drums": ("drum note", ""),
    "unreleased": ("note", " without an end"),
}


class _Piece(NamedTuple):
    """Notes in quarters, and what was left out of them already."""

    title: str
    notes: Sequence[Note]
    key: Key | None
    counts: dict[str, int]
    meters: tuple[str, ...]


def parse_midi(data: bytes, options: UploadOptions) -> ParsedFile:
    """Put the notes of a MIDI file on the grid that `options` ask for.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    score = read_midi(data)
    counts = {"drums": score.drums, "unreleased": score.unreleased, "tempi": score.tempi}
    parsed = _parsed([_Piece("", score.notes, score.key, counts, score.meters)], options, "MIDI")
    return parsed._replace(changes=(*parsed.changes, *midi_changes(score, options)))


def parse_musicxml(data: bytes, options: UploadOptions) -> ParsedFile:
    """The same for a MusicXML file.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    return _scores([read_musicxml(data)], options, "MusicXML")


def parse_mxl(data: bytes, options: UploadOptions) -> ParsedFile:
    """The same for a compressed MusicXML file.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    return parse_musicxml(score_of_mxl(data), options)


def parse_abc(data: bytes, options: UploadOptions) -> ParsedFile:
    """The same for an ABC file; every tune is a sequence.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    book = read_abc(data)
    parsed = _scores(book.tunes, options, "ABC")
    return parsed._replace(changes=(*parsed.changes, *unread_tunes(book)))


def _scores(scores: Sequence[ScoreNotes], options: UploadOptions, kind: str) -> ParsedFile:
    pieces = [_Piece(display_name(s.title), s.notes, s.key, {}, s.meters) for s in scores]
    parsed = _parsed(pieces, options, kind)
    return parsed._replace(changes=(*parsed.changes, *score_changes(scores)))


def _parsed(pieces: Sequence[_Piece], options: UploadOptions, kind: str) -> ParsedFile:
    counts: Counter[str] = Counter()
    rolls, titles, moves, spans = [], [], [], []
    for piece in pieces:
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
            spans.append(spans_of([note._replace(pitch=note.pitch - shift) for note in inside]))
            moves += [move] if move else []
    if not rolls:
        why = _no_notes(counts, kind)
        raise UploadError(f"The {kind} file holds no notes that a piano can play{why}.")
    return ParsedFile(
        x=np.concatenate(rolls),
        lengths=tuple(map(len, rolls)),
        titles=tuple(titles),
        changes=(*_said(counts, moves, len(pieces), options), *_bars_lost(pieces)),
        notes=sum(map(len, spans)),
        spans=spans[0],
    )


def _no_notes(counts: Counter[str], kind: str) -> str:
    """Why no note is left, where the counts tell."""
    channel = " (channel 10)" if kind == "MIDI" else ""
    why = {
        "drums": (f"a drum{channel}", f"drums{channel}"),
        "unreleased": ("without an end", "without an end"),
        "outside": ("outside the piano's range", "outside the piano's range"),
    }
    found = {what: counts[what] for what in why if counts[what]}
    if not found:
        return ""
    if sum(found.values()) == 1:
        return f": its only note is {why[next(iter(found))][0]}"
    if len(found) == 1:
        [(what, number)] = found.items()
        return f": all {number:,} notes are {why[what][1]}"
    listed = [
        f"{number:,} {'is' if number == 1 else 'are'} {why[what][number > 1]}"
        for what, number in found.items()
    ]
    return f": of its notes, {', '.join(listed)}"


def _roll(notes: Sequence[Note], options: UploadOptions, most: int) -> np.ndarray:
    roll = roll_from_notes(notes, tempo=60, steps_per_quarter=options.steps_per_quarter)
    if len(roll) > most:
        raise UploadError(f"The file has over {MAX_FRAMES:,} frames.")
    return roll.astype(np.uint8)


def _said(counts: Counter[str], moves: list[str], pieces: int, options: UploadOptions) -> list[str]:
    """What was changed, in plain sentences; of many pieces, in sum."""
    said = [
        f"Left out {pluralise(counts[what], noun)}{such}."
        for what, (noun, such) in _LEFT_OUT.items()
        if counts[what]
    ]
    if len(moves) == 1 and pieces == 1:
        said += moves
    elif moves:
        said.append(f"Moved {len(moves):,} of {pluralise(pieces, 'tune')} to C major or A minor.")
    if counts["outside"]:
        said.append(f"Left out {pluralise(counts['outside'], 'note')} outside the piano's range.")
    said += grid_changes(counts, options.steps_per_quarter)
    if counts["tempi"] > 1:
        said.append(
            f"Left out {pluralise(counts['tempi'], 'tempo')}: a frame is a note value, not a time."
        )
    return said


def _bars_lost(pieces: Sequence[_Piece]) -> Iterator[str]:
    """The bars that a grid of quarters does not hold, in a sentence."""
    meters = dict.fromkeys(meter for piece in pieces for meter in piece.meters)
    if others := [meter for meter in meters if meter != "4/4"]:
        listed = ", ".join(others[:_LISTED]) + (" and more" if len(others) > _LISTED else "")
        yield f"Bars are counted in 4/4, not in {listed}."


def _transposition(piece: _Piece) -> tuple[int, str]:
    """Semitones to C major or A minor, and a sentence about them."""
    key = piece.key or _estimated_key(piece.notes)
    if key is None or not key.shift:
        return 0, ""
    goal = "A minor" if key.minor else "C major"
    source = "by the key signature" if piece.key else "by its notes"
    direction = "up" if key.shift > 0 else "down"
    semitones = pluralise(abs(key.shift), "semitone")
    return key.shift, f"Moved {direction} {semitones}, {key} to {goal} ({source})."


def _estimated_key(notes: Sequence[Note]) -> Key | None:
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end - note.start
    return estimate_key(weights)
