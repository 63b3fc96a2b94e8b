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
from dmm_core.music.voices import STEPS, VoicedPiece
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
_SHORT_BEATS = 200
"""Beats of all alternatives of a piece that is composed without waiting for others."""
_WAIT_SECONDS = 1.0
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

    The same weights, score and settings give the same music. An alternative with the notes that
    `score` has already is returned only if there are no others. One piece is composed at a time;
    what was composed before is returned without waiting.

    Args:
        trained: a model of four voices.
        score: what is kept, and the form of the piece.
        redrawing: how the rest is composed.
        progress: called with the share of the beats that are done, and with 0 every second while
            another piece is composed. It may end the work by an exception.

    Raises:
        DataError: if the model cannot compose around what is kept.
    """
    asked = (trained.key, score, redrawing)
    results = _results()
    found = results.get(asked)
    if found is None and _is_short(score, redrawing):
        found = _arranged(trained, score, redrawing, progress)
        results.keep(asked, found)
    if found is None:
        while not results.composing.acquire(timeout=_WAIT_SECONDS):
            progress(0.0)
        try:
            found = results.get(asked) or _arranged(trained, score, redrawing, progress)
        finally:
            results.composing.release()
        results.keep(asked, found)
    return found


def _is_free(score: WorkingScore, redrawing: Redrawing) -> bool:
    """Whether nothing is kept, so that the piece is simply sampled."""
    return not score.keeps_anything and redrawing.what == "all" and redrawing.scale is None


def _is_short(score: WorkingScore, redrawing: Redrawing) -> bool:
    """Whether composing takes a second or two, as on Home, and need not wait for others."""
    return _is_free(score, redrawing) and score.beats * redrawing.count <= _SHORT_BEATS


class _Results:
    """Finished work of all sessions. A cache of Streamlit's would not allow a progress bar.

    Attributes:
        composing: held while a piece is composed, but not while a finished one is looked up.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.composing = threading.Lock()
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple, list[Arrangement]] = OrderedDict()

    def get(self, asked: tuple) -> list[Arrangement] | None:
        """What was composed for `asked`, or None."""
        with self._lock:
            if asked in self._found:
                self._found.move_to_end(asked)
            return self._found.get(asked)

    def keep(self, asked: tuple, found: list[Arrangement]) -> None:
        """Keep what was composed, and forget what was not asked for longest."""
        with self._lock:
            self._found[asked] = found
            self._found.move_to_end(asked)
            while len(self._found) > _KEPT_RESULTS:
                self._found.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _results() -> _Results:
    return _Results()


def _arranged(
    trained: LoadedModel,
    score: WorkingScore,
    redrawing: Redrawing,
    progress: Callable[[float], None],
) -> list[Arrangement]:
    model = trained.model
    if not _is_free(score, redrawing):
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
            count=redrawing.count + 1,  # one of them may be what the score has already
            seed=redrawing.seed,
            temperature=redrawing.temperature,
            progress=progress,
        )
        pieces, drawn = found.pieces, found.completed
        chosen = sorted(range(len(pieces)), key=lambda i: _is_same(pieces[i], score.piece))
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
        chosen = list(range(len(pieces)))
    plane = _plane(model, trained.key)
    return [
        Arrangement(
            score.with_piece(pieces[i]),
            _by_voice(drawn.mean[i].numpy()),
            _path(plane, drawn.z[i].numpy(), drawn.scale[i].numpy()),
        )
        for i in chosen[: redrawing.count]
    ]


def _is_same(piece: VoicedPiece, other: VoicedPiece) -> bool:
    """Whether two pieces of the same length have the same notes."""
    return np.array_equal(piece.pitches, other.pitches) and np.array_equal(
        piece.onsets, other.onsets
    )


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
