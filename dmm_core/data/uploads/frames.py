"""Turns the columns of an untrusted table into frames that are sorted by time."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.uploads.columns import ColumnReader, Roles, is_unnamed, recognise
from dmm_core.data.uploads.parsed import Column, ParsedFile, TableError
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.times import Times, is_date, regular_grid, times_of
from dmm_core.data.uploads.values import Values, check_shape, parsed_values, pluralise
from dmm_core.errors import DataError, UploadError

__all__ = ["TableContent", "parsed_table"]

_EXAMPLES = 3  # values of a column in a report
_EXAMINED = 2000  # rows from which they are taken
_MAX_EXAMPLE = 30  # characters of one
_UNIT = re.compile(r".*\S\s*[(\[]([^()\[\]]{1,20})[)\]]\s*")


class TableContent(NamedTuple):
    """The columns of a table.

    Attributes:
        columns: access to them.
        x: (rows, numbers) all columns of numbers, or None if there is none.
        places: index of a column of numbers -> its index in `x`.
        whole: whether no number of the file has a decimal point.
        last_checks: called after all numbers were read; yields more sentences for the report.
    """

    columns: ColumnReader
    x: np.ndarray | None
    places: dict[int, int]
    whole: bool
    last_checks: Callable[[], Iterable[str]]


class _Placed(NamedTuple):
    """The frames of a table.

    Attributes:
        order: (rows,) the rows, the sequences one after another, sorted by time.
        lengths: number of frames of each sequence, with gaps.
        frames: (rows,) the frame of each row in `order`, counted over all sequences.
        time: the times of the frames, or None.
        starts: time of the first frame of each sequence, or None.
    """

    order: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray
    time: TimeAxis | None
    starts: tuple[float, ...] | None


def parsed_table(
    content: TableContent, options: UploadOptions, changes: Sequence[str]
) -> ParsedFile:
    """Convert the columns of a table into sequences.

    Args:
        content: the columns.
        options: roles of columns and kind of the features, where the user chose them.
        changes: sentences about earlier changes.

    Raises:
        TableError: if the table is refused; it has the columns, so that a user can change them.
    """
    table = content.columns
    guessed = [options.roles.get(name, "feature") if name else "ignore" for name in table.names]
    try:
        if options.wide:
            return _wide(content, options, [*changes])
        found = recognise(table, options.roles)
        guessed = found.roles
        return _long(content, found, options, [*changes])
    except DataError as refusal:
        raise TableError(str(refusal), _described(table, guessed, None)) from None


def _long(
    content: TableContent, found: Roles, options: UploadOptions, changes: list[str]
) -> ParsedFile:
    """Return the sequences of a table with a row for each frame."""
    table, roles = content.columns, found.roles
    chosen = {
        role: [i for i, given in enumerate(roles) if given == role]
        for role in ("feature", "action", "covariate", "sequence")
    }
    for role, least in (("feature", 1), ("action", 0), ("covariate", 0)):
        if not least <= len(chosen[role]) <= MAX_FEATURES:
            raise UploadError(
                f"The CSV file has {len(chosen[role]):,} columns of {role}s, but {least} to "
                f"{MAX_FEATURES:,} are read."
            )
    check_shape(len(table.rows), len(chosen["feature"]))
    ids: dict[str, int] = {}
    sequence = chosen["sequence"]
    cells = table.raw(sequence[0]) if sequence else [""] * len(table.rows)
    groups = np.array([ids.setdefault(str(cell).strip(), len(ids)) for cell in cells])
    x = _numbers(content, chosen["feature"])
    u = _numbers(content, chosen["action"]) if chosen["action"] else None
    c = _numbers(content, chosen["covariate"]) if chosen["covariate"] else None
    changes += content.last_checks()
    if (blocks := int((np.diff(groups) != 0).sum()) + 1) > len(ids):
        changes.append(
            f"Joined the rows of each sequence: the rows of {len(ids):,} sequences are in "
            f"{blocks:,} separate blocks."
        )
    changes += found.changes
    placed = _place(found.times, found.time_name, groups, table.rows, changes)
    frames = int(placed.lengths.sum())
    check_shape(frames, x.shape[1])
    # A frame without a row gets the row before it; its features are missing.
    source = np.zeros(frames, np.int64)
    source[placed.frames] = np.arange(len(placed.order))
    source = np.maximum.accumulate(source)
    rows = table.rows[placed.order][source]
    values = x[placed.order][source]
    if gaps := frames - len(placed.order):
        missing = np.ones(frames, bool)
        missing[placed.frames] = False
        values[missing] = np.nan
        what = " and ".join(
            name for name, given in (("actions", u), ("covariates", c)) if given is not None
        )
        changes.append(
            f"Added {pluralise(gaps, 'frame')} without values, where rows are missing in the "
            "regular order of time"
            + (f"; they repeat the {what} of the row before." if what else ".")
        )
    result = parsed_values(
        Values(
            x=values,
            lengths=tuple(placed.lengths.tolist()),
            titles=tuple(display_name(name) if sequence else "" for name in ids),
            row_name=lambda index: f"row {rows[index]:,}",
            u=None if u is None else u[placed.order][source],
            c=None if c is None else c[placed.order][source],
            whole=content.whole,
            features=_names(table, chosen["feature"]),
            actions=_names(table, chosen["action"]),
            covariates=_names(table, chosen["covariate"]),
            time=placed.time,
            starts=placed.starts,
        ),
        options,
        tuple(changes),
    )
    return result._replace(columns=_described(table, roles, placed.time))


def _place(
    times: Times | None, name: str, groups: np.ndarray, rows: np.ndarray, changes: list[str]
) -> _Placed:
    """Sort the rows by sequence and time, and find the frame of each."""
    lengths = np.bincount(groups)
    if times is None:
        order = np.argsort(groups, kind="stable")
        return _Placed(order, lengths, np.arange(len(order)), None, None)
    order = np.lexsort((times.values, groups))
    if not np.array_equal(order, np.argsort(groups, kind="stable")):
        changes.append("Sorted the rows of each sequence by time.")
    sorted_times = Times(times.values[order], times.unit)
    found, grid = regular_grid(sorted_times, lengths, rows[order])
    shown = name or "the first column"
    ends = np.cumsum(lengths) - 1
    begins = ends - lengths + 1
    if grid is None:
        changes.append(
            f"The times in {shown} are not equally spaced, so the rows are frames in the order of "
            "time, and the times are left out."
        )
        return _Placed(order, lengths, np.arange(len(order)), None, None)
    axis = TimeAxis(name[:200], found.unit, float(grid.step))
    starts = found.values[begins].astype(np.float64)
    filled = grid.frames[ends] + 1
    for start, count in zip(starts.tolist(), filled.tolist(), strict=True):
        axis.check(start, count)
    offsets = np.cumsum(filled) - filled
    last = (starts + axis.step * (filled - 1)).max()
    every = axis.unit if axis.step == 1 else f"{axis.step:g} {axis.unit}s"
    spacing = f"in steps of {axis.step:g}" if axis.unit == "number" else f"one every {every}"
    changes.insert(
        0, f"Read {shown} as time: {axis.label(starts.min())} to {axis.label(last)}, {spacing}."
    )
    frames = grid.frames + np.repeat(offsets, lengths)
    return _Placed(order, filled, frames, axis, tuple(starts.tolist()))


def _wide(content: TableContent, options: UploadOptions, changes: list[str]) -> ParsedFile:
    """Return the sequences of a table with a row for each sequence and a column for each frame."""
    table = content.columns
    roles = [options.roles.get(name, "feature") if name else "ignore" for name in table.names]
    texts = [i for i in table.texts if options.roles.get(table.names[i]) in (None, "sequence")]
    named = [i for i, role in enumerate(roles) if role == "sequence"]
    for i in table.skipped:
        roles[i] = "ignore"
    titles = [""] * len(table.rows)
    if named or texts:
        title = (named or texts)[0]
        titles = [display_name(str(cell).strip()) for cell in table.raw(title)]
        roles[title] = "sequence"
    for i in texts:
        if roles[i] == "feature":
            roles[i] = "ignore"
    frames = [i for i, role in enumerate(roles) if role == "feature"]
    if not frames:
        raise UploadError("The CSV file has no column of numbers, so no sequence has a frame.")
    x = _numbers(content, frames)
    changes += content.last_checks()
    observed = np.isfinite(x) | np.isinf(x)
    if not observed.any(axis=1).all():
        row = int(table.rows[np.flatnonzero(~observed.any(axis=1))[0]])
        raise UploadError(f"The CSV file has no value in row {row:,}.")
    # Empty cells at the end of a row are after the end of its sequence.
    lengths = x.shape[1] - np.argmax(observed[:, ::-1], axis=1)
    kept = np.arange(x.shape[1]) < lengths[:, None]
    check_shape(int(lengths.sum()), 1)
    axis, start = _header_times([table.names[i] for i in frames]) if table.headed else (None, 0.0)
    changes.append(
        f"Read each row as a sequence with {pluralise(x.shape[1], 'frame')}, one for each column."
    )
    if axis is not None:
        axis.check(start, x.shape[1])
        last = axis.label(start + axis.step * (x.shape[1] - 1))
        changes.append(f"Read the header as time: {axis.label(start)} to {last}.")
    rows = np.repeat(table.rows, lengths)
    result = parsed_values(
        Values(
            x=x[kept][:, None],
            lengths=tuple(lengths.tolist()),
            titles=tuple(titles) if any(titles) else tuple(map(str, range(1, len(x) + 1))),
            row_name=lambda index: f"row {rows[index]:,}",
            whole=content.whole,
            features=("value",),
            time=axis,
            starts=None if axis is None else (start,) * len(x),
        ),
        options,
        tuple(changes),
    )
    return result._replace(columns=_described(table, roles, None))


def _header_times(names: Sequence[str]) -> tuple[TimeAxis | None, float]:
    """Return the times in the header of a wide table, and the first; None if there are none."""
    rows = [1] * len(names)
    try:
        if all(map(is_date, names)):
            times = times_of(list(names), "date", rows)
        else:
            times = times_of(np.array([float(name) for name in names]), "time", rows)
        found, grid = regular_grid(times, np.array([len(names)]), np.array(rows))
    except (ValueError, UploadError):
        return None, 0.0
    if grid is None or not np.array_equal(grid.frames, np.arange(len(names))):
        return None, 0.0
    return TimeAxis("time", found.unit, float(grid.step)), float(found.values[0])


def _numbers(content: TableContent, chosen: Sequence[int]) -> np.ndarray:
    """Return the (rows, chosen) numbers of columns."""
    if content.x is not None and all(i in content.places for i in chosen):
        return content.x[:, [content.places[i] for i in chosen]]
    return np.stack([content.columns.numbers(i) for i in chosen], axis=1)


def _names(table: ColumnReader, chosen: Sequence[int]) -> tuple[str, ...]:
    return tuple(table.names[i] for i in chosen) if table.headed else ()


def _described(
    table: ColumnReader, roles: Sequence[str], time: TimeAxis | None
) -> tuple[Column, ...]:
    """Return what was recognised of each column that has a name, or holds values."""
    columns = []
    for i, (name, role) in enumerate(zip(table.names, roles, strict=True)):
        if is_unnamed(name) and role == "ignore":
            continue
        if i in table.texts:
            cells = [cell.strip() for cell in table.texts[i][:_EXAMINED] if cell.strip()]
        elif i in table.skipped:
            cells = []
        else:
            numbers = table.numbers(i)[:_EXAMINED]
            cells = [f"{value:g}" for value in numbers.tolist() if value == value]
        distinct = [display_name(cell)[:_MAX_EXAMPLE] for cell in dict.fromkeys(cells)]
        match = _UNIT.fullmatch(name)
        unit = match[1] if match else ""
        if role == "time" and time is not None and time.unit != "number":
            unit = time.unit
        columns.append(Column(name, role, tuple(distinct[:_EXAMPLES]), unit))  # type: ignore[arg-type]
    return tuple(columns)
