"""Reads and checks an exported run in a limited child process.

The child does not load PyTorch. Its answer is a line of JSON, followed by the metrics and the
weights, which are serialised again from the values that were read.
"""

import json
import logging
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.numpy import load, save

from dmm_core.config.schema import RunConfig
from dmm_core.data.uploads.archive import read_zip
from dmm_core.errors import DMMError, UploadError
from dmm_core.runs.exported import (
    RunCard,
    validate_card,
    validate_evaluations,
    validate_metrics,
    validate_record,
)
from dmm_core.system.limited_child import Limits, read_in_child, serve

__all__ = [
    "LIMITS",
    "MAX_BYTES",
    "MEMBERS",
    "ExportedRun",
    "main",
    "read_export",
    "read_export_in_child",
]

LIMITS = Limits(cpu=20, memory=2**30)
"""The limits of the child process."""

MAX_BYTES = 128 * 2**20
"""Largest size of an exported run in bytes, packed and unpacked."""

MEMBERS: dict[str, int] = {
    "config.json": 2**18,
    "run.json": 2**18,
    "model.safetensors": MAX_BYTES,
    "metrics.jsonl": 32 * 2**20,
    "evaluations.json": 2**20,
    "README.md": 2**18,
    "sample.mid": 2**22,
}
"""The files of an exported run with their largest size in bytes; the first three are required."""

_NEEDED = tuple(MEMBERS)[:3]
_MAX_HEADER = 2**20
"""Largest size of the header of the weights, which lists the tensors, in bytes."""

_log = logging.getLogger(__name__)


class ExportedRun(NamedTuple):
    """The content of an exported run.

    Attributes:
        id: the name of the folder in the archive, which should be the run's id.
        config: the configuration.
        created: time of creation, UTC.
        versions: versions of the programs that created the run.
        card: the content of run.json.
        evaluations: the content of evaluations.json.
        metrics: the content of metrics.jsonl.
        epochs: number of lines of `metrics`.
        weights: the content of a safetensors file.
    """

    id: str
    config: RunConfig
    created: datetime
    versions: dict[str, str]
    card: RunCard
    evaluations: list[dict[str, Any]]
    metrics: bytes
    epochs: int
    weights: bytes


def read_export(data: bytes) -> ExportedRun:
    """Read and check an exported run. No code in it is executed.

    Raises:
        DMMError: if the archive is not a complete and consistent export, or is too large.
    """
    try:
        run_id, files = _members(read_zip(data, max_bytes=MAX_BYTES))
        record = validate_record(files["config.json"])
        metrics = validate_metrics(files.get("metrics.jsonl", b""))
        return ExportedRun(
            id=run_id,
            config=record.config,
            created=record.created,
            versions=record.versions,
            card=validate_card(files["run.json"]),
            evaluations=validate_evaluations(files.get("evaluations.json", b"[]")),
            metrics="".join(f"{json.dumps(line)}\n" for line in metrics).encode(),
            epochs=len(metrics),
            weights=_weights(files["model.safetensors"]),
        )
    except RecursionError:
        raise UploadError("The archive holds JSON that is nested too deep to be read.") from None


def read_export_in_child(data: bytes) -> ExportedRun:
    """Call `read_export` in a child process with limited memory and processor time.

    Raises:
        UploadError: if the export is refused, or reading it exceeds a limit.
    """
    answer = read_in_child(__name__, (), data, LIMITS)
    try:
        return _decode(answer)
    except (DMMError, ValueError, LookupError, TypeError):
        _log.warning("a child gave no proper answer: %s", answer[:200])
        raise UploadError("The file cannot be read.") from None


def _members(archive: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """The name of the folder in the archive, and its files; checks their names and sizes."""
    folders, files = set(), {}
    for path, content in archive.items():
        folder, _, name = path.partition("/")
        if not folder or name not in MEMBERS:
            raise UploadError(
                f"The archive holds {path:.60}, but an exported run is one folder with "
                f"{', '.join(MEMBERS)}."
            )
        if len(content) > MEMBERS[name]:
            raise UploadError(
                f"{name} has {len(content):,} bytes, but at most {MEMBERS[name]:,} are read."
            )
        folders.add(folder)
        files[name] = content
    if len(folders) != 1:
        raise UploadError(f"The archive holds {len(folders)} folders, but an exported run is one.")
    for name in _NEEDED:
        if name not in files:
            raise UploadError(f"The archive has no {name}, so it is not a complete exported run.")
    return folders.pop(), files


def _weights(content: bytes) -> bytes:
    """Read a safetensors file, and write its tensors anew."""
    refusal = UploadError("model.safetensors is not a safetensors file.")
    if len(content) < 8:
        raise refusal
    (header,) = struct.unpack_from("<Q", content)
    if _MAX_HEADER < header <= len(content) - 8:
        raise UploadError(
            f"model.safetensors lists its tensors in {header:,} bytes, but at most "
            f"{_MAX_HEADER:,} are read."
        )
    try:
        return save(load(content))
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise refusal from None


def _encode(run: ExportedRun) -> bytes:
    line = {
        "id": run.id,
        "config": run.config.model_dump(mode="json"),
        "created": run.created.isoformat(),
        "versions": run.versions,
        "card": run.card.model_dump(mode="json"),
        "evaluations": run.evaluations,
        "metrics": len(run.metrics),
        "epochs": run.epochs,
    }
    return b"\n".join([json.dumps(line).encode(), run.metrics + run.weights])


def _decode(answer: bytes) -> ExportedRun:
    text, _, content = answer.partition(b"\n")
    line = json.loads(text)
    length = int(line["metrics"])
    return ExportedRun(
        id=str(line["id"]),
        config=RunConfig.model_validate(line["config"]),
        created=datetime.fromisoformat(line["created"]),
        versions=dict(line["versions"]),
        card=RunCard.model_validate(line["card"]),
        evaluations=list(line["evaluations"]),
        metrics=content[:length],
        epochs=int(line["epochs"]),
        weights=content[length:],
    )


def main() -> None:
    """Read an export from standard input, and answer on standard output."""
    serve(lambda data: _encode(read_export(data)), LIMITS)


if __name__ == "__main__":
    main()
