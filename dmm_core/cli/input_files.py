"""Reads the files of the command line as sequences for a model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dmm_core.cli.reading import changes_of, print_changes, read_paths, refusals_of
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import UploadOptions
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import DataError, UploadError

__all__ = ["read_own_files"]


def read_own_files(
    paths: Sequence[Path], data: DataSpec, changes: list[str] | None = None
) -> Sequences:
    """Read files as sequences that a model can explain.

    Music is read with the frames per quarter note of the model. The sentences about changes are
    also printed to stderr.

    Args:
        paths: paths of the files.
        data: description of the data that the model explains.
        changes: list to which the sentences about changes are added.

    Raises:
        DataError: if the sequences do not fit the model.
        UploadError: if a file is refused.
    """
    report = read_paths(paths, UploadOptions(steps_per_quarter=data.steps_per_quarter or 1))
    if refused := refusals_of(report.files):
        raise UploadError(refused[0])
    print_changes(report.files)
    if changes is not None:
        changes += changes_of(report.files)
    if report.sequences is None:
        raise UploadError("There is no file to read.")
    return _fitted(report.sequences, data, report.files[0].name)


def _fitted(sequences: Sequences, data: DataSpec, name: str) -> Sequences:
    """Check that `sequences` fit a model of `data`; binary values are converted to real ones."""
    if data.kind == "real":
        sequences = replace(sequences, x=tuple(x.astype(np.float32) for x in sequences.x))
    for what, here, there in (
        ("feature", sequences.x_dim, data.x_dim),
        ("action", sequences.u_dim, data.u_dim),
    ):
        if here != there:
            raise DataError(
                f"{name} has {pluralise(here, what)} a frame, but the model explains {data.name} "
                f"with {pluralise(there, what)}."
            )
    if data.kind == "binary" and sequences.x[0].dtype != np.uint8:
        raise DataError(
            f"{name} holds other values than 0 and 1, but the model explains {data.name}, which is "
            "binary."
        )
    if sequences.observed is not None and not data.missing:
        raise DataError(
            f"{name} has missing values, but the model explains {data.name}, where none is missing."
        )
    return sequences
