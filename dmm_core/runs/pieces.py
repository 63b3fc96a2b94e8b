"""Pieces in voices: what a model composes, and the chorales that it is compared with."""

import numpy as np

from dmm_core import data as data_sets, inference
from dmm_core.config.schema import DataConfig
from dmm_core.data.cache import Report
from dmm_core.data.chorales import load_scores
from dmm_core.data.spec import DataSpec
from dmm_core.data.voices import COVARIATES, align_voices, covariates_of
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count
from dmm_core.music.bigrams import FrameBigrams
from dmm_core.music.meter import Meter
from dmm_core.music.phrases import PHRASE
from dmm_core.music.symbols import SLOTS, decode_symbols
from dmm_core.music.transposition import pitch_reference
from dmm_core.music.voices import VoicedPiece, voices_from_roll
from dmm_core.nn.dmm import DMM
from dmm_core.runs.rendering import require_piano, to_roll

__all__ = ["bach_pieces", "bigram_pieces", "compose_pieces", "sample_voices"]

_BIGRAMS_OF = "jsb-m21"


def bach_pieces(split: str, *, beats: int, progress: Report) -> list[VoicedPiece]:
    """The chorales of a split of `jsb-m21` in their original keys.

    Args:
        split: train, valid or test.
        beats: each piece is cut to its first `beats` beats; many are shorter.
        progress: called while the scores are read from the corpus, the first time.

    Raises:
        DataError: if music21 is installed without its corpus.
    """
    pieces = [align_voices(chorale).piece for chorale in load_scores(progress)[split].values()]
    return [piece.excerpt(0, min(beats, piece.beats)) for piece in pieces]


def bigram_pieces(*, count: int, beats: int, seed: int, progress: Report) -> list[VoicedPiece]:
    """Pieces drawn from a table of the frame bigrams of `jsb-m21` (`FrameBigrams`).

    Args:
        count: number of pieces.
        beats: beats of each piece.
        seed: of the draws.
        progress: called while the scores are read from the corpus, the first time.
    """
    train = data_sets.load_dataset(DataConfig(name=_BIGRAMS_OF), progress).train
    rolls = FrameBigrams(train).draw(count=count, frames=beats, seed=seed)
    down = -pitch_reference(_BIGRAMS_OF).raised
    return [voices_from_roll(roll, steps_per_quarter=1).transposed(down) for roll in rolls]


def compose_pieces(
    model: DMM,
    data: DataSpec,
    *,
    count: int,
    beats: int,
    temperature: float,
    seed: int,
    progress: Report,
) -> list[VoicedPiece]:
    """Draw pieces from a model of music, at their sounding pitch.

    Args:
        model: the model.
        data: the description of its data.
        count: number of pieces.
        beats: quarter notes of each piece.
        temperature: of the emission, as `x_temperature` in `dmm_core.inference.sample`.
        seed: of the draws.
        progress: called while the scores are read from the corpus, the first time.

    A model of `jsb-m21-voices` is given the meter and the fermatas of chorales of the train split,
    chosen at random, and its pieces are as long as these.

    Raises:
        DataError: if the model is not a model of music.
    """
    if data.is_voices:
        return _compose_voices(model, count, beats, temperature, seed, progress)
    grid = require_piano(data)
    drawn = inference.sample(
        model, count=count, frames=beats * grid, seed=seed, x_temperature=temperature
    )
    down = -pitch_reference(data.name).raised
    return [voices_from_roll(to_roll(x), steps_per_quarter=grid).transposed(down) for x in drawn.x]


def sample_voices(
    model: DMM,
    *,
    count: int,
    beats: int,
    seed: int,
    meter: Meter | None = None,
    phrase: int = PHRASE,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
) -> list[VoicedPiece]:
    """Draw pieces in four voices from the prior of a model, in a given meter.

    Args:
        model: a model of `jsb-m21-voices`, such as `bundled:voices`.
        count: number of pieces.
        beats: quarter notes of each piece.
        seed: of the draws.
        meter: where the bars are; None is the same as `Meter()`. The chorales have bars of 2, 3, 4
            and 6 beats.
        phrase: beats of a phrase: every phrase ends with a fermata, and so does the piece.
        z_temperature: as in `dmm_core.sample`.
        x_temperature: as in `dmm_core.sample`; it divides the logits of the symbols of all slots,
            so it acts on pitches and on rhythm.

    Raises:
        DataError: if the model is not one of four voices, or a number is less than 1.

    Example:
        >>> from dmm_core import load_run
        >>> from dmm_core.runs import sample_voices
        >>> model = load_run("bundled:voices").model
        >>> (piece,) = sample_voices(model, count=1, beats=8, seed=0, phrase=4)
        >>> piece.pitches.shape, piece.fermatas.nonzero()[0].tolist()
        ((4, 32), [3, 7])
    """
    for name, number in (("count", count), ("beats", beats), ("phrase", phrase)):
        require_count(name, number)
    if (model.x_dim, model.c_dim) != (SLOTS, len(COVARIATES)):
        raise DataError(
            "Only a model of music in four voices is given a meter and phrases: use "
            "bundled:voices, or train one with the preset voices."
        )
    meter = meter or Meter()
    numbers = np.arange(1, beats + 1)
    fermatas = (numbers % phrase == 0) | (numbers == beats)
    drawn = inference.sample(
        model,
        count=count,
        frames=beats,
        seed=seed,
        z_temperature=z_temperature,
        x_temperature=x_temperature,
        c=covariates_of(fermatas, meter.positions(beats), meter.lengths(beats)),
    )
    return [decode_symbols(x, fermatas) for x in drawn.x.cpu().numpy()]


def _compose_voices(
    model: DMM, count: int, beats: int, temperature: float, seed: int, progress: Report
) -> list[VoicedPiece]:
    chorales = list(load_scores(progress)["train"].values())
    chosen = np.random.default_rng(seed).integers(len(chorales), size=count)
    forms = [align_voices(chorales[number]) for number in chosen]
    c = np.zeros((count, beats, model.c_dim), dtype=np.float32)
    for row, form in zip(c, forms, strict=True):
        known = form.covariates[:beats]
        row[: len(known)] = known
    drawn = inference.sample(
        model, count=count, frames=beats, seed=seed, x_temperature=temperature, c=c
    )
    pieces = []
    for x, form in zip(drawn.x.cpu().numpy(), forms, strict=True):
        fermatas = form.piece.fermatas
        assert fermatas is not None, "scores say where they are"
        length = min(beats, len(fermatas))
        pieces.append(decode_symbols(x[:length], fermatas[:length]))
    return pieces
