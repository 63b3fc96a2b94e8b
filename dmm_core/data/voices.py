"""The data set `jsb-m21-voices`: the scores of `jsb-m21` in four voices, with rhythm and meter.

A frame is a beat of 16 slots (`dmm_core.music.symbols`). The pieces are in their original keys.
Meter, phrase ends and the place in the piece are covariates, which a model is given and does not
explain.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.cache import Report
from dmm_core.data.chorales import Chorale, load_scores
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import SLOT_NAMES, SYMBOLS, VOICES, encode_symbols
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = [
    "BAR_LENGTHS",
    "COVARIATES",
    "VOICES_NAME",
    "AlignedChorale",
    "Form",
    "align_voices",
    "covariates_of",
    "form_of",
    "load_pieces",
    "load_voices",
]

VOICES_NAME = "jsb-m21-voices"
"""The name of the data set."""

_BEATS_OF_BAR = 6
BAR_LENGTHS = (2, 3, 4, 6)
"""Beats of a bar that the covariates distinguish."""

_BEATS_AHEAD = 3

COVARIATES = (
    *(f"beat {beat} of the bar" for beat in range(1, _BEATS_OF_BAR + 1)),
    *(f"bar of {beats} beats" for beats in BAR_LENGTHS),
    "fermata",
    *(f"fermata in {beats} beats" for beats in range(1, _BEATS_AHEAD + 1)),
    "first beat",
    "last beat",
)
"""A name for each covariate of a beat; each is 0 or 1."""


class AlignedChorale(NamedTuple):
    """A score on the grid of sixteenths.

    Attributes:
        piece: its voices, in the original key.
        covariates: (beats, 16) float32, as `COVARIATES`.
        rounded: number of notes that begin or end between two sixteenths, and were rounded.
    """

    piece: VoicedPiece
    covariates: np.ndarray
    rounded: int


def align_voices(chorale: Chorale) -> AlignedChorale:
    """Place a four-part score on the grid of sixteenths.

    Onsets and ends are rounded to the nearest sixteenth, and a note lasts at least one. Where notes
    of a part overlap, the later one ends the earlier. The fermatas are those of the highest part
    that has one, on the beat in which the note begins.
    """
    beats = int(np.ceil(chorale.quarters))
    pitches = np.full((len(VOICES), beats * STEPS), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    exact = chorale.notes[:, 1:] * STEPS
    grid = np.floor(exact + 0.5).astype(int)
    # In order of time, and of notes that begin together the highest last: it replaces the others.
    for row in np.lexsort((chorale.notes[:, 0], chorale.notes[:, 1])):
        voice, (start, end) = chorale.voices[row], grid[row]
        end = max(end, start + 1)
        held = chorale.tied[row] and start and pitches[voice, start - 1] == _pitch(chorale, row)
        pitches[voice, start:], onsets[voice, start:] = REST, False
        pitches[voice, start:end] = _pitch(chorale, row)
        onsets[voice, start] = not held
    fermatas = np.zeros(beats, dtype=bool)
    marked = [chorale.fermatas & (chorale.voices == voice) for voice in range(len(VOICES))]
    first = next((rows for rows in marked if rows.any()), marked[0])
    fermatas[grid[first, 0] // STEPS] = True
    return AlignedChorale(
        piece=VoicedPiece(pitches, onsets, fermatas),
        covariates=covariates_of(fermatas, *_meter(chorale.bars, beats)),
        rounded=int((np.abs(exact - grid) > 1e-6).any(axis=1).sum()),
    )


def covariates_of(fermatas: np.ndarray, position: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return (beats, 16) float32, the covariates of a piece, as `COVARIATES`.

    Args:
        fermatas: (beats,) bool, whether a beat has a fermata.
        position: (beats,) int, the beat's place in its bar, from 0.
        length: (beats,) int, beats of a full bar of the meter.
    """
    beats = len(fermatas)
    ahead = np.pad(fermatas, (0, _BEATS_AHEAD))
    place = np.arange(beats)
    columns = [
        *(np.minimum(position, _BEATS_OF_BAR - 1) == beat for beat in range(_BEATS_OF_BAR)),
        *(length == beats_of for beats_of in BAR_LENGTHS),
        fermatas,
        *(ahead[step : step + beats] for step in range(1, _BEATS_AHEAD + 1)),
        place == 0,
        place == beats - 1,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


class Form(NamedTuple):
    """What covariates say of a piece.

    Attributes:
        meter: bars of the length that most beats have, counted from the first downbeat.
        fermatas: (beats,) bool.
    """

    meter: Meter
    fermatas: np.ndarray


def form_of(covariates: np.ndarray) -> Form:
    """Return meter and fermatas of a piece, from its covariates (beats, 16), as `covariates_of`.

    A piece whose bars have another length than `BAR_LENGTHS` is taken to have bars of four beats.
    """
    columns = np.asarray(covariates) > 0.5
    known = columns[:, _BEATS_OF_BAR : _BEATS_OF_BAR + len(BAR_LENGTHS)].sum(0)
    beats = BAR_LENGTHS[int(known.argmax())] if known.any() else 4
    downbeats = np.flatnonzero(columns[:, 0])
    upbeat = int(downbeats[0]) % beats if len(downbeats) else 0
    return Form(Meter(beats, upbeat), columns[:, COVARIATES.index("fermata")])


def load_pieces(progress: Report) -> dict[str, dict[str, AlignedChorale]]:
    """Load the scores of each split on the grid of sixteenths, by name such as "BWV 3.6".

    Args:
        progress: called after each score that is read from the corpus.

    Raises:
        DataError: if music21 is installed without its corpus.
    """
    return {
        split: {name: align_voices(chorale) for name, chorale in chorales.items()}
        for split, chorales in load_scores(progress).items()
    }


def load_voices(progress: Report) -> Splits:
    """Load the data set: the symbols of every score, and its covariates.

    Args:
        progress: called after each score that is read from the corpus.

    Raises:
        DataError: if music21 is installed without its corpus.
    """
    sequences = {
        split: Sequences(
            tuple(encode_symbols(aligned.piece).astype(np.float32) for aligned in pieces.values()),
            tuple(pieces),
            c=tuple(aligned.covariates for aligned in pieces.values()),
        )
        for split, pieces in load_pieces(progress).items()
    }
    return Splits(
        name=VOICES_NAME,
        kind="categorical",
        train=sequences["train"],
        valid=sequences["valid"],
        test=sequences["test"],
        features=SLOT_NAMES,
        covariates=COVARIATES,
        categories=SYMBOLS,
    )


def _pitch(chorale: Chorale, row: int) -> int:
    return int(chorale.notes[row, 0]) - chorale.shift


def _meter(bars: np.ndarray, beats: int) -> tuple[np.ndarray, np.ndarray]:
    """Place in the bar and length of the bar of each beat; bars of one beat where none is known."""
    position, length = np.zeros(beats, dtype=int), np.ones(beats, dtype=int)
    for number, (start, full, upbeat) in enumerate(bars):
        end = bars[number + 1, 0] if number + 1 < len(bars) else beats
        within = np.arange(int(np.ceil(start)), min(int(np.ceil(end)), beats))
        position[within] = (within - start + upbeat) % full
        length[within] = round(full)
    return position, length
