"""Converts the numbers of an untrusted file into features, and describes them in sentences."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES, is_pianoroll
from dmm_core.data.uploads.parsed import ParsedFile, Split, check_memory, spans_from_notes
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import GRIDS, MAX_FRAMES, notes_from_roll

__all__ = ["MAX_VALUES", "Values", "check_shape", "parsed_values", "pluralise"]

MAX_VALUES = 2**25
"""Largest number of frames times features, including padding. A child can hold a few copies."""


class Values(NamedTuple):
    """Sequences of numbers, one after another, as a file holds them.

    Attributes:
        x: (frames, x_dim) numbers or booleans; NaN where a value is missing.
        lengths: number of frames of each sequence.
        titles: title of each sequence.
        row_name: function from the index of a frame to its name in messages, such as "row 7".
        u: (frames, u_dim) actions, or None.
        observed: (frames, x_dim) booleans, or None if only NaN marks missing values.
        splits: split of each sequence, or None.
    """

    x: np.ndarray
    lengths: tuple[int, ...]
    titles: tuple[str, ...]
    row_name: Callable[[int], str]
    u: np.ndarray | None = None
    observed: np.ndarray | None = None
    splits: tuple[Split, ...] | None = None


def check_shape(frames: int, width: int, what: str = "features") -> None:
    """Check the numbers of frames and features of a file.

    Args:
        frames: number of frames, including padding.
        width: number of features or actions.
        what: "features" or "actions", for the message.

    Raises:
        UploadError: if there are none or too many.
    """
    if not 1 <= width <= MAX_FEATURES:
        raise UploadError(f"The file has {width:,} {what}, but 1 to {MAX_FEATURES:,} are read.")
    if not 1 <= frames <= MAX_FRAMES:
        raise UploadError(f"The file has {frames:,} frames, but 1 to {MAX_FRAMES:,} are read.")
    if frames * width > MAX_VALUES:
        raise UploadError(
            f"The file has {frames * width:,} values, but at most {MAX_VALUES:,} are read."
        )


def pluralise(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural: "1 note", "2,000 notes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def parsed_values(values: Values, options: UploadOptions, changes: tuple[str, ...]) -> ParsedFile:
    """Determine the kind of data of `values` and convert them.

    They are binary if every observed value is 0 or 1, otherwise real. Binary values are a
    piano-roll if there are as many features as piano keys.

    Args:
        values: content of the file.
        options: options that set the grid of a piano-roll.
        changes: sentences about earlier changes, which the report lists first.

    Raises:
        UploadError: if a value is not finite, or no value was observed.
    """
    observed = _observed(values)
    x, binary = _features(values, observed)
    if values.observed is None and observed.all():
        kept_mask = None
    else:
        kept_mask = observed.astype(np.uint8)
    roll = is_pianoroll("binary" if binary else "real", x.shape[1])
    u_dim = 0 if values.u is None else values.u.shape[1]
    sentences = [*changes, _features_sentence(x.shape[1], u_dim, binary)]
    if roll:
        grid = GRIDS[options.steps_per_quarter]
        sentences.append(f"Read them as music: a piano-roll whose frames are {grid} notes.")
    if missing := observed.size - int(observed.sum()):
        verb = "is" if missing == 1 else "are"
        sentences.append(f"{missing:,} of {pluralise(observed.size, 'value')} {verb} missing.")
    return ParsedFile(
        x=x,
        lengths=values.lengths,
        titles=values.titles,
        changes=tuple(sentences),
        notes=_onsets(x, values.lengths) if roll else 0,
        u=_actions(values),
        observed=kept_mask,
        splits=values.splits,
        spans=_spans(x[: values.lengths[0]], options) if roll else None,
    )


def _spans(x: np.ndarray, options: UploadOptions) -> np.ndarray:
    """Return the notes of a roll, in quarter notes; consecutive frames of a pitch are one note."""
    steps = options.steps_per_quarter
    # At 60 quarter notes a minute, seconds are quarter notes.
    notes = notes_from_roll(x, tempo=60, steps_per_quarter=steps, rearticulate=False)
    return spans_from_notes(notes)


def _observed(values: Values) -> np.ndarray:
    """Return (frames, x_dim) booleans: where a value is observed and not NaN."""
    x = values.x
    if np.issubdtype(x.dtype, np.floating):
        observed = ~np.isnan(x)
        if values.observed is not None:
            observed &= values.observed
    elif values.observed is not None:
        observed = values.observed
    else:
        observed = np.ones(x.shape, bool)
    if not observed.any():
        raise UploadError("The file holds no observed value: every value is missing.")
    return observed


def _features(values: Values, observed: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the features, with 0 for missing values, and whether they are binary."""
    x = values.x
    zero_or_one = (x == 0) | (x == 1)
    if (zero_or_one | ~observed).all():
        return ((x == 1) & observed).astype(np.uint8), True
    check_memory(4 * x.size)
    with np.errstate(over="ignore", invalid="ignore"):
        real = np.where(observed, x.astype(np.float32), np.float32(0))
    _check_finite(real, values, "a value")
    return real, False


def _actions(values: Values) -> np.ndarray | None:
    """Return the actions as float32, or None."""
    if values.u is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        u = values.u.astype(np.float32)
    _check_finite(u, values, "an action")
    return u


def _check_finite(array: np.ndarray, values: Values, what: str) -> None:
    """Check float32 values; `what` is "a value" or "an action"."""
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        place = values.row_name(int(np.flatnonzero(~finite)[0]))
        raise UploadError(
            f"The file has {what} that is missing, infinite or beyond 3e38 in {place}."
            if what == "an action"
            else f"The file has {what} that is infinite or beyond 3e38 in {place}."
        )


def _features_sentence(x_dim: int, u_dim: int, binary: bool) -> str:
    """Return the sentence about the features and actions that were read."""
    kind = "binary" if binary else "real-valued"
    actions = f" and {pluralise(u_dim, 'action')}" if u_dim else ""
    return f"Read {pluralise(x_dim, f'{kind} feature')}{actions}."


def _onsets(x: np.ndarray, lengths: tuple[int, ...]) -> int:
    """Return the number of notes: pitches that sound in a frame and not in the frame before."""
    before = np.zeros_like(x)
    before[1:] = x[:-1]
    before[np.cumsum(lengths)[:-1]] = 0
    return int((x > before).sum())
