"""The result of parsing an untrusted file, and its encoding for the pipe between processes."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal, NamedTuple, get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dmm_core.data.spec import KINDS, Kind
from dmm_core.data.time_axis import TimeAxis
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import Note

__all__ = [
    "MAX_MEMORY",
    "ROLES",
    "Column",
    "FileKind",
    "ParsedFile",
    "Role",
    "Split",
    "TableError",
    "check_memory",
    "decode",
    "encode",
    "encode_refusal",
    "spans_from_notes",
]

FileKind = Literal["midi", "musicxml", "mxl", "abc", "csv", "npz", "unknown"]
"""Kind of an uploaded file."""

Split = Literal["train", "valid", "test"]
"""Name of a split."""

Role = Literal["time", "sequence", "feature", "action", "covariate", "ignore"]
"""Role of a column of a table."""

ROLES: tuple[Role, ...] = get_args(Role)

MAX_MEMORY = 128 * 2**20
"""Largest size of the arrays of one upload, in bytes."""

_SPLITS = frozenset(get_args(Split))
_ARRAYS = {
    "x": ("uint8", "float32"),
    "u": ("float32",),
    "c": ("float32",),
    "observed": ("uint8",),
    "spans": ("float64",),
}


class Column(NamedTuple):
    """What was recognised of a column of a table.

    Attributes:
        name: its name; the number of the column if the table has no header.
        role: its role.
        values: a few of its values, as text.
        unit: its unit, or "".
    """

    name: str
    role: Role
    values: tuple[str, ...] = ()
    unit: str = ""


class TableError(UploadError):
    """The refusal of a table whose columns were recognised.

    Attributes:
        columns: the columns, so that a user can change their roles.
    """

    def __init__(self, message: str, columns: tuple[Column, ...]) -> None:
        super().__init__(message)
        self.columns = columns


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
        c: (frames, c_dim) float32 covariates, or None.
        kind: what the features are; None if uint8 values are binary and float32 values real.
        features: names of the features, or an empty tuple.
        actions: names of the actions, or an empty tuple.
        covariates: names of the covariates, or an empty tuple.
        time: times of the frames, or None.
        starts: time of the first frame of each sequence, or None.
        columns: what was recognised of the columns of a table; empty for other files.
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
    c: np.ndarray | None = None
    kind: Kind | None = None
    features: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    time: TimeAxis | None = None
    starts: tuple[float, ...] | None = None
    columns: tuple[Column, ...] = ()

    @property
    def memory(self) -> int:
        """Size of the arrays in bytes, without `spans`."""
        return sum(a.nbytes for a in (self.x, self.u, self.observed, self.c) if a is not None)


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
        "kind": parsed.kind,
        "features": parsed.features,
        "actions": parsed.actions,
        "covariates": parsed.covariates,
        "time": None if parsed.time is None else asdict(parsed.time),
        "starts": parsed.starts,
        "columns": parsed.columns,
    }
    return json.dumps(line).encode() + b"\n" + save(arrays)


def encode_refusal(refusal: TableError) -> bytes:
    """Encode the refusal of a table; `decode` raises it again."""
    line = {"refusal": str(refusal), "columns": refusal.columns}
    return json.dumps(line).encode() + b"\n" + save({})


def decode(answer: bytes) -> ParsedFile:
    """Decode the result of `encode`.

    Raises:
        TableError: if `answer` is the result of `encode_refusal`.
        ValueError, LookupError, TypeError, DataError: if `answer` is no result of either.
    """
    try:
        line, _, content = answer.partition(b"\n")
        values, arrays = json.loads(line), load(content)
        if "refusal" in values:
            raise TableError(str(values["refusal"]), _columns(values["columns"]))
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
        width = {"spans": 3}.get(name, max(1, array.shape[-1]) if name in ("u", "c") else x_dim)
        if arrays[name].shape != (rows, width) or array.dtype not in _ARRAYS[name]:
            raise ValueError(f"{name} has the shape {array.shape} and type {array.dtype}.")
    names = {part: tuple(map(str, values[part])) for part in ("features", "actions", "covariates")}
    widths = (x_dim, *(arrays[n].shape[1] if n in arrays else 0 for n in ("u", "c")))
    if any(len(given) not in (0, w) for given, w in zip(names.values(), widths, strict=True)):
        raise ValueError("There is not one name for each feature, action and covariate.")
    if values["kind"] not in (None, *KINDS):
        raise ValueError("The kind is unknown.")
    time, starts = values["time"], values["starts"]
    if (time is None) != (starts is None) or len(starts or ()) not in (0, count):
        raise ValueError("There is not one first time for each sequence.")
    if time is not None and starts is not None:
        time, starts = TimeAxis.from_json(time), tuple(map(float, starts))
        for start, length in zip(starts, lengths, strict=True):
            time.check(start, length)
    return ParsedFile(
        lengths=lengths,
        titles=titles,
        changes=changes,
        notes=values["notes"],
        splits=splits,
        kind=values["kind"],
        time=time,
        starts=starts,
        columns=_columns(values["columns"]),
        features=names["features"],
        actions=names["actions"],
        covariates=names["covariates"],
        **({"x": arrays["x"]} | arrays),
    )


def _columns(values: Sequence[Sequence[object]]) -> tuple[Column, ...]:
    """Return the columns in an answer."""
    columns = []
    for name, role, examples, unit in values:
        if role not in ROLES or not isinstance(examples, list):
            raise ValueError("A column has no known role, or its values are no list.")
        columns.append(Column(str(name), role, tuple(map(str, examples)), str(unit)))
    return tuple(columns)
