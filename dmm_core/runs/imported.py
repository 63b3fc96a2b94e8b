"""An exported run -> a run here: all of it is checked before any of it is kept."""

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
"""Of a name that is marked: no name is longer than 100."""

_UPLOAD = re.compile(re.escape(UPLOAD_PREFIX) + "[0-9a-f]{16}")
_REASON = (
    "Imported: used like any finished run, but not trained further, since an export holds no "
    "optimiser state."
)


def import_run(data: bytes) -> Run:
    """Keep an exported run as a finished one, under its own id, or a new one where that is taken.

    Nothing in the archive is trusted, executed, or written under a name of its own.

    Args:
        data: the bytes of the zip that `dmm_core.runs.exporting` makes.

    Raises:
        DMMError: in one sentence, if it is no whole, modest, consistent export; nothing is kept.
        OSError: if the disk refuses; nothing is kept.
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
        with acquire(run.folder) as lease:
            lease.take(Status(state="finished", reason=_REASON, progress=progress))

    return add_run(fill, wanted=read.id)


def _told_apart(name: str) -> str:
    """`name`, marked where a run here has it already."""
    name = plain_line(name)
    taken = name and any(run.name() == name for run in list_runs())
    return f"{name[:_NAME_CHARACTERS].strip()}{_MARK}" if taken else name


def _check_data(config: DataConfig, facts: DataSpec) -> None:
    """A data set of the catalogue is what it is; of an upload, the export alone can say it."""
    if _UPLOAD.fullmatch(config.name):
        return
    info = dataset_info(config.name)
    for field in ("kind", "x_dim", "steps_per_quarter", "u_dim", "missing"):
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
