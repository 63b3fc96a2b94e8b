"""Music drawn from a model, with what the model thought of it: probabilities and latent path."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import streamlit as st

from dmm_core.errors import ConfigError
from dmm_core.latent import Projection, posterior_moments
from dmm_core.listening import to_roll
from dmm_core.model import DMM
from dmm_core.sampling import Sample, continuation, reconstruct, sample
from pages.ui.models import Trained, prior_plane
from pages.ui.player import LatentPath

__all__ = ["MOST_COUNT", "MOST_QUARTERS", "Mode", "Piece", "Plan", "compose"]

MOST_COUNT = 8
"""Alternatives that are drawn together."""

MOST_QUARTERS = 256
"""Quarters of the longest piece: its sound still fits into a message to the page."""

_HOTTEST = 2.0
_POSTERIOR_DRAWS = 50

Mode = Literal["new", "continue", "reconstruct"]
"""From nothing, after a start, or through the posterior."""


@dataclass(frozen=True)
class Plan:
    """What is drawn.

    Attributes:
        mode: from nothing, after a start, or a piece through the posterior.
        count: alternatives, 1 to `MOST_COUNT`.
        frames: new time steps; a reconstruction has those of its piece.
        z_temperature: as in `dmm_core.sampling.sample`, 0 to 2.
        x_temperature: as there, 0 to 2.
        seed: decides all draws.

    Raises:
        ConfigError: if a value is out of bounds, whatever widget it came from.
    """

    mode: Mode
    count: int
    frames: int
    z_temperature: float
    x_temperature: float
    seed: int

    def __post_init__(self) -> None:
        """Check the values."""
        if self.mode not in get_args(Mode):
            raise ConfigError(f"There is no mode {self.mode!r:.40}.")
        if not 1 <= self.count <= MOST_COUNT:
            raise ConfigError(f"There can be 1 to {MOST_COUNT} alternatives, not {self.count}.")
        if not 1 <= self.frames <= 4 * MOST_QUARTERS:
            raise ConfigError(f"A piece has 1 to {4 * MOST_QUARTERS} frames, not {self.frames}.")
        for name, value in (("z", self.z_temperature), ("x", self.x_temperature)):
            if not 0.0 <= value <= _HOTTEST:
                raise ConfigError(f"The temperature of {name} is 0 to {_HOTTEST:g}, not {value:g}.")
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"A seed is 0 to {2**31 - 1}, not {self.seed}.")


class Piece(NamedTuple):
    """One alternative.

    Attributes:
        roll: (T, 88) boolean.
        probabilities: (T, 88), p(x_t = 1 given z_t).
        path: of z in the prior's plane, or None where z has one dimension.
        kl: (T,) nats of each frame, or None where nothing was inferred.
    """

    roll: np.ndarray
    probabilities: np.ndarray
    path: LatentPath | None
    kl: np.ndarray | None


def compose(trained: Trained, plan: Plan, start: np.ndarray | None = None) -> list[Piece]:
    """Draw what `plan` asks for, on the CPU: the same plan, start and weights, the same music.

    Args:
        trained: a model of piano-rolls.
        plan: what to draw.
        start: (T, 88) uint8, what is continued or reconstructed.
    """
    return _compose(trained.model, trained.key, plan, start)


@st.cache_data(max_entries=24, show_spinner=False)
def _compose(_model: DMM, key: str, plan: Plan, start: np.ndarray | None) -> list[Piece]:
    plane = prior_plane(_model, key)
    if start is None:
        drawn = sample(
            _model,
            count=plan.count,
            frames=plan.frames,
            seed=plan.seed,
            z_temperature=plan.z_temperature,
            x_temperature=plan.x_temperature,
        )
        return [_from_nothing(drawn, i, plane) for i in range(plan.count)]
    if plan.mode == "reconstruct":
        return _reconstructions(_model, start, plan, plane)
    drawn = continuation(
        _model,
        start,
        count=plan.count,
        frames=plan.frames,
        seed=plan.seed,
        z_temperature=plan.z_temperature,
        x_temperature=plan.x_temperature,
    )
    begun = posterior_moments(_model, start, seed=plan.seed, draws=_POSTERIOR_DRAWS)
    pieces = []
    for i in range(plan.count):
        loc = np.concatenate([begun.loc, drawn.z[i].numpy()])
        scale = np.concatenate([begun.scale, drawn.scale[i].numpy()])
        pieces.append(
            Piece(
                np.concatenate([start > 0, to_roll(drawn.x[i])]),
                np.concatenate([start.astype(np.float32), drawn.mean[i].numpy()]),
                _seen(plane, loc, scale, "The start is inferred, the rest drawn step by step."),
                None,
            )
        )
    return pieces


def _from_nothing(drawn: Sample, index: int, plane: Projection | None) -> Piece:
    z, scale = drawn.z[index].numpy(), drawn.scale[index].numpy()
    path = _seen(plane, z, scale, "Drawn step by step from the prior.")
    return Piece(to_roll(drawn.x[index]), drawn.mean[index].numpy(), path, None)


def _reconstructions(
    model: DMM, start: np.ndarray, plan: Plan, plane: Projection | None
) -> list[Piece]:
    found = posterior_moments(model, start, seed=plan.seed, draws=_POSTERIOR_DRAWS)
    mean = reconstruct(model, start, seed=plan.seed, draws=_POSTERIOR_DRAWS).numpy()
    path = _seen(plane, found.loc, found.scale, "Inferred from the piece.")
    rng = np.random.default_rng(plan.seed)
    return [
        Piece(_flip(mean, plan.x_temperature, rng), mean, path, found.kl.sum(1))
        for _ in range(plan.count)
    ]


def _flip(mean: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """Notes drawn with probabilities `mean`, whose logits are divided by `temperature`."""
    if temperature == 0.0:
        return mean > 0.5
    odds = np.clip(mean.astype(np.float64), 1e-12, 1 - 1e-12)
    logits = np.log(odds / (1 - odds)) / temperature
    return rng.random(mean.shape) < 0.5 * (1 + np.tanh(logits / 2))


def _seen(
    plane: Projection | None, loc: np.ndarray, scale: np.ndarray, note: str
) -> LatentPath | None:
    if plane is None:
        return None
    share = float(plane.explained.sum())
    caption = f"z(t) in the plane of its first two principal components ({share:.0%}). {note}"
    return LatentPath(plane.loc(loc), plane.scale(scale), caption)
