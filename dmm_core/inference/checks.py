"""Checks of arguments before anything is computed; an error message is one sentence."""

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
"""Support of a distribution -> its description in messages."""

__all__ = ["require_count", "require_fit_of", "require_frames", "require_same_length"]


def require_count(name: str, value: object, *, least: int = 1) -> None:
    """Check an argument that is a number of things.

    Args:
        name: name of the argument, for the message.
        value: the argument.
        least: smallest allowed value.

    Raises:
        DataError: if the value is not a whole number, or is too small.
    """
    try:
        whole = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        whole = least - 1
    if whole < least or isinstance(value, bool):
        raise DataError(f"{name} is {value!r:.40}; it has to be a whole number from {least} up.")


def require_frames(x: np.ndarray, name: str) -> np.ndarray:
    """Check the shape of an array of frames, and return it as a numpy array.

    Args:
        x: (T, x_dim), an array, or an object that NumPy can convert to one.
        name: name of the argument, for the message.

    Raises:
        DataError: if the array has another number of axes, or is empty.
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
            f"The sequences have {lengths.min()} to {lengths.max()} frames, but here all of them "
            "need the same number: pass the sequences of one length at a time."
        )


@torch.no_grad()
def require_fit_of(model: DMM, sequences: Sequences) -> None:
    """Check that sequences fit a model.

    Args:
        model: the model.
        sequences: the sequences.

    Raises:
        DataError: if there are no sequences, if the number of features, actions or covariates
            differs from the model's, if the model gives no probability to a value, or if features
            are missing and the model cannot leave them out.
    """
    if not len(sequences):
        raise DataError("There are no sequences; one or more are needed.")
    if sequences.x_dim != model.x_dim:
        raise DataError(
            f"The model was made for {model.x_dim} features a frame, but the sequences have "
            f"{sequences.x_dim}."
        )
    for called, wanted, found in (
        ("actions", model.u_dim, sequences.u_dim),
        ("covariates", model.c_dim, sequences.c_dim),
    ):
        if found != wanted:
            raise DataError(
                f"The model was made for {wanted} {called} a frame, but the sequences have {found}."
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
