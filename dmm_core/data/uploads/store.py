"""Stores uploads in DMM_HOME/uploads/<id>/, as sequences.npz and, written last, upload.json.

An id consists of random hexadecimal digits. Text from the user is stored only inside upload.json
and is never part of a path.
"""

import hashlib
import io
import json
import re
import secrets
import shutil
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dmm_core.data.sequences import Sequences, Splits, split_by_seed
from dmm_core.data.spec import MAX_FEATURES, UPLOAD_PREFIX, DataSpec
from dmm_core.data.time_split import split_in_time, window_sizes
from dmm_core.data.uploads.report import UploadOptions, UploadReport, display_name
from dmm_core.errors import DataError
from dmm_core.music.pianoroll import MAX_FRAMES, PITCHES
from dmm_core.system.files import home, require_disk_space, write_atomic

__all__ = [
    "UploadInfo",
    "delete_upload",
    "list_uploads",
    "load_upload",
    "split_sizes",
    "store_upload",
]

_SPLITS = ("train", "valid", "test")


class UploadInfo(NamedTuple):
    """Summary of an upload.

    Attributes:
        id: 16 hexadecimal digits; the data set is called upload:ID.
        title: title from the user, as `display_name` returns it.
        created: time of storage, ISO 8601 in UTC.
        sequences: number of sequences.
        frames: number of frames of all sequences.
        spec: description of the data.
    """

    id: str
    title: str
    created: str
    sequences: int
    frames: int
    spec: DataSpec


class _Info(BaseModel):
    """Schema of `UploadInfo` in a manifest; pages rely on these bounds."""

    model_config = ConfigDict(strict=True)

    id: str
    title: str = Field(max_length=1000)
    created: str = Field(max_length=100)
    sequences: int = Field(ge=1, le=MAX_FRAMES)
    frames: int = Field(ge=1, le=MAX_FRAMES)


class _Manifest(NamedTuple):
    info: UploadInfo
    names: tuple[str, ...]
    sha256: str


def store_upload(report: UploadReport, *, title: str, options: UploadOptions) -> str:
    """Store the sequences of a report as a data set, and return its id.

    The sequences keep the splits of their files. Without splits they are split in time or by
    sequence, as `UploadReport.window` decides; by sequence with the seed of `options`.

    Args:
        report: result of `read_files`.
        title: title of the data set.
        options: options with which the files were read.

    Raises:
        DataError: if no file was read.
        UploadError: if `options` ask for a split in time that the sequences do not allow.
        StorageError: if the upload exceeds the quota of uploads or the free space of the disk.
        OSError: if a file cannot be written; the upload is then not listed.
    """
    sequences = report.sequences
    if sequences is None:
        raise DataError("There is nothing to store: no file of this upload was read.")
    arrays = _indices(report, options) | {
        "x": np.concatenate(sequences.x),
        "lengths": sequences.lengths,
    }
    for name in ("u", "observed", "c"):
        if (given := getattr(sequences, name)) is not None:
            arrays[name] = np.concatenate(given)
    if sequences.starts is not None:
        arrays["starts"] = np.array(sequences.starts)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    upload = secrets.token_hex(8)
    info = UploadInfo(
        id=upload,
        title=display_name(title),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sequences=len(sequences),
        frames=sequences.frames,
        spec=DataSpec(
            kind=report.kind,
            x_dim=sequences.x_dim,
            name=f"{UPLOAD_PREFIX}{upload}",
            steps_per_quarter=options.steps_per_quarter if report.is_music else None,
            u_dim=sequences.u_dim,
            missing=sequences.observed is not None,
            c_dim=sequences.c_dim,
            features=report.features,
            actions=report.actions,
            covariates=report.covariates,
            time=report.time,
        ),
    )
    manifest = {
        "info": info._asdict() | {"spec": info.spec.to_json()},
        "names": sequences.names,
        "options": asdict(options),
        "files": [asdict(file) for file in report.files],
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
    }
    require_disk_space(home() / "uploads", buffer.tell())
    folder = home() / "uploads" / upload
    folder.mkdir(parents=True)
    try:
        write_atomic(folder / "sequences.npz", buffer.getvalue())
        write_atomic(folder / "upload.json", json.dumps(manifest, indent=1))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return upload


def load_upload(upload: str) -> Splits:
    """Load the data set upload:ID.

    Raises:
        DataError: if there is no such upload, or its files are damaged.
    """
    folder = _folder(upload)
    manifest = _manifest(folder)
    try:
        content = (folder / "sequences.npz").read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise DataError(
            f"The upload {upload} is damaged: its sequences differ from those that were stored."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["lengths"])[:-1]

        def split_arrays(name: str) -> tuple[np.ndarray, ...] | None:
            return tuple(np.split(arrays[name], ends)) if name in arrays else None

        spec = manifest.info.spec
        sequences = Sequences(
            split_arrays("x") or (),
            manifest.names,
            split_arrays("u"),
            split_arrays("observed"),
            split_arrays("c"),
            tuple(arrays["starts"].tolist()) if "starts" in arrays else None,
            1.0 if spec.time is None else spec.time.step,
        )
        if "window" in arrays:
            return split_in_time(
                spec.name,
                spec.kind,
                sequences,
                window=int(arrays["window"]),
                time=spec.time,
                steps_per_quarter=spec.steps_per_quarter,
                features=spec.features,
                actions=spec.actions,
                covariates=spec.covariates,
            )
        indices = {split: arrays[split] for split in _SPLITS}
    train, valid, test = (sequences.subset(indices[split]) for split in _SPLITS)
    return Splits(
        spec.name,
        spec.kind,
        train,
        valid,
        test,
        spec.steps_per_quarter,
        features=spec.features,
        actions=spec.actions,
        covariates=spec.covariates,
        time=spec.time,
    )


def _indices(report: UploadReport, options: UploadOptions) -> dict[str, np.ndarray]:
    """Return split -> indices of its sequences, or the length of windows for a split in time."""
    if report.splits is not None:
        given = np.array(report.splits)
        return {split: np.flatnonzero(given == split) for split in _SPLITS}
    if window := report.window(options):
        return {"window": np.array(window)}
    count = len(report.sequences or ())
    return dict(zip(_SPLITS, split_by_seed(count, options.seed), strict=True))


def split_sizes(upload: str) -> dict[str, tuple[int, int]]:
    """Return the numbers of sequences and frames of each split, without loading the values.

    Raises:
        DataError: if there is no such upload, or its files are damaged.
    """
    try:
        with (
            (_folder(upload) / "sequences.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            lengths = arrays["lengths"]
            if "window" in arrays:
                window = int(arrays["window"])
                return window_sizes(lengths.tolist(), window)
            parts = {split: lengths[arrays[split]] for split in _SPLITS}
    except (OSError, ValueError, LookupError, BadZipFile, zlib.error):
        raise DataError(f"The upload {upload} is damaged: its sequences cannot be read.") from None
    return {split: (len(part), int(part.sum())) for split, part in parts.items()}


def list_uploads() -> list[UploadInfo]:
    """Return all uploads, newest first, without those whose manifest is damaged."""
    infos = []
    for path in (home() / "uploads").glob("*/upload.json"):
        with suppress(DataError):
            infos.append(_manifest(_folder(path.parent.name)).info)
    return sorted(infos, key=lambda info: (info.created, info.id), reverse=True)


def delete_upload(upload: str) -> None:
    """Delete an upload permanently.

    Raises:
        DataError: if there is no such upload.
    """
    folder = _folder(upload)
    (folder / "upload.json").unlink()  # first, so that a half-deleted upload is not listed
    shutil.rmtree(folder)


def _folder(upload: str) -> Path:
    """Return the folder of an upload, after a check of its id and of its manifest's existence."""
    if re.fullmatch("[0-9a-f]{16}", upload):
        folder = home() / "uploads" / upload
        if (folder / "upload.json").is_file():
            return folder
    raise DataError(f"The upload {display_name(upload):.40} was not found.")


def _manifest(folder: Path) -> _Manifest:
    """Read and validate the manifest of an upload."""
    damaged = DataError(f"The upload {folder.name} is damaged: its manifest is faulty.")
    try:
        values = json.loads((folder / "upload.json").read_bytes())
        info = UploadInfo(
            **_Info.model_validate(values["info"]).model_dump(),
            spec=_spec(folder.name, values["info"]),
        )
        manifest = _Manifest(info, tuple(map(str, values["names"])), str(values["sha256"]))
    except (OSError, ValueError, LookupError, TypeError, RecursionError, DataError):
        raise damaged from None
    if info.id != folder.name:
        raise damaged
    return manifest


def _spec(upload: str, info: Mapping[str, Any]) -> DataSpec:
    """Return the data spec of a manifest; in older manifests its fields are directly in `info`."""
    earlier = {"kind": "binary", "x_dim": PITCHES} | dict(info)
    spec = DataSpec.from_json(info.get("spec", earlier) | {"name": f"{UPLOAD_PREFIX}{upload}"})
    if max(spec.x_dim, spec.u_dim, spec.c_dim) > MAX_FEATURES:
        raise DataError(f"A frame of an upload has at most {MAX_FEATURES:,} features.")
    return spec
