"""Music drawn from a model, with what the model thought of it: probabilities and latent path."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from dmm_core.inference.constraints import constrained
from dmm_core.inference.infilling import infill
from dmm_core.inference.latent import Projection, posterior_moments
from dmm_core.inference.morphing import morph
from dmm_core.inference.sampling import Sample, continuation, reconstruct, sample
from dmm_core.inference.seeded_sampling import draw_frame, emission_noise
from dmm_core.nn.dmm import DMM
from dmm_core.runs.rendering import to_roll
from pages.ui.compose.request import MOST_COUNT, MOST_QUARTERS, CompositionRequest, Mode
from pages.ui.models import Trained, prior_plane
from pages.ui.player import PlayerPath

__all__ = [
    "MOST_COUNT",
    "MOST_QUARTERS",
    "CompositionRequest",
    "Mode",
    "Piece",
    "compose",
    "morph_weights",
]

_POSTERIOR_DRAWS = 50
_CERTAIN = 50.0
"""The largest logit of a note: a mean of 1 has an infinite one."""


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
    path: PlayerPath | None
    kl: np.ndarray | None


def compose(
    trained: Trained,
    plan: CompositionRequest,
    start: np.ndarray | None = None,
    other: np.ndarray | None = None,
) -> list[Piece]:
    """Draw what `plan` asks for, on the CPU: the same plan, pieces and weights, the same music.

    Args:
        trained: a model of piano-rolls.
        plan: what to draw.
        start: (T, 88) uint8, the piece that is given; None for new music.
        other: (T, 88) uint8, where a morph goes.

    Raises:
        DataError: if the plan asks for what cannot be had, such as a key without a note in reach.
    """
    return _compose(trained.model, trained.key, plan, start, other)


def morph_weights(plan: CompositionRequest) -> np.ndarray:
    """(count, frames): how far each frame of each alternative has gone from one to the other."""
    if plan.sweep:
        return np.tile(np.linspace(0, 1, plan.frames), (plan.count, 1))
    steps = np.linspace(0, 1, plan.count) if plan.count > 1 else np.array([0.5])
    return np.tile(steps[:, None], (1, plan.frames))


@st.cache_data(max_entries=24, show_spinner=False)
def _compose(
    _model: DMM,
    key: str,
    plan: CompositionRequest,
    start: np.ndarray | None,
    other: np.ndarray | None,
) -> list[Piece]:
    plane = prior_plane(_model, key)
    if start is None:
        drawn = sample(_model, frames=plan.frames, **_settings(plan))
        return [
            _rolled_out(drawn, i, plane, "Drawn step by step from the prior.")
            for i in range(plan.count)
        ]
    if plan.mode == "reconstruct":
        return _reconstructions(_model, start, plan, plane)
    if plan.region is not None:
        return _infillings(_model, start, plan, plan.region, plane)
    if other is not None:
        weights = morph_weights(plan)
        drawn = morph(
            _model,
            start,
            other,
            weights=weights,
            spherical=plan.arcs,
            **{k: v for k, v in _settings(plan).items() if k != "count"},
        )
        return [
            _rolled_out(drawn, i, plane, "Between the paths of the two pieces.")
            for i in range(plan.count)
        ]
    return _continuations(_model, start, plan, plane)


def _settings(plan: CompositionRequest) -> dict:
    return {
        "count": plan.count,
        "seed": plan.seed,
        "z_temperature": plan.z_temperature,
        "x_temperature": plan.x_temperature,
        "constraint": plan.keep.constraint(),
    }


def _rolled_out(drawn: Sample, index: int, plane: Projection | None, note: str) -> Piece:
    z, scale = drawn.z[index].numpy(), drawn.scale[index].numpy()
    return Piece(
        to_roll(drawn.x[index]), drawn.mean[index].numpy(), _seen(plane, z, scale, note), None
    )


def _continuations(
    model: DMM, start: np.ndarray, plan: CompositionRequest, plane: Projection | None
) -> list[Piece]:
    drawn = continuation(model, start, frames=plan.frames, **_settings(plan))
    begun = posterior_moments(model, start, seed=plan.seed, draws=_POSTERIOR_DRAWS)
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


def _infillings(
    model: DMM,
    start: np.ndarray,
    plan: CompositionRequest,
    region: tuple[int, int],
    plane: Projection | None,
) -> list[Piece]:
    first, after = region
    filled = infill(model, start, first=first, after=after, **_settings(plan))
    pieces = []
    for x, mean in zip(filled.x, filled.region.mean.numpy(), strict=True):
        found = posterior_moments(model, x, seed=plan.seed, draws=_POSTERIOR_DRAWS)
        probabilities = x.astype(np.float32)
        probabilities[first:after] = mean
        path = _seen(plane, found.loc, found.scale, "Inferred from the finished piece.")
        pieces.append(Piece(x > 0, probabilities, path, found.kl.sum(1)))
    return pieces


def _reconstructions(
    model: DMM, start: np.ndarray, plan: CompositionRequest, plane: Projection | None
) -> list[Piece]:
    found = posterior_moments(model, start, seed=plan.seed, draws=_POSTERIOR_DRAWS)
    # The number of voices is a matter of single frames: it holds for what is drawn, not for a mean.
    free = plan.keep.constraint()
    if free is not None:
        free = replace(free, least=0, most=None, apart=False)
    draws = _POSTERIOR_DRAWS
    mean = reconstruct(model, start, seed=plan.seed, draws=draws, constraint=free)
    path = _seen(plane, found.loc, found.scale, "Inferred from the piece.")
    return [
        Piece(roll, mean.numpy(), path, found.kl.sum(1))
        for roll in _drawn_from(mean.double(), plan)
    ]


def _drawn_from(mean: Tensor, plan: CompositionRequest) -> list[np.ndarray]:
    """A roll for each alternative, its notes drawn with the probabilities `mean`."""
    constraint = plan.keep.constraint()
    if constraint is not None:
        constraint = replace(constraint, shift=0.0)  # the mean has it already
    logits = torch.logit(mean).clamp_max(_CERTAIN).expand(plan.count, *mean.shape)
    emission = constrained(Bernoulli(logits=logits, validate_args=False), constraint)
    noise = emission_noise(emission, torch.Generator().manual_seed(plan.seed))
    return [to_roll(x) for x in draw_frame(emission, noise, plan.x_temperature).x]


def _seen(
    plane: Projection | None, loc: np.ndarray, scale: np.ndarray, note: str
) -> PlayerPath | None:
    if plane is None:
        return None
    share = float(plane.explained.sum())
    caption = f"The latent state z on its way, along two principal components ({share:.0%}). {note}"
    return PlayerPath(plane.loc(loc), plane.scale(scale), caption)
