"""Checkpoints that survive a killed process, a full disk and a damaged file.

The checkpoint of update 1200 consists of one file for each group of tensors,
`000001200.model.<hash>.safetensors`, and the manifest `000001200.json`. The manifest is written
last. Until it exists, the previous checkpoint is the newest. File names contain a hash of the
content, so no file is overwritten by other content, and a second checkpoint of the same update
(before and after a validation) cannot damage the first.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from dmm_core.errors import RunError
from dmm_core.system.files import write_atomic

__all__ = [
    "Checkpoint",
    "LoadedCheckpoint",
    "decode_tensors",
    "encode_tensors",
    "load_checkpoint",
    "load_tensors",
    "save_checkpoint",
    "save_tensors",
]

_KEPT = 2
_NAME = re.compile(r"([0-9]{9,})\.[a-z_]+\.[0-9a-f]{12}\.safetensors")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that a training needs to continue exactly.

    Attributes:
        tensors: groups of named tensors, such as model, optimiser and best. The name of a group
            consists of lower-case letters and underscores.
        scalars: all other values, of types that JSON has; at least `epoch` and `update`.
    """

    tensors: dict[str, dict[str, Tensor]]
    scalars: dict[str, Any]


class LoadedCheckpoint(NamedTuple):
    """The newest intact checkpoint of a folder.

    Attributes:
        checkpoint: the checkpoint; None if there is none.
        skipped: one sentence for each newer checkpoint that is damaged.
    """

    checkpoint: Checkpoint | None
    skipped: tuple[str, ...]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint`, then delete all other checkpoints except the previous one.

    Checkpoints of later updates are deleted too, because the training has resumed from an earlier
    one.

    Args:
        folder: the folder of the checkpoints; created if its parent exists.
        checkpoint: the checkpoint to write.

    Raises:
        OSError: if a file cannot be written. The previous checkpoints can still be loaded.
        ValueError: if a scalar cannot be written as JSON, such as a float that is not finite.
    """
    folder.mkdir(exist_ok=True)  # without parents, so that a run that was moved is not recreated
    update = checkpoint.scalars["update"]
    digests, names = {}, set()
    for group, tensors in checkpoint.tensors.items():
        content = encode_tensors(tensors)
        digests[group] = hashlib.sha256(content).hexdigest()
        name = _file_name(update, group, digests[group])
        names.add(name)
        write_atomic(folder / name, content)
    write_atomic(folder / f"{update:09d}.json", _manifest(checkpoint.scalars, digests))
    _delete_others(folder, update, names)


def load_checkpoint(folder: Path, groups: Collection[str] | None = None) -> LoadedCheckpoint:
    """Load the newest checkpoint whose manifest and files agree, on the CPU.

    Args:
        folder: the folder that `save_checkpoint` wrote to; it may be missing.
        groups: the groups to load and check; by default all.
    """
    skipped = []
    for manifest in _manifests(folder):
        try:
            return LoadedCheckpoint(_read(manifest, groups), tuple(skipped))
        except RunError as fault:
            skipped.append(f"The checkpoint at update {int(manifest.stem)} was skipped: {fault}")
    return LoadedCheckpoint(None, tuple(skipped))


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to `path` as safetensors.

    Raises:
        OSError: if the file cannot be written; `path` is then unchanged.
    """
    write_atomic(path, encode_tensors(tensors))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Load the named tensors of a safetensors file, on the CPU.

    Raises:
        RunError: if the file is missing or is not a safetensors file.
    """
    return decode_tensors(_read_bytes(path), path.name)


def encode_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Convert named tensors to the bytes of a safetensors file."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    )


def decode_tensors(content: bytes, name: str) -> dict[str, Tensor]:
    """Read named tensors from the bytes of a safetensors file, on the CPU; no code is executed.

    Args:
        content: the bytes, which may be untrusted.
        name: name of the file, for messages.

    Raises:
        RunError: if the bytes are not a safetensors file.
    """
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError):  # KeyError: a number type that PyTorch does not have
        raise RunError(f"{name} is not a safetensors file.") from None


def _read(manifest: Path, groups: Collection[str] | None) -> Checkpoint:
    text = _read_bytes(manifest)
    damaged = RunError(f"{manifest.name} is damaged.")
    try:
        document = json.loads(text)
        scalars, digests = document["scalars"], document["sha256"]
        if _manifest(scalars, digests).encode() != text:
            raise damaged
        names = {group: _file_name(scalars["update"], group, digests[group]) for group in digests}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged from None
    tensors = {}
    for group, name in names.items():
        if groups is None or group in groups:
            content = _read_bytes(manifest.with_name(name))
            if hashlib.sha256(content).hexdigest() != digests[group]:
                raise RunError(f"{name} is not the file that its manifest describes.")
            tensors[group] = decode_tensors(content, name)
    return Checkpoint(tensors, scalars)


def _manifest(scalars: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """The exact text of a manifest, including its own hash; any other text counts as damaged."""
    body = {"scalars": scalars, "sha256": digests}
    canonical = json.dumps(body, sort_keys=True, allow_nan=False)
    whole = {**body, "manifest_sha256": hashlib.sha256(canonical.encode()).hexdigest()}
    return json.dumps(whole, sort_keys=True, allow_nan=False, indent=1) + "\n"


def _file_name(update: int, group: str, digest: str) -> str:
    name = f"{update:09d}.{group}.{digest[:12]}.safetensors"
    if not _NAME.fullmatch(name):
        raise ValueError(f"A checkpoint file cannot be called {name!r:.80}.")
    return name


def _manifests(folder: Path) -> list[Path]:
    """All manifests of a folder, newest first."""
    found = [path for path in folder.glob("*.json") if re.fullmatch("[0-9]{9,}", path.stem)]
    return sorted(found, key=lambda path: int(path.stem), reverse=True)


def _delete_others(folder: Path, update: int, names: Iterable[str]) -> None:
    past = [path for path in _manifests(folder) if int(path.stem) <= update][:_KEPT]
    kept = {int(path.stem) for path in past}
    old = [path for path in _manifests(folder) if path not in past]
    for path in folder.glob("*.safetensors"):
        if match := _NAME.fullmatch(path.name):
            of = int(match[1])
            if of not in kept or (of == update and path.name not in names):
                old.append(path)
    for path in old:
        # On Windows a reader may have the file open; the next save tries again.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise RunError(f"{path.name} cannot be read ({fault.strerror}).") from None
