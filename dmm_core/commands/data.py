"""The commands that look at data: `datasets` and `inspect`."""

import argparse
import json
from typing import Any

from dmm_core.data.catalogue import DATASETS, DatasetInfo
from dmm_core.data.registry import on_disk
from dmm_core.data.upload_values import counted
from dmm_core.data.uploads import inspect_file
from dmm_core.errors import UploadError

__all__ = ["datasets", "inspect"]


def datasets(given: argparse.Namespace) -> None:
    """List every data set: what it is, how much, and whether it is at hand."""
    rows = [_row(info) for info in DATASETS.values()]
    if given.json:
        print(json.dumps({"datasets": rows}))
        return
    print(f"{'name':<18} {'sequences':>9} {'frames':>8} {'grid':>10}  at hand")
    for row in rows:
        sequences, frames = sum(row["sequences"].values()), sum(row["frames"].values())
        at_hand = "yes" if row["on_disk"] else "on first use"
        print(f"{row['name']:<18} {sequences:>9} {frames:>8} {row['grid'] or '-':>10}  {at_hand}")


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
