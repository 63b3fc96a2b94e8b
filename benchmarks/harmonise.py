"""How much harmonisations of held-out voices share with Bach's own, and how long they take."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.report import Options, Row
from dmm_core.data.chorales import load_scores
from dmm_core.data.voices import COVARIATES, AlignedChorale, align_voices
from dmm_core.music.agreement import shared_pitch_classes
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import VOICES
from dmm_core.music.voices import VoicedPiece
from dmm_core.runs.harmonising import harmonise
from dmm_core.runs.loading import load_run

_MODEL, _PIECES, _BEATS, _COUNT, _SEED = "bundled:voices", 20, 64, 4, 0


class _Held(NamedTuple):
    """A chorale of which a voice is given.

    Attributes:
        piece: its first beats, in the original key.
        meter: where its bars are.
        shift: semitones that bring it to C.
    """

    piece: VoicedPiece
    meter: Meter
    shift: int


def rows(options: Options) -> Iterator[Row]:
    """Overlaps with Bach's other voices, and times, for each given voice of the test split."""
    scores = list(load_scores(lambda fraction, message: None)["test"].values())[:_PIECES]
    held = [_held(align_voices(score), score.shift) for score in scores]
    for voice in VOICES:
        yield from _rows_of(voice, held)


def _rows_of(voice: str, held: list[_Held]) -> Iterator[Row]:
    model = load_run(_MODEL).model
    given = VOICES.index(voice)
    others = [v for v in range(len(VOICES)) if v != given]
    chance, best, every, alike, seconds, changed = [], [], [], [], [], 0
    for number, (piece, meter, _) in enumerate(held):
        line = VoicedPiece(piece.pitches[[given]], piece.onsets[[given]], piece.fermatas)
        begin = time.perf_counter()
        found = harmonise(model, line, voice=voice, meter=meter, count=_COUNT, seed=_SEED).pieces
        seconds.append(time.perf_counter() - begin)
        shared = [shared_pitch_classes(one, piece, others) for one in found]
        best.append(shared[0])
        every.append(np.mean(shared))
        alike.append(
            np.mean(
                [shared_pitch_classes(a, b, others) for a in found for b in found if a is not b]
            )
        )
        changed += sum(
            int(
                (one.pitches[given] != line.pitches[0]).any()
                or (one.onsets[given] != line.onsets[0]).any()
            )
            for one in found
        )
        chance.append(_by_chance(held, number, others))
    how = f"{len(held)} pieces of up to {_BEATS} beats, {voice} given"
    yield Row(f"{voice}: shared with Bach, best alternative", 100 * float(np.mean(best)), "%", how)
    yield Row(f"{voice}: shared with Bach, mean of {_COUNT}", 100 * float(np.mean(every)), "%", how)
    yield Row(f"{voice}: shared by another chorale", 100 * float(np.mean(chance)), "%", "in C")
    yield Row(f"{voice}: shared by two alternatives", 100 * float(np.mean(alike)), "%", how)
    yield Row(f"{voice}: melodies that changed", float(changed), "", how)
    yield Row(f"{voice}: time of a piece, mean", float(np.mean(seconds)), "s", how)
    yield Row(f"{voice}: time of a piece, longest", float(np.max(seconds)), "s", how)


def _held(chorale: AlignedChorale, shift: int) -> _Held:
    """The first beats of a chorale, with its most common bar."""
    lengths = [int(name.split()[2]) for name in COVARIATES if name.startswith("bar of")]
    bars = chorale.covariates[:, [name.startswith("bar of") for name in COVARIATES]]
    beats = lengths[int(bars.sum(0).argmax())]
    upbeat = -int(chorale.covariates[0, :6].argmax()) % beats
    piece = chorale.piece.excerpt(0, min(_BEATS, chorale.piece.beats))
    return _Held(piece, Meter(beats, upbeat), shift)


def _by_chance(held: list[_Held], number: int, others: list[int]) -> float:
    """The share that the same voices of the next chorale have, both moved to C."""
    piece, _, shift = held[number]
    other, _, move = held[(number + 1) % len(held)]
    beats = min(piece.beats, other.beats)
    ours, theirs = (
        part.excerpt(0, beats).transposed(semitones)
        for part, semitones in ((piece, shift), (other, move))
    )
    return shared_pitch_classes(theirs, ours, others)
