"""What a parser found in an untrusted file, and its way through a pipe between two processes."""

import json
from typing import Literal, NamedTuple, get_args

import numpy as np

from dmm_core.errors import UploadError

__all__ = ["MAX_MEMORY", "FileKind", "ParsedFile", "Split", "check_memory", "decode", "encode"]

FileKind = Literal["midi", "musicxml", "mxl", "abc", "csv", "npz", "unknown"]
"""What an uploaded file is read as."""

Split = Literal["train", "valid", "test"]
"""Where a sequence stands."""

MAX_MEMORY = 128 * 2**20
"""Bytes of the arrays of one upload."""

_SPLITS = get_args(Split)


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
    """

    x: np.ndarray
    lengths: tuple[int, ...]
    titles: tuple[str, ...]
    changes: tuple[str, ...]
    notes: int = 0
    u: np.ndarray | None = None
    observed: np.ndarray | None = None
    splits: tuple[Split, ...] | None = None

    @property
    def memory(self) -> int:
        """Bytes of the arrays."""
        return sum(a.nbytes for a in (self.x, self.u, self.observed) if a is not None)


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
    """`parsed` as one line of JSON and the bytes of its arrays, a bit for every 0 or 1."""
    arrays = [parsed.x, parsed.u, parsed.observed]
    line = {
        "lengths": parsed.lengths,
        "titles": parsed.titles,
        "changes": parsed.changes,
        "notes": parsed.notes,
        "splits": parsed.splits,
        "widths": [None if a is None else a.shape[1] for a in arrays],
        "binary": parsed.x.dtype == np.uint8,
    }
    return b"\n".join(
        [json.dumps(line).encode(), b"".join(_pack(a) for a in arrays if a is not None)]
    )


def decode(answer: bytes) -> ParsedFile:
    """The inverse of `encode`.

    Raises:
        ValueError, LookupError, TypeError: if `answer` is anything else.
    """
    line, _, content = answer.partition(b"\n")
    values = json.loads(line)
    lengths = tuple(map(int, values["lengths"]))
    frames = sum(lengths)
    x_dim, u_dim, seen_dim = values["widths"]
    if min(lengths) < 1 or x_dim < 1 or seen_dim not in (None, x_dim):
        raise ValueError("The shapes are no shapes.")
    pipe = _Pipe(content)
    x = pipe.take(frames, x_dim, np.uint8 if values["binary"] else np.float32)
    u = None if u_dim is None else pipe.take(frames, u_dim, np.float32)
    observed = None if seen_dim is None else pipe.take(frames, x_dim, np.uint8)
    pipe.finish()
    splits = values["splits"] and tuple(values["splits"])
    if splits and (len(splits) != len(lengths) or not set(splits) <= set(_SPLITS)):
        raise ValueError("The splits are no splits.")
    titles = tuple(map(str, values["titles"]))
    if len(titles) != len(lengths):
        raise ValueError("There is not one title a sequence.")
    changes = tuple(map(str, values["changes"]))
    return ParsedFile(x, lengths, titles, changes, int(values["notes"]), u, observed, splits)


def _pack(array: np.ndarray) -> bytes:
    if array.dtype == np.uint8:
        array = np.packbits(array, axis=None)
    return array.tobytes()


class _Pipe:
    """Hands out arrays from the front of some bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, frames: int, width: int, dtype: type[np.uint8 | np.float32]) -> np.ndarray:
        count = frames * width
        packed = dtype == np.uint8
        size = (count + 7) // 8 if packed else 4 * count
        if self.at + size > len(self.content):
            raise ValueError("There are fewer values than there should be.")
        array = np.frombuffer(self.content[self.at : self.at + size], np.uint8)
        self.at += size
        values = np.unpackbits(array, count=count) if packed else array.view(np.float32)
        return values.reshape(frames, width)

    def finish(self) -> None:
        if self.at != len(self.content):
            raise ValueError("There are more values than there should be.")
