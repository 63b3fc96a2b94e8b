"""Parses untrusted .npz files, in one of three layouts.

- x (N, T, D) with padding after each sequence, which mask (N, T) or lengths (N,) marks;
- x (sum T, D), the sequences one after another, with lengths (N,);
- train, valid and test instead of x, each like x with its own mask or lengths.
"""

from typing import NamedTuple, get_args

import numpy as np

from dmm_core.data.uploads.archive import read_zip
from dmm_core.data.uploads.npy import read_npy
from dmm_core.data.uploads.parsed import ParsedFile, Split
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.values import Values, check_shape, parsed_values
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["parse_npz"]

_COMPANIONS = ("mask", "u", "observed", "lengths")
_SPLITS: tuple[Split, ...] = get_args(Split)


class _Part(NamedTuple):
    """The sequences of one array of the file, one after another.

    Attributes:
        name: name of the array.
        x: (frames, D) values.
        lengths: (N,) frames of each sequence.
        shape: shape of the array in the file without its last axis.
        rows: (frames,) index of each frame in the flattened array.
        u: (frames, U) actions, or None.
        observed: (frames, D) booleans, or None.
    """

    name: str
    x: np.ndarray
    lengths: np.ndarray
    shape: tuple[int, ...]
    rows: np.ndarray
    u: np.ndarray | None
    observed: np.ndarray | None

    def row_name(self, index: int) -> str:
        """Return the frame at `index` as a numpy expression, such as x[1, 3]."""
        position = np.unravel_index(self.rows[index], self.shape)
        return f"{self.name}[{', '.join(map(str, position))}]"


def parse_npz(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse the arrays of a file; the sequences keep the splits of the file, if it has splits.

    Raises:
        UploadError: if the file is refused.
    """
    arrays = _Arrays(read_zip(data))
    given = [name for name in _SPLITS if name in arrays]
    if given and "x" in arrays:
        raise UploadError(
            f"The npz file has both x and {given[0]}, but only one of them is allowed."
        )
    if given:
        if missing := [name for name in _SPLITS if name not in given]:
            raise UploadError(f"The npz file has {given[0]}, but no {missing[0]}.")
        parts = [_read_part(arrays, name, f"{name}_") for name in _SPLITS]
    elif "x" in arrays:
        parts = [_read_part(arrays, "x", "")]
    else:
        raise UploadError("The npz file has neither x nor train, valid and test.")
    return parsed_values(_combined(parts, bool(given)), options, arrays.left_out())


class _Arrays:
    """The arrays of the file, each parsed when it is requested."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self._members = {name.removesuffix(".npy"): data for name, data in members.items()}
        self._requested: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str) -> np.ndarray | None:
        """Return the array called `name`, or None; it can be requested only once."""
        self._requested.add(name)
        data = self._members.pop(name, None)  # pop, so that its memory is freed early
        return None if data is None else read_npy(data, name)

    def left_out(self) -> tuple[str, ...]:
        """Return a sentence about the arrays that were never requested, if there are any."""
        names = sorted(set(self._members) - self._requested)
        listed = ", ".join(display_name(name)[:40] for name in names)
        return (f"Left out arrays with unknown names: {listed}.",) if names else ()


def _read_part(arrays: _Arrays, name: str, prefix: str) -> _Part:
    """Return the sequences of the array called `name`, and its mask, actions and so on.

    Args:
        arrays: arrays of the file.
        name: x, train, valid or test.
        prefix: prefix of the names of the companion arrays, such as "train_".
    """
    x = arrays.get(name)
    mask, u, observed, lengths = (arrays.get(prefix + name) for name in _COMPANIONS)
    if x is None or x.ndim not in (2, 3):
        shape = None if x is None else x.shape
        raise UploadError(
            f"The npz file has {name} of shape {shape}, but it should be (N, T, D), or (sum T, D) "
            f"with {prefix}lengths."
        )
    check_shape(x.shape[0] * (x.shape[1] if x.ndim == 3 else 1), x.shape[-1])
    for array, what in ((u, "u"), (observed, "observed")):
        if array is not None and array.shape[:-1] != x.shape[:-1]:
            raise UploadError(
                f"The npz file has {prefix}{what} of shape {array.shape}, but {name} has shape "
                f"{x.shape}."
            )
    if u is not None:
        check_shape(1, u.shape[-1], "actions")
    if observed is not None:
        if observed.shape != x.shape:
            raise UploadError(
                f"The npz file has {prefix}observed of shape {observed.shape}, but {name} has "
                f"shape {x.shape}."
            )
        observed = _zero_or_one(observed, f"{prefix}observed")
    if x.ndim == 2:
        if mask is not None:
            raise UploadError(f"The npz file has {prefix}mask, but {name} has only two dimensions.")
        counts = _lengths(lengths, len(x), name, f"{prefix}lengths")
        return _Part(name, x, counts, x.shape[:1], np.arange(len(x)), u, observed)
    counts = _from_mask(x.shape[:2], mask, lengths, prefix)
    valid = np.arange(x.shape[1]) < counts[:, None]
    return _Part(
        name=name,
        x=x[valid],
        lengths=counts,
        shape=x.shape[:2],
        rows=np.flatnonzero(valid),
        u=None if u is None else u[valid],
        observed=None if observed is None else observed[valid],
    )


def _lengths(lengths: np.ndarray | None, frames: int, name: str, called: str) -> np.ndarray:
    """Return the frames of each sequence of an array (sum T, D); without lengths it is one."""
    if lengths is None:
        return np.array([frames])
    counts = _counts(lengths, called)
    if counts.sum() != frames:
        raise UploadError(
            f"The npz file has {called} that add up to {counts.sum():,}, but {name} has {frames:,} "
            "frames."
        )
    return counts


def _counts(lengths: np.ndarray, called: str) -> np.ndarray:
    """Return an array of lengths as int64, after a check of its type and values."""
    if lengths.ndim != 1 or not len(lengths) or not np.issubdtype(lengths.dtype, np.integer):
        raise UploadError(f"In the npz file, {called} is not an array (N,) of integers.")
    if lengths.min() < 1 or lengths.max() > MAX_FRAMES:
        index = int(np.flatnonzero((lengths < 1) | (lengths > MAX_FRAMES))[0])
        raise UploadError(
            f"The npz file has {called} of {lengths[index]} for sequence {index}, but a "
            f"sequence has 1 to {MAX_FRAMES:,} frames."
        )
    return lengths.astype(np.int64)


def _from_mask(
    shape: tuple[int, ...], mask: np.ndarray | None, lengths: np.ndarray | None, prefix: str
) -> np.ndarray:
    """Return the frames of each sequence of an array (N, T, D), from its mask or lengths."""
    if mask is not None and lengths is not None:
        raise UploadError(
            f"The npz file has both {prefix}mask and {prefix}lengths, but only one is allowed."
        )
    if lengths is not None:
        counts = _counts(lengths, f"{prefix}lengths")
        if counts.shape != shape[:1] or counts.max() > shape[1]:
            raise UploadError(
                f"The npz file has {prefix}lengths that do not fit {shape[0]} sequences of at most "
                f"{shape[1]} frames."
            )
        return counts
    if mask is None:
        return np.full(shape[0], shape[1])
    if mask.shape != shape:
        raise UploadError(
            f"The npz file has {prefix}mask of shape {mask.shape}, but it should be {shape}."
        )
    on = _zero_or_one(mask, f"{prefix}mask")
    counts = on.sum(axis=1)
    faulty = (counts < 1) | (on != (np.arange(shape[1]) < counts[:, None])).any(axis=1)
    if faulty.any():
        raise UploadError(
            f"In the npz file, {prefix}mask is not 1s followed by 0s in sequence "
            f"{np.flatnonzero(faulty)[0]}."
        )
    return counts


def _zero_or_one(array: np.ndarray, called: str) -> np.ndarray:
    """Return an array of 0 and 1 as booleans."""
    on = array.astype(bool)
    if not np.array_equal(on, array):
        raise UploadError(f"In the npz file, {called} holds values other than 0 and 1.")
    return on


def _combined(parts: list[_Part], has_splits: bool) -> Values:
    """Return the values of all parts, one after another."""
    first = parts[0]
    for part in parts[1:]:
        for what, width, wanted in (
            ("features", part.x.shape[1], first.x.shape[1]),
            ("actions", _width(part.u), _width(first.u)),
        ):
            if width != wanted:
                raise UploadError(
                    f"The npz file has {width:,} {what} in {part.name}, but {wanted:,} in "
                    f"{first.name}."
                )
    ends = np.cumsum([len(part.x) for part in parts])
    check_shape(int(ends[-1]), first.x.shape[1])

    def row_name(index: int) -> str:
        part = int(np.searchsorted(ends, index, side="right"))
        return parts[part].row_name(index - int(ends[part - 1] if part else 0))

    count = sum(len(part.lengths) for part in parts)
    numbers = [(part.name, n) for part in parts for n in range(1, len(part.lengths) + 1)]
    return Values(
        x=np.concatenate([part.x for part in parts]),
        lengths=tuple(int(n) for part in parts for n in part.lengths),
        titles=tuple(
            f"{name} {n}" if has_splits else str(n) if count > 1 else "" for name, n in numbers
        ),
        row_name=row_name,
        u=None if first.u is None else np.concatenate([p.u for p in parts if p.u is not None]),
        observed=_all_observed(parts),
        splits=tuple(name for name, _ in numbers) if has_splits else None,  # type: ignore[arg-type]
    )


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _all_observed(parts: list[_Part]) -> np.ndarray | None:
    """Return the observed mask of all parts, or None; a part without one is fully observed."""
    if all(part.observed is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(p.x.shape, bool) if p.observed is None else p.observed for p in parts]
    )
