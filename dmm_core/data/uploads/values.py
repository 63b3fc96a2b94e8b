"""Numbers of an untrusted file -> features, what was observed of them, and words about both."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES, is_pianoroll
from dmm_core.data.uploads.parsed import ParsedFile, Split, check_memory, spans_of
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import GRIDS, MAX_FRAMES, notes_from_roll

__all__ = ["MAX_VALUES", "Values", "check_shape", "parsed_values", "pluralise"]

MAX_VALUES = 2**25
"""Frames times features, padding included: a child has memory for a few copies of them."""


class Values(NamedTuple):
    """Sequences of numbers end to end, as a file holds them.

    Attributes:
        x: (frames, x_dim) of numbers or booleans; NaN where a value is missing.
        lengths: frames of each sequence.
        titles: of each sequence.
        place: names the row of an index in a sentence, such as "row 7".
        u: (frames, u_dim), or None.
        observed: (frames, x_dim) booleans, or None where NaN alone says what is missing.
        splits: where each sequence stands, or None.
    """

    x: np.ndarray
    lengths: tuple[int, ...]
    titles: tuple[str, ...]
    place: Callable[[int], str]
    u: np.ndarray | None = None
    observed: np.ndarray | None = None
    splits: tuple[Split, ...] | None = None


def check_shape(frames: int, width: int, what: str = "features") -> None:
    """Check that there are some frames and features, and not too many.

    Raises:
        UploadError: if not.
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
    """`number` and `noun`, in the plural where it should be: "1 note", "2,000 notes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def parsed_values(values: Values, options: UploadOptions, changes: tuple[str, ...]) -> ParsedFile:
    """Find out what kind of data `values` are.

    They are binary where every value that was observed is 0 or 1, and then a piano-roll where
    there are as many features as piano keys; else they are real.

    Args:
        values: what the file holds.
        options: the grid of a piano-roll.
        changes: what was changed already.

    Raises:
        UploadError: in one plain sentence, if a value is not finite, or none was observed.
    """
    observed = _observed(values)
    x, binary = _features(values, observed)
    if values.observed is None and observed.all():
        seen = None
    else:
        seen = observed.astype(np.uint8)
    roll = is_pianoroll("binary" if binary else "real", x.shape[1])
    said = [*changes, _what(x.shape[1], 0 if values.u is None else values.u.shape[1], binary)]
    if roll:
        grid = GRIDS[options.steps_per_quarter]
        said.append(f"Read them as music: a piano-roll whose frame is one {grid} note.")
    if missing := observed.size - int(observed.sum()):
        share = "is" if missing == 1 else "are"
        said.append(f"{missing:,} of {pluralise(observed.size, 'value')} {share} missing.")
    return ParsedFile(
        x=x,
        lengths=values.lengths,
        titles=values.titles,
        changes=tuple(said),
        notes=_onsets(x, values.lengths) if roll else 0,
        u=_actions(values),
        observed=seen,
        splits=values.splits,
        spans=_spans(x[: values.lengths[0]], options) if roll else None,
    )


def _spans(x: np.ndarray, options: UploadOptions) -> np.ndarray:
    """The notes of a roll, tied where a pitch goes on; a minute has 60 quarters."""
    steps = options.steps_per_quarter
    notes = notes_from_roll(x, tempo=60, steps_per_quarter=steps, rearticulate=False)
    return spans_of(notes)


def _observed(values: Values) -> np.ndarray:
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
        raise UploadError("The file holds no value that was observed: every one is missing.")
    return observed


def _features(values: Values, observed: np.ndarray) -> tuple[np.ndarray, bool]:
    """The features as they are kept, 0 where none was observed, and whether they are binary."""
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
    if values.u is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        u = values.u.astype(np.float32)
    _check_finite(u, values, "an action")
    return u


def _check_finite(array: np.ndarray, values: Values, what: str) -> None:
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        place = values.place(int(np.flatnonzero(~finite)[0]))
        raise UploadError(
            f"The file has {what} that is missing, infinite or beyond 3e38 in {place}."
            if what == "an action"
            else f"The file has {what} that is infinite or beyond 3e38 in {place}."
        )


def _what(x_dim: int, u_dim: int, binary: bool) -> str:
    kind = "binary" if binary else "real-valued"
    actions = f" and {pluralise(u_dim, 'action')}" if u_dim else ""
    return f"Read {pluralise(x_dim, f'{kind} feature')}{actions}."


def _onsets(x: np.ndarray, lengths: tuple[int, ...]) -> int:
    """Pitches that sound in a frame and not in the one before it."""
    before = np.zeros_like(x)
    before[1:] = x[:-1]
    before[np.cumsum(lengths)[:-1]] = 0
    return int((x > before).sum())
