"""Pieces in four voices of which a part is kept: a melody is harmonised, the rest is composed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from dmm_core import inference
from dmm_core.data.voices import COVARIATES, covariates_of
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count
from dmm_core.inference.completing import Completed
from dmm_core.music.agreement import pitch_classes_by_beat
from dmm_core.music.keeping import allowed_symbols
from dmm_core.music.meter import Meter
from dmm_core.music.phrases import phrase_ends
from dmm_core.music.symbols import (
    SLOTS,
    VOICE_ORDER,
    VOICES,
    decode_symbols,
    octaves_into_range,
)
from dmm_core.music.voices import REST, STEPS, VoicedPiece
from dmm_core.nn.dmm import DMM
from dmm_core.system.threads import set_num_threads_locally

__all__ = ["DRAWN", "PARTICLES", "TEMPERATURE", "CompletedPieces", "complete_piece", "harmonise"]

PARTICLES = 32
"""Particles of each alternative."""

DRAWN = 16
"""Alternatives that are drawn; those that agree most with the others are returned."""

_FULL_BEATS = 64
"""Beats up to which `DRAWN` alternatives are drawn. Of a longer piece there are fewer, so that the
time stays the same."""

TEMPERATURE = 0.1
"""Temperature of the draws of pitches."""


class CompletedPieces(NamedTuple):
    """Alternatives of a piece in four voices, the best first.

    The best one shares the most pitch classes, beat by beat, with the others that were drawn. It is
    the draw that is closest to the whole distribution.

    Attributes:
        pieces: the alternatives, with fermatas.
        agreement: (count,), the mean share of the pitch classes of the other draws that each
            alternative has in the same beat, in the voices that were composed; in falling order.
            Draws that are equal to a better one come last.
        completed: the alternatives as symbols, with the probability of each; before they were moved
            by octaves.
    """

    pieces: list[VoicedPiece]
    agreement: np.ndarray
    completed: Completed


def harmonise(
    model: DMM,
    line: VoicedPiece,
    *,
    voice: str = "soprano",
    meter: Meter | None = None,
    count: int = 4,
    seed: int,
    particles: int = PARTICLES,
    temperature: float = TEMPERATURE,
    progress: Callable[[float], None] | None = None,
) -> CompletedPieces:
    """Compose three voices to a melody, which does not change.

    A melody outside the voice's range is moved by whole octaves for the model, and the result is
    moved back.

    Args:
        model: a model of `jsb-m21-voices`, such as `bundled:voices`.
        line: the melody, a piece of one voice. Its rests are kept. Without fermatas, those of
            `phrase_ends` are used.
        voice: the voice that sings it, a name in `dmm_core.music.VOICES`.
        meter: where the bars are; None is the same as `Meter()`.
        count: number of alternatives.
        seed: of the draws.
        particles: as in `dmm_core.complete`.
        temperature: of the draws of pitches, as `x_temperature` in `dmm_core.complete`.
        progress: called after each beat with the share of the beats that are done.

    Raises:
        DataError: if the melody has several voices or no notes, no octave brings it into the
            voice's range, the model is not one of four voices, or a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> from dmm_core import harmonise, load_run
        >>> from dmm_core.music import VoicedPiece
        >>> onsets = np.tile([True, False, False, False], 4)[None]
        >>> line = VoicedPiece(np.repeat([[67, 69, 71, 72]], 4, axis=1), onsets)
        >>> model = load_run("bundled:voices").model
        >>> found = harmonise(model, line, count=2, seed=0, particles=8)
        >>> [piece.pitches.shape for piece in found.pieces]
        [(4, 16), (4, 16)]
        >>> bool((found.pieces[0].pitches[0] == line.pitches[0]).all())
        True
    """
    if voice not in VOICES:
        raise DataError(f"A voice is one of {', '.join(VOICES)}, not {voice!r:.40}.")
    if len(line.pitches) != 1:
        raise DataError(f"A melody is one voice, and the piece has {len(line.pitches)}.")
    if (line.pitches == REST).all():
        raise DataError("A melody has one note or more, and this one has none.")
    given = VOICES.index(voice)
    octaves = octaves_into_range(line, [given])
    fermatas = phrase_ends(line, meter) if line.fermatas is None else line.fermatas
    pitches = np.full((len(VOICES), line.beats * STEPS), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    pitches[given] = line.transposed(12 * octaves).pitches[0]
    onsets[given] = line.onsets[0]
    kept = np.zeros(pitches.shape, dtype=bool)
    kept[given] = True
    piece = VoicedPiece(pitches, onsets, fermatas)
    found = complete_piece(
        model,
        piece,
        allowed_symbols(piece, kept),
        meter=meter,
        count=count,
        seed=seed,
        particles=particles,
        temperature=temperature,
        progress=progress,
    )
    back = [piece.transposed(-12 * octaves) for piece in found.pieces] if octaves else found.pieces
    return found._replace(pieces=back)


def complete_piece(
    model: DMM,
    piece: VoicedPiece,
    allowed: np.ndarray,
    *,
    meter: Meter | None = None,
    count: int = 4,
    seed: int,
    particles: int = PARTICLES,
    temperature: float = TEMPERATURE,
    progress: Callable[[float], None] | None = None,
) -> CompletedPieces:
    """Compose what is free in a piece in four voices.

    Args:
        model: a model of `jsb-m21-voices`, such as `bundled:voices`.
        piece: the piece. Its fermatas are given to the model; if they are not known, those of
            `phrase_ends` are used.
        allowed: (beats, 16, 59) bool, from `dmm_core.music.allowed_symbols`.
        meter: where the bars are; None is the same as `Meter()`.
        count: number of alternatives.
        seed: of the draws.
        particles: as in `dmm_core.complete`.
        temperature: of the draws of pitches.
        progress: called after each beat with the share of the beats that are done.

    Raises:
        DataError: as `dmm_core.complete`, or if the model is not one of four voices.
    """
    if (model.x_dim, model.c_dim) != (SLOTS, len(COVARIATES)):
        raise DataError(
            "Only a model of music in four voices can keep voices and compose the rest: use "
            "bundled:voices, or train one with the preset voices."
        )
    meter = meter or Meter()
    fermatas = phrase_ends(piece, meter) if piece.fermatas is None else piece.fermatas
    beats = piece.beats
    require_count("count", count)
    c = covariates_of(fermatas, meter.positions(beats), meter.lengths(beats))

    def drawn(part: _Part) -> Completed:
        threads = torch.get_num_threads()
        set_num_threads_locally(1)  # the tensors are small: more threads only wait for each other
        try:
            return inference.complete(
                model,
                allowed,
                count=part.draws,
                seed=part.seed,
                particles=particles,
                x_temperature=temperature,
                c=c,
                progress=part.progress,
            )
        finally:
            set_num_threads_locally(threads)

    draws = max(count, 2, min(DRAWN, DRAWN * _FULL_BEATS // beats))
    found = _in_two_threads(drawn, draws, seed, progress)
    pieces = [decode_symbols(x, fermatas) for x in found.x]
    free = ~(allowed.sum(-1) == 1).all(0).reshape(len(VOICES), STEPS).all(1)
    voices = [voice for voice, is_free in zip(VOICE_ORDER, free, strict=True) if is_free]
    agreement = _agreement(pieces, voices or VOICE_ORDER)
    order = np.argsort(-agreement, kind="stable")
    _, first = np.unique(found.x[order], axis=0, return_index=True)
    again = ~np.isin(np.arange(len(order)), first)  # the same as a better one
    best = order[np.argsort(again, kind="stable")][:count]
    rows = torch.from_numpy(best)
    chosen = Completed(
        found.x[best], found.mean[rows], found.z[rows], found.scale[rows], found.log_weight[best]
    )
    return CompletedPieces([pieces[i] for i in best], agreement[best], chosen)


class _Part(NamedTuple):
    """A part of the draws."""

    draws: int
    seed: int
    progress: Callable[[float], None] | None


def _in_two_threads(
    draw: Callable[[_Part], Completed],
    count: int,
    seed: int,
    progress: Callable[[float], None] | None,
) -> Completed:
    """Make draws in two parts at the same time, whatever the number of cores.

    Progress is reported by the calling thread, which makes the first part.
    """
    seeds = np.random.SeedSequence(seed).generate_state(2).tolist()
    with ThreadPoolExecutor(1) as beside:
        later = beside.submit(draw, _Part(count // 2, seeds[1], None))
        first = draw(_Part(count - count // 2, seeds[0], progress))
        second = later.result()
    return Completed(
        np.concatenate([first.x, second.x]),
        torch.cat([first.mean, second.mean]),
        torch.cat([first.z, second.z]),
        torch.cat([first.scale, second.scale]),
        np.concatenate([first.log_weight, second.log_weight]),
    )


def _agreement(pieces: list[VoicedPiece], voices: Sequence[int]) -> np.ndarray:
    """The mean share of the other pieces' pitch classes that each piece has."""
    classes = np.stack([pitch_classes_by_beat(piece, voices).ravel() for piece in pieces])
    both = classes.astype(float) @ classes.T
    share = both / np.maximum(classes.sum(1), 1)
    np.fill_diagonal(share, 0.0)
    return share.sum(1) / max(len(pieces) - 1, 1)
