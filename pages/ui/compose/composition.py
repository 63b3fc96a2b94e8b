"""Compose alternatives with a model, with their probabilities and latent paths."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.inference.latent import Projection
from dmm_core.nn.dmm import DMM
from pages.ui.compose.modes import Drawn, Pieces
from pages.ui.compose.request import CompositionRequest
from pages.ui.models import LoadedModel, prior_plane
from pages.ui.player import PlayerPath

__all__ = ["Alternative", "compose"]


class Alternative(NamedTuple):
    """One alternative, at the model's pitch.

    Attributes:
        roll: (T, 88) boolean.
        probabilities: (T, 88), p(x_t = 1 given z_t).
        path: path of z in the principal plane of the prior, or None if z has one dimension.
        kl: (T,) nats of each frame, or None if nothing was inferred.
    """

    roll: np.ndarray
    probabilities: np.ndarray
    path: PlayerPath | None
    kl: np.ndarray | None


def compose(
    trained: LoadedModel, request: CompositionRequest, pieces: Pieces | None = None
) -> list[Alternative]:
    """Compose the alternatives of `request` on the CPU.

    The same weights, request and pieces give the same music.

    Args:
        trained: a model of piano-rolls.
        request: what to compose.
        pieces: what its mode asks for; None for no piece.

    Raises:
        ConfigError: if the mode needs a piece that is missing.
        DataError: if the request cannot be met, for example if no note of a scale lies in the
            register.
    """
    return _compose(trained.model, trained.key, request, *(pieces or Pieces()))


# The representation of a request contains all of its values and identifies the mode's function.
@st.cache_data(max_entries=24, show_spinner=False, hash_funcs={CompositionRequest: repr})
def _compose(
    _model: DMM,
    key: str,
    request: CompositionRequest,
    first: np.ndarray | None,
    second: np.ndarray | None,
) -> list[Alternative]:
    plane = prior_plane(_model, key)
    return [
        Alternative(drawn.roll, drawn.probabilities, _projected(drawn, plane, request), drawn.kl)
        for drawn in request.mode.compose(_model, request, Pieces(first, second))
    ]


def _projected(
    drawn: Drawn, plane: Projection | None, request: CompositionRequest
) -> PlayerPath | None:
    if plane is None:
        return None
    share = float(plane.explained.sum())
    caption = (
        f"The path of the latent state z in its first two principal components ({share:.0%} of "
        f"the variance). {request.mode.path_note}"
    )
    return PlayerPath(plane.loc(drawn.loc), plane.scale(drawn.scale), caption)
