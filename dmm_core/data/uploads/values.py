"""Converts the numbers of an untrusted file into features, and describes them in sentences."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES, Kind, is_pianoroll
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.uploads.parsed import ParsedFile, Split, check_memory, spans_from_notes
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import GRIDS, MAX_FRAMES, notes_from_roll

__all__ = ["MAX_VALUES", "Values", "check_shape", "parsed_values", "pluralise"]

MAX_VALUES = 2**25
"""Largest number of frames times features, including padding. A child can hold a few copies."""


_COUNT_FRAMES = 30
_COUNT_MEAN = 20
_COUNT_DISPERSION = 0.5
"""Whole numbers are counts if there are at least so many frames, the mean of each feature is at
most so large, and its variance is at least so many times its mean."""


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
        c: (frames, c_dim) covariates, or None.
        whole: whether the file holds whole numbers only, written without a decimal point.
        features: names of the features, or an empty tuple.
        actions: names of the actions, or an empty tuple.
        covariates: names of the covariates, or an empty tuple.
        time: times of the frames, or None.
        starts: time of the first frame of each sequence, or None.
    """

    x: np.ndarray
    lengths: tuple[int, ...]
    titles: tuple[str, ...]
    row_name: Callable[[int], str]
    u: np.ndarray | None = None
    observed: np.ndarray | None = None
    splits: tuple[Split, ...] | None = None
    c: np.ndarray | None = None
    whole: bool = False
    features: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    time: TimeAxis | None = None
    starts: tuple[float, ...] | None = None


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

    Unless `options` set the kind, they are binary if every observed value is 0 or 1. They are
    counts if the file holds whole numbers from 0 up, without a decimal point, that look like
    counts: at least 30 frames, a mean of at most 20 for each feature, and a variance of at least
    half the mean for each that varies. Otherwise they are real. Binary values are a piano-roll if
    there are as many features as piano keys.

    Args:
        values: content of the file.
        options: options that set the kind, or the grid of a piano-roll.
        changes: sentences about earlier changes, which the report lists first.

    Raises:
        UploadError: if a value is not finite or not of the kind, or no value was observed.
    """
    observed = _observed(values)
    kind = _kind(values, observed, options)
    x = _features(values, observed, kind)
    if values.observed is None and observed.all():
        kept_mask = None
    else:
        kept_mask = observed.astype(np.uint8)
    roll = is_pianoroll(kind, x.shape[1])
    sentences = [*changes, _features_sentence(values, kind)]
    if kind == "count" and options.kind == "auto":
        sentences.append(
            "Took the values as counts, because they are small whole numbers from 0 up, without a "
            "decimal point, that vary as counts do; the kind can be changed to real."
        )
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
        u=_inputs(values, values.u, "an action"),
        observed=kept_mask,
        splits=values.splits,
        spans=_spans(x[: values.lengths[0]], options) if roll else None,
        c=_inputs(values, values.c, "a covariate"),
        kind=kind,
        features=() if roll else values.features,
        actions=values.actions,
        covariates=values.covariates,
        time=values.time,
        starts=values.starts,
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


def _kind(values: Values, observed: np.ndarray, options: UploadOptions) -> Kind:
    """Return the kind of the features, which the options set or the values suggest."""
    x = values.x
    binary = bool(((x == 0) | (x == 1) | ~observed).all())
    if options.kind == "binary" and not binary:
        raise _not_of_kind(values, observed & (x != 0) & (x != 1), "binary", "0 or 1")
    if options.kind == "count":
        with np.errstate(invalid="ignore"):
            faulty = observed & ~((x >= 0) & (x == np.rint(x)) & (x <= 2**24))
        if faulty.any():
            raise _not_of_kind(values, faulty, "counts", "a whole number from 0 to 2^24")
    if options.kind != "auto":
        return options.kind
    if binary:
        return "binary"
    return "count" if values.whole and _are_counts(x, observed) else "real"


def _are_counts(x: np.ndarray, observed: np.ndarray) -> bool:
    """Return whether whole numbers look like counts."""
    if len(x) < _COUNT_FRAMES or x.dtype.kind not in "iuf":
        return False
    seen = np.where(observed, x, 0).astype(np.float64)
    if not np.isfinite(seen).all() or (seen < 0).any() or (seen != np.rint(seen)).any():
        return False
    count = np.maximum(observed.sum(axis=0), 1)
    mean = seen.sum(axis=0) / count
    variance = np.where(observed, (seen - mean) ** 2, 0).sum(axis=0) / count
    varies = variance > 0
    dispersed = variance >= _COUNT_DISPERSION * mean
    return bool((mean <= _COUNT_MEAN).all() and varies.any() and dispersed[varies].all())


def _not_of_kind(values: Values, faulty: np.ndarray, kind: str, allowed: str) -> UploadError:
    frame, feature = map(int, np.argwhere(faulty)[0])
    return UploadError(
        f"The file has {values.x[frame, feature]:g} in {values.row_name(frame)}, but data of the "
        f"kind {kind} are {allowed}."
    )


def _features(values: Values, observed: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the features, with 0 for missing values: uint8 if they are binary, else float32."""
    x = values.x
    if kind == "binary":
        return ((x == 1) & observed).astype(np.uint8)
    check_memory(4 * x.size)
    with np.errstate(over="ignore", invalid="ignore"):
        real = np.where(observed, x.astype(np.float32), np.float32(0))
    _check_finite(real, values, "a value")
    return real


def _inputs(values: Values, inputs: np.ndarray | None, what: str) -> np.ndarray | None:
    """Return actions or covariates as float32, or None; `what` is "an action" or "a covariate"."""
    if inputs is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        found = inputs.astype(np.float32)
    _check_finite(found, values, what)
    return found


def _check_finite(array: np.ndarray, values: Values, what: str) -> None:
    """Check float32 values; `what` is "a value", "an action" or "a covariate"."""
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        place = values.row_name(int(np.flatnonzero(~finite)[0]))
        raise UploadError(
            f"The file has {what} that is infinite or beyond 3e38 in {place}."
            if what == "a value"
            else f"The file has {what} that is missing, infinite or beyond 3e38 in {place}."
        )


def _features_sentence(values: Values, kind: Kind) -> str:
    """Return the sentence about the features, actions and covariates that were read."""
    adjective = {"binary": "binary feature", "real": "real-valued feature"}
    parts = [pluralise(values.x.shape[1], adjective.get(kind, "feature"))]
    for inputs, noun in ((values.u, "action"), (values.c, "covariate")):
        if inputs is not None and inputs.shape[1]:
            parts.append(pluralise(inputs.shape[1], noun))
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"Read {listed}{' of counts' if kind == 'count' and len(parts) == 1 else ''}."


def _onsets(x: np.ndarray, lengths: tuple[int, ...]) -> int:
    """Return the number of notes: pitches that sound in a frame and not in the frame before."""
    before = np.zeros_like(x)
    before[1:] = x[:-1]
    before[np.cumsum(lengths)[:-1]] = 0
    return int((x > before).sum())
