"""The commands that look at data: `datasets` and `inspect`."""

import argparse
import json
from functools import partial
from typing import Any

from tqdm import tqdm

from dmm_core.config import DataConfig
from dmm_core.data.catalogue import DATASETS, DatasetInfo
from dmm_core.data.registry import load_dataset, on_disk
from dmm_core.data.upload_values import counted
from dmm_core.data.uploads import inspect_file
from dmm_core.errors import UploadError

__all__ = ["datasets", "inspect"]


def datasets(given: argparse.Namespace) -> None:
    """List every data set, and whether it is at hand, once those to get are.

    Raises:
        DataError: if one to get is unknown or cannot be had.
    """
    for name in (name for name in given.get if not on_disk(name)):
        with tqdm(total=100, desc=name, bar_format="{l_bar}{bar}| {elapsed}") as bar:
            load_dataset(DataConfig(name=name), partial(_move, bar))
            _move(bar, 1.0)
    rows = [_row(info) for info in DATASETS.values()]
    if given.json:
        print(json.dumps({"datasets": rows}))
        return
    print(f"{'name':<18} {'sequences':>9} {'frames':>8} {'grid':>10}  at hand")
    for row in rows:
        sequences, frames = sum(row["sequences"].values()), sum(row["frames"].values())
        at_hand = "yes" if row["on_disk"] else "on first use"
        print(f"{row['name']:<18} {sequences:>9} {frames:>8} {row['grid'] or '-':>10}  {at_hand}")


def _move(bar: tqdm, done: float, message: str = "") -> None:
    bar.update(round(100 * done) - bar.n)


def _row(info: DatasetInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "kind": info.kind,
        "on_disk": on_disk(info.name),
        "sequences": dict(info.sequences),
        "frames": dict(info.frames),
        "x_dim": info.x_dim,
        "u_dim": info.u_dim,
        "missing": info.missing,
        "grid": info.grid,
        "licence": info.licence,
    }


def inspect(given: argparse.Namespace) -> None:
    """Say what an untrusted file holds.

    Raises:
        UploadError: if it is refused.
    """
    report = inspect_file(given.file.name, given.file.read_bytes())
    if report.refusal:
        raise UploadError(f"{report.name}: {report.refusal}")
    found = {
        "file": report.name,
        "kind": report.kind,
        "sequences": report.sequences,
        "frames": report.frames,
        "notes": report.notes,
        "changes": list(report.changes),
    }
    if given.json:
        print(json.dumps(found))
        return
    print(
        f"{report.name}: {report.kind}, {counted(report.sequences, 'sequence')}, "
        f"{counted(report.frames, 'frame')}, {counted(report.notes, 'note')}"
    )
    for change in report.changes:
        print(f"  {change}")
