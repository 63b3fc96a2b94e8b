"""Uploads on disk: DMM_HOME/uploads/<id>/ with sequences.npz and, written last, upload.json.

An id is random hex; what a user typed is text inside upload.json and never part of a path.
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
    """What a list of uploads shows of one.

    Attributes:
        id: 16 hex digits; the data set is called upload:ID.
        title: as the user gave it, made fit to be shown.
        created: time of storing, ISO 8601 in UTC.
        sequences: how many.
        frames: of all of them.
        spec: what its frames are.
    """

    id: str
    title: str
    created: str
    sequences: int
    frames: int
    spec: DataSpec


class _Info(BaseModel):
    """The bounds of `UploadInfo`: pages count with these values."""

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
    """Keep the sequences of `report`, in their splits or split by the seed, and return their id.

    Raises:
        DataError: if no file was read.
        StorageError: if uploads take all the room that they may.
        OSError: if the disk refuses; nothing is listed then.
    """
    sequences = report.sequences
    if sequences is None:
        raise DataError("There is nothing to keep: no file of this upload was read.")
    arrays = _indices(report, options) | {
        "x": np.concatenate(sequences.x),
        "lengths": sequences.lengths,
    }
    if sequences.u is not None:
        arrays["u"] = np.concatenate(sequences.u)
    if sequences.observed is not None:
        arrays["observed"] = np.concatenate(sequences.observed)
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
    """The data set upload:ID.

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
        raise DataError(f"The upload {upload} is damaged: its sequences are not what was stored.")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        ends = np.cumsum(arrays["lengths"])[:-1]

        def pieces(name: str) -> tuple[np.ndarray, ...] | None:
            return tuple(np.split(arrays[name], ends)) if name in arrays else None

        sequences = Sequences(pieces("x") or (), manifest.names, pieces("u"), pieces("observed"))
        indices = {split: arrays[split] for split in _SPLITS}
    spec = manifest.info.spec
    train, valid, test = (sequences.subset(indices[split]) for split in _SPLITS)
    return Splits(spec.name, spec.kind, train, valid, test, spec.steps_per_quarter)


def _indices(report: UploadReport, options: UploadOptions) -> dict[str, np.ndarray]:
    """Split -> which sequences stand in it."""
    if report.splits is not None:
        given = np.array(report.splits)
        return {split: np.flatnonzero(given == split) for split in _SPLITS}
    count = len(report.sequences or ())
    return dict(zip(_SPLITS, split_by_seed(count, options.seed), strict=True))


def split_sizes(upload: str) -> dict[str, tuple[int, int]]:
    """Sequences and frames of each split of an upload; its values are not loaded.

    Raises:
        DataError: if there is no such upload, or its files are damaged.
    """
    try:
        with (
            (_folder(upload) / "sequences.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            lengths = arrays["lengths"]
            parts = {split: lengths[arrays[split]] for split in _SPLITS}
    except (OSError, ValueError, LookupError, BadZipFile, zlib.error):
        raise DataError(f"The upload {upload} is damaged: its sequences cannot be read.") from None
    return {split: (len(part), int(part.sum())) for split, part in parts.items()}


def list_uploads() -> list[UploadInfo]:
    """All uploads, newest first; those whose manifest is damaged are left out."""
    infos = []
    for path in (home() / "uploads").glob("*/upload.json"):
        with suppress(DataError):
            infos.append(_manifest(_folder(path.parent.name)).info)
    return sorted(infos, key=lambda info: (info.created, info.id), reverse=True)


def delete_upload(upload: str) -> None:
    """Delete an upload for good.

    Raises:
        DataError: if there is no such upload.
    """
    folder = _folder(upload)
    (folder / "upload.json").unlink()  # first, so that a half-deleted upload is not listed
    shutil.rmtree(folder)


def _folder(upload: str) -> Path:
    """The folder of an upload whose id is hex and whose manifest is there."""
    if re.fullmatch("[0-9a-f]{16}", upload):
        folder = home() / "uploads" / upload
        if (folder / "upload.json").is_file():
            return folder
    raise DataError(f"The upload {display_name(upload):.40} was not found.")


def _manifest(folder: Path) -> _Manifest:
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
    """What the frames of an upload are; older manifests have the values beside the title."""
    earlier = {"kind": "binary", "x_dim": PITCHES} | dict(info)
    spec = DataSpec.from_json(info.get("spec", earlier) | {"name": f"{UPLOAD_PREFIX}{upload}"})
    if max(spec.x_dim, spec.u_dim) > MAX_FEATURES:
        raise DataError(f"A frame of an upload has at most {MAX_FEATURES:,} features.")
    return spec
