"""The bytes of an untrusted .npz file as sequences, in one of three layouts.

One array x (N, T, D), padded behind each sequence as mask (N, T) says; or x (sum T, D), cut by
lengths (N,); or the splits train, valid and test, each (N, T, D), with masks of their own.
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

_BESIDE = ("mask", "u", "observed", "lengths")
_SPLITS: tuple[Split, ...] = get_args(Split)


class _Part(NamedTuple):
    """Sequences end to end, and which rows of the array called `name` (..., T, D) they are."""

    name: str
    x: np.ndarray
    lengths: np.ndarray
    shape: tuple[int, ...]
    rows: np.ndarray
    u: np.ndarray | None
    observed: np.ndarray | None

    def place(self, index: int) -> str:
        """The frame at `index` as numpy would write it."""
        where = np.unravel_index(self.rows[index], self.shape)
        return f"{self.name}[{', '.join(map(str, where))}]"


def parse_npz(data: bytes, options: UploadOptions) -> ParsedFile:
    """Read arrays; the splits are kept where the file gives them.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    arrays = _Arrays(read_zip(data))
    given = [name for name in _SPLITS if name in arrays]
    if given and "x" in arrays:
        raise UploadError(f"The npz file has both x and {given[0]}, but one of the two is read.")
    if given:
        if missing := [name for name in _SPLITS if name not in given]:
            raise UploadError(f"The npz file has {given[0]}, but no {missing[0]}.")
        parts = [_read_part(arrays, name, f"{name}_") for name in _SPLITS]
    elif "x" in arrays:
        parts = [_read_part(arrays, "x", "")]
    else:
        raise UploadError("The npz file has neither x nor train, valid and test.")
    return parsed_values(_joined(parts, bool(given)), options, arrays.left_out())


class _Arrays:
    """The members of the file, read as they are asked for."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self._members = {name.removesuffix(".npy"): data for name, data in members.items()}
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str) -> np.ndarray | None:
        self._asked.add(name)
        data = self._members.pop(name, None)  # a member's bytes are let go as soon as may be
        return None if data is None else read_npy(data, name)

    def left_out(self) -> tuple[str, ...]:
        names = sorted(set(self._members) - self._asked)
        listed = ", ".join(display_name(name)[:40] for name in names)
        return (f"Left out {listed}, which have no meaning here.",) if names else ()


def _read_part(arrays: _Arrays, name: str, prefix: str) -> _Part:
    """The sequences of the array called `name`, with what stands beside it."""
    x = arrays.get(name)
    mask, u, observed, lengths = (arrays.get(prefix + beside) for beside in _BESIDE)
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
                f"The npz file has {prefix}{what} of shape {array.shape} beside {name} of shape "
                f"{x.shape}."
            )
    if u is not None:
        check_shape(1, u.shape[-1], "actions")
    if observed is not None:
        if observed.shape != x.shape:
            raise UploadError(
                f"The npz file has {prefix}observed of shape {observed.shape} beside {name} of "
                f"shape {x.shape}."
            )
        observed = _zero_or_one(observed, f"{prefix}observed")
    if x.ndim == 2:
        if mask is not None:
            raise UploadError(f"The npz file has {prefix}mask, but {name} has two dimensions only.")
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
    """Frames of each sequence of an array (sum T, D), which is one sequence without them."""
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
    if lengths.ndim != 1 or not len(lengths) or not np.issubdtype(lengths.dtype, np.integer):
        raise UploadError(f"The npz file has {called} that is not (N,) whole numbers.")
    if lengths.min() < 1 or lengths.max() > MAX_FRAMES:
        at = int(np.flatnonzero((lengths < 1) | (lengths > MAX_FRAMES))[0])
        raise UploadError(
            f"The npz file has {called} of {lengths[at]} for sequence {at}, but a sequence has 1 "
            f"to {MAX_FRAMES:,} frames."
        )
    return lengths.astype(np.int64)


def _from_mask(
    shape: tuple[int, ...], mask: np.ndarray | None, lengths: np.ndarray | None, prefix: str
) -> np.ndarray:
    """Frames of each sequence of an array (N, T, D)."""
    if mask is not None and lengths is not None:
        raise UploadError(f"The npz file has both {prefix}mask and {prefix}lengths; keep one.")
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
            f"The npz file has {prefix}mask that is not some 1s and then 0s in sequence "
            f"{np.flatnonzero(faulty)[0]}."
        )
    return counts


def _zero_or_one(array: np.ndarray, called: str) -> np.ndarray:
    on = array.astype(bool)
    if not np.array_equal(on, array):
        raise UploadError(f"The npz file has {called} that holds other values than 0 and 1.")
    return on


def _joined(parts: list[_Part], given: bool) -> Values:
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

    def place(index: int) -> str:
        which = int(np.searchsorted(ends, index, side="right"))
        return parts[which].place(index - int(ends[which - 1] if which else 0))

    count = sum(len(part.lengths) for part in parts)
    numbers = [(part.name, n) for part in parts for n in range(1, len(part.lengths) + 1)]
    return Values(
        x=np.concatenate([part.x for part in parts]),
        lengths=tuple(int(n) for part in parts for n in part.lengths),
        titles=tuple(
            f"{name} {n}" if given else str(n) if count > 1 else "" for name, n in numbers
        ),
        place=place,
        u=None if first.u is None else np.concatenate([p.u for p in parts if p.u is not None]),
        observed=_all_observed(parts),
        splits=tuple(name for name, _ in numbers) if given else None,  # type: ignore[arg-type]
    )


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _all_observed(parts: list[_Part]) -> np.ndarray | None:
    """What was observed of all parts; a part that does not say was observed wholly."""
    if all(part.observed is None for part in parts):
        return None
    return np.concatenate(
        [np.ones(p.x.shape, bool) if p.observed is None else p.observed for p in parts]
    )
