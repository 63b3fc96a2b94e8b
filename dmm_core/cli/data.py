"""The commands for data: `datasets`, `inspect` and `upload`."""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from dmm_core.cli.arguments import (
    Commands,
    add_command,
    add_count,
    add_json,
    add_reading,
    add_table_reading,
)
from dmm_core.cli.columns import print_table
from dmm_core.cli.reading import changes_of, print_changes, read_paths, refusals_of
from dmm_core.config.schema import DataConfig
from dmm_core.data.catalogue import DATASETS, DatasetInfo
from dmm_core.data.registry import load_dataset, on_disk
from dmm_core.data.spec import UPLOAD_PREFIX, DataSpec
from dmm_core.data.uploads.parsed import ParsedFile
from dmm_core.data.uploads.reader import (
    FileReport,
    UploadInfo,
    UploadOptions,
    list_uploads,
    read_file,
    split_sizes,
    store_upload,
)
from dmm_core.data.uploads.report import ChosenSplit
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import DataError, UploadError
from dmm_core.music.pianoroll import GRIDS
from dmm_core.system.files import json_text

__all__ = ["add_commands", "datasets", "inspect", "upload"]

_SPAN = ("pitch", "start", "end")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "datasets",
        datasets,
        "List the data sets and your uploads.",
        "A data set that is not on this machine yet is downloaded or built when it is first used.",
    )
    parser.add_argument(
        "--get",
        nargs="+",
        default=[],
        metavar="NAME",
        help="download or build these data sets now",
    )
    add_json(parser)

    parser = add_command(
        commands,
        "inspect",
        inspect,
        "Show what a file contains, or why it cannot be read.",
        "Music (MIDI, MusicXML, ABC) and tables (CSV, npz) are read as the Data page of the "
        "app reads them. The report names everything that is changed while reading.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to read")
    parser.add_argument(
        "--notes",
        action="store_true",
        help="also list the notes of the first sequence: the MIDI pitch, and the start and the end "
        "in quarter notes",
    )
    add_reading(parser)
    add_table_reading(parser)
    add_json(parser)

    parser = add_command(
        commands,
        "upload",
        upload,
        "Store your own files as a data set.",
        "The data set is named upload:ID; the command prints this name. Train on it with "
        "--data.name upload:ID.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="the files to read")
    parser.add_argument(
        "--title", required=True, metavar="T", help="the title of the data set in lists"
    )
    add_reading(parser)
    add_table_reading(parser)
    parser.add_argument(
        "--split",
        default="auto",
        choices=get_args(ChosenSplit),
        help="time: the past of each sequence is train, its future valid and test; sequence: whole "
        "sequences at random (default: in time for one or two long sequences, or a few with times)",
    )
    add_count(
        parser,
        "--window",
        None,
        "frames of the windows into which a split in time is cut (default: 25 to 100)",
        low=2,
        high=10_000,
    )
    add_count(
        parser,
        "--split-seed",
        0,
        "seed of the random split into train, valid and test",
        low=0,
        high=2**31 - 1,
    )
    add_json(parser)


def datasets(given: argparse.Namespace) -> None:
    """Load the data sets of `--get`, then list all data sets and whether they are on the disk.

    Raises:
        DataError: if a data set of `--get` does not exist, or cannot be downloaded or built.
    """
    for name in (name for name in given.get if not on_disk(name)):
        with tqdm(total=100, desc=name, bar_format="{l_bar}{bar}| {elapsed}") as bar:
            load_dataset(DataConfig(name=name), partial(_move, bar))
            _move(bar, 1.0)
    rows = [_row(info) for info in DATASETS.values()]
    for info in list_uploads():
        with suppress(DataError):  # damaged uploads are not listed
            rows.append(_upload_row(info))
    if given.json:
        print(json_text({"datasets": rows}))
        return
    columns = ("name", "sequences", "frames", "grid", "on disk", "title")
    cells = [
        (
            row["name"],
            sum(row["sequences"].values()),
            sum(row["frames"].values()),
            row["grid"] or "-",
            "yes" if row["on_disk"] else "on first use",
            row["title"] if "title" in row else DATASETS[row["name"]].title,
        )
        for row in rows
    ]
    print_table(columns, cells, right=("sequences", "frames", "grid"))


def _move(bar: tqdm, done: float, message: str = "") -> None:
    bar.update(round(100 * done) - bar.n)


def _row(info: DatasetInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "kind": info.spec.kind,
        "on_disk": on_disk(info.name),
        "sequences": dict(info.sequences),
        "frames": dict(info.frames),
        **_frame(info.spec),
        "licence": info.licence,
    }


def _upload_row(info: UploadInfo) -> dict[str, Any]:
    sizes = split_sizes(info.id)
    return {
        "name": info.spec.name,
        "title": info.title,
        "kind": info.spec.kind,
        "on_disk": True,
        "sequences": {split: sequences for split, (sequences, _) in sizes.items()},
        "frames": {split: frames for split, (_, frames) in sizes.items()},
        **_frame(info.spec),
        "licence": None,
    }


def _frame(spec: DataSpec) -> dict[str, Any]:
    return {
        "x_dim": spec.x_dim,
        "u_dim": spec.u_dim,
        "missing": spec.missing,
        "grid": spec.grid,
    }


def inspect(given: argparse.Namespace) -> None:
    """Print what an untrusted file contains, and what changes when it is read.

    Raises:
        UploadError: if the file is refused.
    """
    options = _options(given)
    report, parsed = read_file(given.file.name, given.file.read_bytes(), options)
    _check_roles([report], options)
    if parsed is None:
        raise UploadError(f"{report.name}: {report.refusal}")
    is_table = report.kind in ("csv", "npz")
    kind = "music" if is_table and parsed.spans is not None else report.kind
    found = {
        "file": report.name,
        "kind": kind,
        "sequences": report.sequences,
        "frames": report.frames,
        "notes": report.notes,
        "changes": list(report.changes),
    }
    if report.columns:
        found["columns"] = [column._asdict() for column in report.columns]
    if given.notes:
        spans = [] if parsed.spans is None else parsed.spans.tolist()
        found["notes"] = [[int(pitch), start, end] for pitch, start, end in spans]
        if is_table:
            found |= {"features": parsed.x.shape[1], "time": _time(parsed)}
    if given.json:
        print(json_text(found))
        return
    print(
        f"{report.name}: {kind}, {pluralise(report.sequences, 'sequence')}, "
        f"{pluralise(report.frames, 'frame')}, {pluralise(report.notes, 'note')}"
    )
    for change in report.changes:
        print(f"  {change}")
    if report.columns:
        rows = [(c.name, c.role, c.unit or "-", ", ".join(c.values)) for c in report.columns]
        print_table(("column", "role", "unit", "values"), rows, right=())
    if given.notes:
        print_table(_SPAN, found["notes"], right=_SPAN)


def _time(parsed: ParsedFile) -> dict[str, Any] | None:
    """Return the times of a table, or None if it has none."""
    if parsed.time is None or parsed.starts is None:
        return None
    labels = [parsed.time.label(start) for start in parsed.starts]
    return {**asdict(parsed.time), "starts": labels}


def _check_roles(files: Sequence[FileReport], options: UploadOptions) -> None:
    """Check that every role on the command line is one of a column.

    Raises:
        UploadError: if there is no such column.
    """
    names = list(dict.fromkeys(column.name for file in files for column in file.columns))
    for name in options.roles:
        if names and name not in names:
            shown = ", ".join(names[:20])
            raise UploadError(f"There is no column {name!r:.40}; the columns are {shown}.")


def upload(given: argparse.Namespace) -> None:
    """Store files as a data set named upload:ID, as the Data page does.

    Raises:
        UploadError: if none of the files can be read.
    """
    options = _options(given, seed=given.split_seed, split=given.split, window=given.window)
    report = read_paths(given.files, options)
    _check_roles(report.files, options)
    kept = store_upload(report, title=given.title, options=options)
    print_changes(report.files)
    found = {
        "upload": f"{UPLOAD_PREFIX}{kept}",
        "sequences": sum(file.sequences for file in report.files),
        "frames": sum(file.frames for file in report.files),
        "changes": changes_of(report.files),
        "refused": refusals_of(report.files),
    }
    if given.json:
        print(json_text(found))
        return
    sizes = f"{pluralise(found['sequences'], 'sequence')}, {pluralise(found['frames'], 'frame')}"
    print(f"{found['upload']}: {sizes}")


def _options(
    given: argparse.Namespace,
    *,
    seed: int = 0,
    split: ChosenSplit = "auto",
    window: int | None = None,
) -> UploadOptions:
    steps = next(steps for steps, grid in GRIDS.items() if grid == given.grid)
    return UploadOptions(
        steps_per_quarter=steps,
        transpose=given.transpose,
        seed=seed,
        roles=dict(given.role),
        kind=given.kind,
        wide=given.wide,
        split=split,
        window=window,
    )
