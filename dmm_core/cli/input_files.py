"""Reads the files of the command line as sequences for a model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dmm_core.cli.reading import changes_of, print_changes, read_paths, refusals_of
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import Role, UploadOptions
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
    report = read_paths(paths, _options(data))
    if refused := refusals_of(report.files):
        raise UploadError(refused[0])
    print_changes(report.files)
    if changes is not None:
        changes += changes_of(report.files)
    if report.sequences is None:
        raise UploadError("There is no file to read.")
    sequences = _ordered(report.sequences, report.features, data.features)
    return _fitted(sequences, data, report.files[0].name)


def _options(data: DataSpec) -> UploadOptions:
    """Return options with which a file is read as the data of the model were.

    Columns that have the name of a feature, an action or a covariate of the model have its role.
    """
    roles: dict[str, Role] = {name: "feature" for name in data.features}
    roles |= {name: "action" for name in data.actions}
    roles |= {name: "covariate" for name in data.covariates}
    return UploadOptions(
        steps_per_quarter=data.steps_per_quarter or 1,
        roles=roles,
        kind=data.kind if data.kind in ("real", "count") else "auto",
    )


def _ordered(sequences: Sequences, here: tuple[str, ...], there: tuple[str, ...]) -> Sequences:
    """Return sequences with the features in the order of the model, if they have the same names."""
    if here == there or len(set(here)) < len(here) or set(here) != set(there):
        return sequences
    order = [here.index(name) for name in there]
    observed = sequences.observed
    return replace(
        sequences,
        x=tuple(x[:, order] for x in sequences.x),
        observed=None if observed is None else tuple(part[:, order] for part in observed),
    )


def _fitted(sequences: Sequences, data: DataSpec, name: str) -> Sequences:
    """Check that `sequences` fit a model of `data`; binary values are converted to real ones."""
    if data.kind == "real":
        sequences = replace(sequences, x=tuple(x.astype(np.float32) for x in sequences.x))
    for what, here, there in (
        ("feature", sequences.x_dim, data.x_dim),
        ("action", sequences.u_dim, data.u_dim),
        ("covariate", sequences.c_dim, data.c_dim),
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
