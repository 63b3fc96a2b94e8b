"""What a parser found in an untrusted file, and its way through a pipe between two processes."""

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
    "spans_of",
]

FileKind = Literal["midi", "musicxml", "mxl", "abc", "csv", "npz", "unknown"]
"""What an uploaded file is read as."""

Split = Literal["train", "valid", "test"]
"""Where a sequence stands."""

MAX_MEMORY = 128 * 2**20
"""Bytes of the arrays of one upload."""

_SPLITS = frozenset(get_args(Split))
_ARRAYS = {
    "x": ("uint8", "float32"),
    "u": ("float32",),
    "observed": ("uint8",),
    "spans": ("float64",),
}


class ParsedFile(NamedTuple):
    """The sequences of one file, end to end.

    Attributes:
        x: (frames, x_dim) uint8 holding 0 and 1 where every value is one of them, else float32.
        lengths: frames of each sequence, from 1 on.
        titles: of each sequence; empty where the file's name says enough.
        changes: what was read and what differs from the file, in plain sentences.
        notes: number of notes; 0 where it is no music.
        u: (frames, u_dim) float32, the actions, or None.
        observed: (frames, x_dim) uint8, 1 where a value was seen, or None where all were.
        splits: where each sequence stands, or None where the file does not say.
        spans: (notes, 3) float64, of music: pitch, start and end of the notes of the first
            sequence in quarters, by start and pitch, before a grid rounds them; else None.
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
        """Bytes of the arrays."""
        return sum(a.nbytes for a in (self.x, self.u, self.observed) if a is not None)


def spans_of(notes: Sequence[Note]) -> np.ndarray:
    """`ParsedFile.spans` of the notes of the first sequence, whose times are in quarters."""
    rows = sorted((note.start, note.pitch, note.end) for note in notes)
    return np.array(rows).reshape(-1, 3)[:, [1, 0, 2]]


def check_memory(nbytes: int) -> None:
    """Check that arrays of `nbytes` may be made.

    Raises:
        UploadError: if they are more than `MAX_MEMORY`.
    """
    if nbytes > MAX_MEMORY:
        raise UploadError(
            f"The file holds {nbytes / 2**20:,.0f} MB of values, but at most "
            f"{MAX_MEMORY // 2**20} MB are read."
        )


def encode(parsed: ParsedFile) -> bytes:
    """`parsed` as a line of JSON and its arrays as safetensors, with a bit for every 0 or 1."""
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
    """The inverse of `encode`.

    Raises:
        ValueError, LookupError, TypeError: if `answer` is anything else.
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
        raise ValueError("Lengths, width or number of notes are not counts.")
    titles, changes = tuple(map(str, values["titles"])), tuple(map(str, values["changes"]))
    splits = values["splits"] and tuple(values["splits"])
    if len(titles) != count or (splits and (len(splits) != count or not set(splits) <= _SPLITS)):
        raise ValueError("There is not one title and one split for each sequence.")
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            if array.shape[1] != (x_dim + 7) // 8:
                raise ValueError(f"{name} has {array.shape[1]} bytes a frame.")
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
