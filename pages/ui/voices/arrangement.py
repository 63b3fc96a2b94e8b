"""Compose what a score does not keep: several alternatives, the best first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.errors import ConfigError
from dmm_core.inference.latent import Projection, fit_projection
from dmm_core.inference.sampling import sample
from dmm_core.music.keeping import allowed_symbols
from dmm_core.music.meter import Meter
from dmm_core.music.scales import SCALES
from dmm_core.music.symbols import VOICE_ORDER, VOICES, decode_symbols
from dmm_core.music.voices import STEPS
from dmm_core.nn.dmm import DMM
from dmm_core.runs.harmonising import complete_piece
from pages.ui.models import LoadedModel
from pages.ui.player import PlayerPath
from pages.ui.voices.working_score import WorkingScore, empty_score

__all__ = ["MAX_COUNT", "REDRAWS", "Arrangement", "Redrawing", "arrange"]

MAX_COUNT = 8
"""Largest number of alternatives that are composed together."""

REDRAWS = ("all", "pitches", "rhythm")
"""What is composed anew in the notes that are not kept: the other one of pitches and rhythm stays
as it is in the score."""

_KEPT_RESULTS = 24
_PLANE_PIECES = 64
_PLANE_BEATS = 12


@dataclass(frozen=True)
class Redrawing:
    """How the rest of a score is composed.

    Attributes:
        count: number of alternatives, 1 to `MAX_COUNT`.
        seed: of the draws.
        temperature: of the choice of pitches, from 0 to 2.
        what: one of `REDRAWS`.
        scale: a name in `SCALES`, or None for all notes.
        tonic: pitch class of the first note of the scale, 0 (C) to 11 (B).

    Raises:
        ConfigError: if a value is out of bounds.
    """

    count: int = 3
    seed: int = 1
    temperature: float = 0.4
    what: str = "all"
    scale: str | None = None
    tonic: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if not 1 <= self.count <= MAX_COUNT:
            raise ConfigError(f"There are 1 to {MAX_COUNT} alternatives, not {self.count}.")
        if not 0 <= self.temperature <= 2:
            raise ConfigError(f"The temperature must be 0 to 2, not {self.temperature:g}.")
        if self.what not in REDRAWS:
            raise ConfigError(
                f"What is composed anew is one of {', '.join(REDRAWS)}, not {self.what!r:.40}."
            )
        if self.scale is not None and self.scale not in SCALES:
            raise ConfigError(
                f"There is no scale {self.scale!r:.40}; the scales are {', '.join(SCALES)}."
            )
        if not 0 <= self.tonic <= 11:
            raise ConfigError(f"The tonic must be 0 (C) to 11 (B), not {self.tonic}.")


class Arrangement(NamedTuple):
    """One alternative.

    Attributes:
        score: the finished score, with the locks of the score that it was made from.
        chances: (4, S), the probability that each sixteenth's symbol had when it was drawn; None
            for a score that was not composed.
        path: path of z in the principal plane of the prior; None for a score that was not composed.
    """

    score: WorkingScore
    chances: np.ndarray | None = None
    path: PlayerPath | None = None


def arrange(
    trained: LoadedModel,
    score: WorkingScore,
    redrawing: Redrawing,
    progress: Callable[[float], None],
) -> list[Arrangement]:
    """Compose everything that `score` does not keep, on the CPU.

    The same weights, score and settings give the same music. One piece is composed at a time.

    Args:
        trained: a model of four voices.
        score: what is kept, and the form of the piece.
        redrawing: how the rest is composed.
        progress: called with the share of the beats that are done.

    Raises:
        DataError: if the model cannot compose around what is kept.
    """
    asked = (trained.key, score, redrawing)
    results = _results()
    with results.lock:
        if asked not in results.found:
            results.found[asked] = _arranged(trained, score, redrawing, progress)
        results.found.move_to_end(asked)
        while len(results.found) > _KEPT_RESULTS:
            results.found.popitem(last=False)
        return results.found[asked]


class _Results(NamedTuple):
    """Finished work of all sessions. A cache of Streamlit's would not allow a progress bar."""

    lock: threading.Lock
    found: OrderedDict[tuple, list[Arrangement]]


@st.cache_resource(show_spinner=False)
def _results() -> _Results:
    return _Results(threading.Lock(), OrderedDict())


def _arranged(
    trained: LoadedModel,
    score: WorkingScore,
    redrawing: Redrawing,
    progress: Callable[[float], None],
) -> list[Arrangement]:
    model = trained.model
    if score.keeps_anything or redrawing.what != "all" or redrawing.scale is not None:
        allowed = allowed_symbols(
            score.piece,
            score.kept,
            scale=None if redrawing.scale is None else _classes(redrawing),
            rhythm=redrawing.what == "pitches",
            pitches=redrawing.what == "rhythm",
        )
        found = complete_piece(
            model,
            score.piece,
            allowed,
            meter=score.meter,
            count=redrawing.count,
            seed=redrawing.seed,
            temperature=redrawing.temperature,
            progress=progress,
        )
        pieces, drawn = found.pieces, found.completed
    else:
        drawn = sample(
            model,
            count=redrawing.count,
            frames=score.beats,
            seed=redrawing.seed,
            x_temperature=redrawing.temperature,
            c=score.covariates,
        )
        pieces = [decode_symbols(x, score.piece.fermatas) for x in drawn.x.numpy()]
    plane = _plane(model, trained.key)
    return [
        Arrangement(
            score.with_piece(piece),
            _by_voice(drawn.mean[i].numpy()),
            _path(plane, drawn.z[i].numpy(), drawn.scale[i].numpy()),
        )
        for i, piece in enumerate(pieces)
    ]


def _classes(redrawing: Redrawing) -> np.ndarray:
    """(12,) bool, the pitch classes of the scale."""
    assert redrawing.scale is not None, "there is a scale"
    return np.isin((np.arange(12) - redrawing.tonic) % 12, SCALES[redrawing.scale])


def _by_voice(means: np.ndarray) -> np.ndarray:
    """(beats, 16) values of slots as (4, S), the highest voice first."""
    slots = means.reshape(len(means), len(VOICES), STEPS).transpose(1, 0, 2)
    return slots.reshape(len(VOICES), -1)[np.argsort(VOICE_ORDER)]


@st.cache_data(max_entries=8, show_spinner=False)
def _plane(_model: DMM, key: str) -> Projection | None:
    """The first two principal axes of states that are sampled from the prior."""
    if _model.z_dim < 2:
        return None
    c = empty_score(Meter(4), _PLANE_BEATS).covariates
    drawn = sample(_model, count=_PLANE_PIECES, frames=_PLANE_BEATS, seed=0, c=c)
    return fit_projection(drawn.z.numpy().reshape(-1, _model.z_dim).astype(np.float64))


def _path(plane: Projection | None, z: np.ndarray, scale: np.ndarray) -> PlayerPath | None:
    if plane is None:
        return None
    caption = (
        "The path of the latent state z, beat by beat, in its first two principal components "
        f"({float(plane.explained.sum()):.0%} of the variance)."
    )
    return PlayerPath(plane.loc(z), plane.scale(scale), caption)
