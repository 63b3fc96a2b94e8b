"""Imports an exported run. Everything is checked before anything is stored."""

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from dmm_core.config.schema import DataConfig, ModelConfig
from dmm_core.data.catalogue import dataset_info
from dmm_core.data.spec import UPLOAD_PREFIX, DataSpec
from dmm_core.data.uploads.report import display_name
from dmm_core.errors import UploadError
from dmm_core.runs.documents import plain_line, write_document
from dmm_core.runs.import_child import MAX_BYTES, read_export_in_child
from dmm_core.runs.lock import acquire
from dmm_core.runs.record import RunRecord, write_record
from dmm_core.runs.run import Run
from dmm_core.runs.status import RunProgress, Status
from dmm_core.runs.store import add_run, list_runs
from dmm_core.system.files import write_atomic
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import Checkpoint, decode_tensors, save_checkpoint

__all__ = ["import_run"]

_MARK = " (imported)"
_NAME_CHARACTERS = 100 - len(_MARK)
"""Longest name before the mark: a name has at most 100 characters."""

_UPLOAD = re.compile(re.escape(UPLOAD_PREFIX) + "[0-9a-f]{16}")
_REASON = (
    "Imported. It can be used like any finished run, but it cannot be trained further, because an "
    "export has no optimiser state."
)


def import_run(data: bytes) -> Run:
    """Import an exported run as a finished run, with its own id, or a new id if that is taken.

    Nothing in the archive is trusted or executed, and no file is written under a name from it.

    Args:
        data: the bytes of a zip file that `dmm_core.runs.exporting` wrote.

    Raises:
        DMMError: if the archive is not a complete and consistent export, or is too large; nothing
            is stored.
        OSError: if a file cannot be written; nothing is stored.
    """
    if len(data) > MAX_BYTES:
        raise UploadError(f"The file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read.")
    read = read_export_in_child(data)
    card = read.card
    facts = replace(card.data, name=read.config.data.name)
    _check_data(read.config.data, facts)
    weights = decode_tensors(read.weights, "model.safetensors")
    _check_weights(weights, read.config.model, facts)
    progress = RunProgress.model_validate(card.model_dump(exclude={"name", "notes", "data"}))
    scalars = {
        **progress.model_dump(exclude={"fraction", "seconds_left"}),
        "data": facts.to_json(),
        "metrics_lines": read.epochs,
    }

    def fill(run: Run) -> None:
        write_record(run.folder, RunRecord(read.config, read.created, read.versions))
        write_atomic(run.folder / "metrics.jsonl", read.metrics)
        if read.evaluations:
            write_document(run.folder / "evaluations.json", read.evaluations)
        if card.name or card.notes:
            run.rename(_told_apart(card.name), card.notes)
        save_checkpoint(run.checkpoints, Checkpoint({"model": weights}, scalars))
        with acquire(run.folder) as lock:
            lock.take(Status(state="finished", reason=_REASON, progress=progress))

    return add_run(fill, wanted=read.id)


def _told_apart(name: str) -> str:
    """`name`, with a mark if another run already has it."""
    name = plain_line(name)
    taken = name and any(run.name() == name for run in list_runs())
    return f"{name[:_NAME_CHARACTERS].strip()}{_MARK}" if taken else name


_COMPARED = ("kind", "x_dim", "steps_per_quarter", "u_dim", "missing", "c_dim", "categories")


def _check_data(config: DataConfig, facts: DataSpec) -> None:
    """Check the description of the data against the catalogue; that of an upload is accepted."""
    if _UPLOAD.fullmatch(config.name):
        return
    info = dataset_info(config.name)
    for field in _COMPARED:
        said, known = getattr(facts, field), getattr(info.spec, field)
        if said != known:
            raise UploadError(f"run.json has {field} {said} for {info.name}, which has {known}.")


def _check_weights(weights: Mapping[str, Tensor], config: ModelConfig, facts: DataSpec) -> None:
    with torch.device("meta"):  # shapes without memory, however large a model is described
        needed = build_model(config, facts, seed=0).state_dict()
    for name in sorted(needed.keys() | weights.keys()):
        wanted, given = needed.get(name), weights.get(name)
        if wanted is None or given is None:
            raise UploadError(
                f"The weights {'lack' if given is None else 'have'} {display_name(name):.60}, "
                f"unlike the configuration's model."
            )
        if (given.shape, given.dtype) != (wanted.shape, wanted.dtype):
            raise UploadError(
                f"The weights have {name} as {_shape(given)}, but the configuration's model has it "
                f"as {_shape(wanted)}."
            )
        if not given.isfinite().all():
            raise UploadError(f"The weights have values in {name} that are not finite.")


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {tensor.dtype}".replace("torch.", "")
