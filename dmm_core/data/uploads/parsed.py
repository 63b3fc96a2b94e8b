"""The result of parsing an untrusted file, and its encoding for the pipe between processes."""

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import Note

__all__ = [
    "MAX_MEMORY",
    "FileKind",
    "ParsedFile",
    "Split",
    "check_memory",
    "decode",
    "encode",
    "spans_from_notes",
]

FileKind = Literal["midi", "musicxml", "mxl", "abc", "csv", "npz", "unknown"]
"""Kind of an uploaded file."""

Split = Literal["train", "valid", "test"]
"""Name of a split."""

MAX_MEMORY = 128 * 2**20
"""Largest size of the arrays of one upload, in bytes."""

_SPLITS = frozenset(get_args(Split))
_ARRAYS = {
    "x": ("uint8", "float32"),
    "u": ("float32",),
    "observed": ("uint8",),
    "spans": ("float64",),
}


class ParsedFile(NamedTuple):
    """The sequences of one file, one after another.

    Attributes:
        x: (frames, x_dim) values; uint8 if all are 0 or 1, otherwise float32.
        lengths: number of frames of each sequence, at least 1.
        titles: title of each sequence; empty if the name of the file suffices.
        changes: sentences about what was read and what differs from the file.
        notes: number of notes; 0 if the file is not music.
        u: (frames, u_dim) float32 actions, or None.
        observed: (frames, x_dim) uint8, 1 where a value was observed, or None if all were.
        splits: split of each sequence, or None if the file has no splits.
        spans: (notes, 3) float64: MIDI pitch, start and end in quarter notes of each note of the
            first sequence, sorted by start and pitch, before the grid rounds them. None if the
            file is not music.
    """

    x: np.ndarray
    lengths: tuple[int, ...]
    titles: tuple[str, ...]
    changes: tuple[str, ...]
    notes: int = 0
    u: np.ndarray | None = None
    observed: np.ndarray | None = None
    splits: tuple[Split, ...] | None = None
    spans: np.ndarray | None = None

    @property
    def memory(self) -> int:
        """Size of the arrays in bytes, without `spans`."""
        return sum(a.nbytes for a in (self.x, self.u, self.observed) if a is not None)


def spans_from_notes(notes: Sequence[Note]) -> np.ndarray:
    """Return `ParsedFile.spans` for the notes of a sequence; their times are in quarter notes."""
    rows = sorted((note.start, note.pitch, note.end) for note in notes)
    return np.array(rows).reshape(-1, 3)[:, [1, 0, 2]]


def check_memory(nbytes: int) -> None:
    """Check the size of an upload's arrays before they are allocated.

    Raises:
        UploadError: if `nbytes` exceeds `MAX_MEMORY`.
    """
    if nbytes > MAX_MEMORY:
        raise UploadError(
            f"The file holds {nbytes / 2**20:,.0f} MB of values, but at most "
            f"{MAX_MEMORY // 2**20} MB are read."
        )


def encode(parsed: ParsedFile) -> bytes:
    """Encode `parsed` as a line of JSON and its arrays as safetensors; binary values take a bit."""
    given = {name: getattr(parsed, name) for name in _ARRAYS}
    arrays = {name: np.ascontiguousarray(a) for name, a in given.items() if a is not None}
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            arrays[name] = np.packbits(array, axis=1)
    line = {
        "lengths": parsed.lengths,
        "titles": parsed.titles,
        "changes": parsed.changes,
        "notes": parsed.notes,
        "splits": parsed.splits,
        "x_dim": parsed.x.shape[1],
    }
    return json.dumps(line).encode() + b"\n" + save(arrays)


def decode(answer: bytes) -> ParsedFile:
    """Decode the result of `encode`.

    Raises:
        ValueError, LookupError, TypeError: if `answer` is not such a result.
    """
    try:
        line, _, content = answer.partition(b"\n")
        values, arrays = json.loads(line), load(content)
    except (SafetensorError, RecursionError):
        raise ValueError("The answer is not JSON and safetensors.") from None
    lengths = tuple(values["lengths"])
    count, frames, x_dim = len(lengths), sum(lengths), values["x_dim"]
    numbers = (*lengths, x_dim, values["notes"])
    if not lengths or not all(type(n) is int for n in numbers) or min(*lengths, x_dim) < 1:
        raise ValueError("Lengths, x_dim or the number of notes are invalid.")
    titles, changes = tuple(map(str, values["titles"])), tuple(map(str, values["changes"]))
    splits = values["splits"] and tuple(values["splits"])
    if len(titles) != count or (splits and (len(splits) != count or not set(splits) <= _SPLITS)):
        raise ValueError("There is not one title and one split for each sequence.")
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            if array.shape[1] != (x_dim + 7) // 8:
                raise ValueError(f"{name} has {array.shape[1]} bytes per frame.")
            arrays[name] = np.unpackbits(array, axis=1, count=x_dim)
        rows = len(array) if name == "spans" else frames
        width = {"u": max(1, array.shape[-1]), "spans": 3}.get(name, x_dim)
        if arrays[name].shape != (rows, width) or array.dtype not in _ARRAYS[name]:
            raise ValueError(f"{name} has the shape {array.shape} and type {array.dtype}.")
    return ParsedFile(
        lengths=lengths,
        titles=titles,
        changes=changes,
        notes=values["notes"],
        splits=splits,
        **({"x": arrays["x"]} | arrays),
    )
