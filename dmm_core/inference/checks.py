"""What is asked of numbers and data before anything is computed, each refused in one sentence."""

import operator

import numpy as np
import torch
from torch.distributions import constraints

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.nn.dmm import DMM
from dmm_core.nn.frame import FrameDistribution

_VALUES = {
    constraints.boolean: "binary frames: values are 0 or 1",
    constraints.nonnegative_integer: "counts: values are whole numbers from 0 up",
    constraints.positive: "positive values",
}
"""The support of a distribution -> how it is told to a person."""

__all__ = ["require_count", "require_fit_of", "require_frames", "require_same_length"]


def require_count(name: str, value: object, *, least: int = 1) -> None:
    """Check a number of things.

    Args:
        name: of the argument, for the message.
        value: what was given.
        least: the smallest that is allowed.

    Raises:
        DataError: if it is no whole number, or smaller.
    """
    try:
        whole = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        whole = least - 1
    if whole < least or isinstance(value, bool):
        raise DataError(f"{name} is {value!r:.40}; it has to be a whole number from {least} up.")


def require_frames(x: np.ndarray, name: str) -> np.ndarray:
    """An array of frames, once its shape is clear.

    Args:
        x: (T, x_dim), of any type that makes an array.
        name: of the argument, for the message.

    Raises:
        DataError: if it has another number of axes, or is empty.
    """
    x = np.asarray(x)
    if x.ndim != 2 or 0 in x.shape:
        raise DataError(f"{name} is (frames, features) and not empty, not of shape {x.shape}.")
    return x


def require_same_length(sequences: Sequences) -> None:
    """Check that all sequences have the same number of frames.

    Raises:
        DataError: if they do not.
    """
    lengths = sequences.lengths
    if lengths.min() != lengths.max():
        raise DataError(
            f"The sequences have {lengths.min()} to {lengths.max()} frames, but they are looked at "
            "together here and need the same number: pass those of one length at a time."
        )


@torch.no_grad()
def require_fit_of(model: DMM, sequences: Sequences) -> None:
    """Check that a model can explain sequences.

    Args:
        model: what is to explain them.
        sequences: the data.

    Raises:
        DataError: if there are none, if their features or actions are not as many as the model has,
            if a model of binary frames meets other values, or if features are missing that the
            model cannot leave out.
    """
    if not len(sequences):
        raise DataError("There are no sequences; one or more are needed.")
    if sequences.x_dim != model.x_dim:
        raise DataError(
            f"The model was made for {model.x_dim} features a frame, but the sequences have "
            f"{sequences.x_dim}."
        )
    if sequences.u_dim != model.u_dim:
        raise DataError(
            f"The model was made for {model.u_dim} actions a frame, but the sequences have "
            f"{sequences.u_dim}."
        )
    emission = model.frame(model.initial().loc)
    _require_support(emission, sequences)
    if sequences.observed is None or all(seen.all() for seen in sequences.observed):
        return
    if not emission.marginalises:
        raise DataError(
            "The sequences have missing features, but the model's emission explains all features "
            "of a frame together and cannot leave one out: use a model whose features are "
            "independent given the state, or sequences without missing features."
        )
    if model.x_to_z or model.x_to_x:
        raise DataError(
            "The sequences have missing features, but the model lets each step see the whole frame "
            "before: use a model without model.x_to_z and model.x_to_x, or sequences without "
            "missing features."
        )


def _require_support(emission: FrameDistribution, sequences: Sequences) -> None:
    """Check that the emission gives a probability to every value that was observed."""
    support = emission.support
    if support is None or support is constraints.real:
        return  # sequences hold finite numbers only
    for index, (x, name) in enumerate(zip(sequences.x, sequences.names, strict=True)):
        if support is constraints.boolean and x.dtype == np.uint8:
            continue  # sequences of whole numbers hold 0 and 1 only
        possible = support.check(torch.as_tensor(x)).numpy()
        if possible.ndim < x.ndim:  # the features are one event
            possible = possible[..., None]
        outside = ~(possible & np.ones_like(x, dtype=bool))
        if sequences.observed is not None:
            outside &= sequences.observed[index] == 1
        if outside.any():
            raise DataError(
                f"{name} holds {x[outside][0]:g}, but the model explains {_VALUES[support]}."
                if support in _VALUES
                else f"{name} holds {x[outside][0]:g}, to which the model's emission gives no "
                f"probability: its values meet {support}."
            )
