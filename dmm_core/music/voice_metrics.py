"""Measures of pieces in voices: chords, clashes, lines, parallels, cadences and repetition.

Every measure is a share: how often something was found among the places where it could have been.
The shares of pieces add up, so that a set of pieces is measured by their sum. `measure` takes all
of them from one piece.

A beat is a quarter note, and what sounds "on the beat" is what sounds on its first sixteenth. A
measure of beats or of sixteenths counts only those on which something sounds.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from dmm_core.music.metrics import CHORDS
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = [
    "LEAP",
    "RANGES",
    "Share",
    "VoiceMetrics",
    "chord_bigrams",
    "chord_sets",
    "class_sets",
    "measure",
    "melody_windows",
    "note_lengths",
    "top_intervals",
    "total",
]

LEAP = 5
"""Semitones of a perfect fourth, the smallest leap."""

RANGES = ((60, 79), (55, 74), (48, 67), (40, 60))
"""MIDI pitches of the usual ranges of soprano (C4 to G5), alto (G3 to D5), tenor (C3 to G4) and
bass (E2 to C4)."""

_MELODY = 4
"""Notes of a melody that may return."""

_LONGEST = 16
"""Sixteenths of the longest note that is told apart from longer ones."""


class Share(NamedTuple):
    """How many of the places of something have it.

    Attributes:
        found: number of places that have it.
        places: number of places.
    """

    found: int
    places: int

    @property
    def percent(self) -> float | None:
        """100 found / places, or None where there are no places."""
        return 100.0 * self.found / self.places if self.places else None


class VoiceMetrics(NamedTuple):
    """Measures of a piece, or of the pieces of a set together.

    Attributes:
        clashes: sixteenths on which two voices sound pitches one semitone apart, and not all such
            pairs are suspensions (see `suspensions`).
        suspensions: sixteenths on which two voices sound pitches one semitone apart, and every such
            pair is a suspension: one of the two pitches sounded in its voice before the other
            pitch did in its own, and that voice's next pitch is one or two semitones lower.
        chords: beats whose pitch classes are exactly those of a triad (major, minor, diminished or
            augmented) or of a seventh chord (dominant, major, minor, half-diminished or
            diminished).
        four_notes: beats on which exactly four different pitches sound.
        top_steps: pairs of successive notes of the highest voice that are one or two semitones
            apart. Notes with a rest between them do not count.
        top_leaps: pairs of successive notes of the highest voice that are five or more semitones
            apart.
        parallels: steps from one beat to the next in which two voices move in the same direction
            from a perfect fifth, octave or unison (or one of these with octaves between) to the
            same interval. A step has one of them or none.
        returns: four-note windows of the highest voice whose pitches are those of an earlier
            window of the piece that does not overlap it. Lengths of notes do not count.
        fermatas: beats with a fermata on which a complete major or minor triad sounds in root
            position. None of the places of a piece whose fermatas are not known.
        out_of_range: notes outside the usual range of their voice (`RANGES`); of a piece with more
            voices, the inner ones from the third on are tenors.
        crossings: sixteenths on which a voice sounds below a lower voice.
        onsets: notes, among the beats of all voices. This share may exceed 100 %.
    """

    clashes: Share
    suspensions: Share
    chords: Share
    four_notes: Share
    top_steps: Share
    top_leaps: Share
    parallels: Share
    returns: Share
    fermatas: Share
    out_of_range: Share
    crossings: Share
    onsets: Share


def measure(piece: VoicedPiece) -> VoiceMetrics:
    """Take all measures of a piece."""
    clashes, suspensions = _clashes(piece)
    intervals = np.abs(top_intervals(piece))
    sets, counts = class_sets(piece), _different(piece)
    windows = [window for _, window in melody_windows(piece)]
    sounding = int((counts > 0).sum())
    return VoiceMetrics(
        clashes=clashes,
        suspensions=suspensions,
        chords=Share(int(np.isin(sets, CHORDS).sum()), sounding),
        four_notes=Share(int((counts == 4).sum()), sounding),
        top_steps=Share(int(((intervals >= 1) & (intervals <= 2)).sum()), len(intervals)),
        top_leaps=Share(int((intervals >= LEAP).sum()), len(intervals)),
        parallels=_parallels(piece),
        returns=Share(_returning(windows), len(windows)),
        fermatas=_cadences(piece, sets),
        out_of_range=_out_of_range(piece),
        crossings=_crossings(piece),
        onsets=Share(int(piece.onsets.sum()), piece.onsets.size // STEPS),
    )


def total(measured: Iterable[VoiceMetrics]) -> VoiceMetrics:
    """The measures of a set of pieces, of which there is at least one."""
    columns = zip(*measured, strict=True)
    return VoiceMetrics(*(Share(*map(sum, zip(*shares, strict=True))) for shares in columns))


def top_intervals(piece: VoicedPiece, voice: int = 0) -> np.ndarray:
    """Semitones between successive notes of a voice, upward, without a rest between them."""
    pairs = pairwise(piece.notes(voice))
    return np.array([b.pitch - a.pitch for a, b in pairs if a.end == b.start], dtype=np.int64)


def note_lengths(piece: VoicedPiece, voice: int) -> np.ndarray:
    """Lengths of the notes of a voice in sixteenths; longer ones than 16 count as 16."""
    lengths = [min(note.end - note.start, _LONGEST) for note in piece.notes(voice)]
    return np.array(lengths, dtype=np.int64)


def class_sets(piece: VoicedPiece) -> np.ndarray:
    """(beats,) the set of pitch classes on each beat, as a number of 12 bits."""
    pitches = piece.on_beats
    bits = np.where(pitches == REST, 0, 1 << pitches.astype(np.int64) % 12)
    return np.bitwise_or.reduce(bits, axis=0)


def chord_sets(piece: VoicedPiece) -> list[int]:
    """The sets of pitch classes of successive beats, without silence and without repetition."""
    sets = class_sets(piece)
    sets = sets[sets > 0]
    return [int(s) for s, before in zip(sets, [0, *sets[:-1]], strict=True) if s != before]


def chord_bigrams(piece: VoicedPiece) -> list[tuple[int, int]]:
    """Pairs of successive, different sets of pitch classes on the beats, in any key.

    Two pairs that differ by a transposition are the same: of the twelve transpositions of a pair,
    the smallest stands for all. The sets need not be chords.
    """
    return [
        min((_rotated(a, k), _rotated(b, k)) for k in range(12))
        for a, b in pairwise(chord_sets(piece))
    ]


def melody_windows(piece: VoicedPiece) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the first note's index and the pitches of each four-note window of the top voice."""
    pitches = [note.pitch for note in piece.notes(0)]
    for first in range(len(pitches) - _MELODY + 1):
        yield first, tuple(pitches[first : first + _MELODY])


def _rotated(classes: int, semitones: int) -> int:
    """A set of pitch classes transposed upward."""
    shifted = classes << semitones
    return (shifted | shifted >> 12) & 0xFFF


def _different(piece: VoicedPiece) -> np.ndarray:
    """(beats,) the number of different pitches on each beat."""
    ordered = np.sort(piece.on_beats, axis=0)
    new = np.ones(ordered.shape, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return (new & (ordered != REST)).sum(axis=0)


def _clashes(piece: VoicedPiece) -> tuple[Share, Share]:
    pitches = piece.pitches
    since, follows = _runs(pitches)
    clash = np.zeros(pitches.shape[1], dtype=bool)  # a pair that is no suspension
    suspension = np.zeros(pitches.shape[1], dtype=bool)
    for a, b in combinations(range(len(pitches)), 2):
        close = np.abs(pitches[a].astype(int) - pitches[b]) == 1
        close &= (pitches[a] != REST) & (pitches[b] != REST)
        held = np.where(since[a] < since[b], a, b)
        step = np.take_along_axis(pitches - follows, held[None], axis=0)[0]
        resolves = (since[a] != since[b]) & (step >= 1) & (step <= 2)
        resolves &= np.take_along_axis(follows, held[None], axis=0)[0] != REST
        clash |= close & ~resolves
        suspension |= close & resolves
    sounding = int((pitches != REST).any(axis=0).sum())
    return (
        Share(int(clash.sum()), sounding),
        Share(int((suspension & ~clash).sum()), sounding),
    )


def _runs(pitches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each sixteenth's pitch began to sound in its voice, and the pitch that follows it.

    A repeated note continues its pitch.

    Returns:
        Both (V, S): the first sixteenth of the pitch, and the next pitch of the voice or `REST`.
    """
    voices, steps = pitches.shape
    changes = np.ones((voices, steps), dtype=bool)
    changes[:, 1:] = pitches[:, 1:] != pitches[:, :-1]
    since = np.maximum.accumulate(np.where(changes, np.arange(steps), 0), axis=1)
    follows = np.full((voices, steps), REST, dtype=pitches.dtype)
    for t in range(steps - 2, -1, -1):
        follows[:, t] = np.where(changes[:, t + 1], pitches[:, t + 1], follows[:, t + 1])
    return since, follows


def _parallels(piece: VoicedPiece) -> Share:
    pitches = piece.on_beats.astype(int)
    before, after = pitches[:, :-1], pitches[:, 1:]
    found = np.zeros(before.shape[1], dtype=bool)
    for a, b in combinations(range(len(pitches)), 2):
        sounds = np.all([part[v] != REST for part in (before, after) for v in (a, b)], axis=0)
        interval = (before[a] - before[b]) % 12
        same = (interval == (after[a] - after[b]) % 12) & np.isin(interval, (0, 7))
        moves = np.sign(after[a] - before[a])
        found |= sounds & same & (moves != 0) & (moves == np.sign(after[b] - before[b]))
    both = (before != REST).any(axis=0) & (after != REST).any(axis=0)
    return Share(int(found.sum()), int(both.sum()))


def _returning(windows: list[tuple[int, ...]]) -> int:
    first: dict[tuple[int, ...], int] = {}
    for place, window in enumerate(windows):
        first.setdefault(window, place)
    return sum(place - first[window] >= _MELODY for place, window in enumerate(windows))


def _cadences(piece: VoicedPiece, sets: np.ndarray) -> Share:
    if piece.fermatas is None:
        return Share(0, 0)
    pitches = piece.on_beats
    bass = np.where(pitches == REST, 127, pitches).min(axis=0) % 12
    triads = np.isin(
        sets, [_rotated(chord, k) for chord in (0b10010001, 0b10001001) for k in range(12)]
    )
    rooted = [
        _rotated(int(s), -int(b) % 12) in (0b10010001, 0b10001001)
        for s, b in zip(sets, bass, strict=True)
    ]
    return Share(int((triads & rooted & piece.fermatas).sum()), int(piece.fermatas.sum()))


def _out_of_range(piece: VoicedPiece) -> Share:
    voices = len(piece.pitches)
    outside = notes = 0
    for voice in range(voices):
        low, high = RANGES[3 if voice == voices - 1 else min(voice, 2)]
        pitches = piece.pitches[voice][piece.onsets[voice]]
        outside += int(((pitches < low) | (pitches > high)).sum())
        notes += len(pitches)
    return Share(outside, notes)


def _crossings(piece: VoicedPiece) -> Share:
    pitches = piece.pitches
    crossed = np.zeros(pitches.shape[1], dtype=bool)
    for a, b in combinations(range(len(pitches)), 2):
        crossed |= (pitches[a] < pitches[b]) & (pitches[a] != REST)
    return Share(int(crossed.sum()), int((pitches != REST).any(axis=0).sum()))
