"""Both ends of the pipe to the limited process in which an exported run is read and checked.

The child never loads PyTorch. It answers with a line of JSON and two members behind it: the metrics
and the weights, both written anew from what was read.
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
"""Of the child."""

MAX_BYTES = 128 * 2**20
"""Bytes of an exported run, packed and unpacked."""

MEMBERS: dict[str, int] = {
    "config.json": 2**18,
    "run.json": 2**18,
    "model.safetensors": MAX_BYTES,
    "metrics.jsonl": 32 * 2**20,
    "evaluations.json": 2**20,
    "README.md": 2**18,
    "sample.mid": 2**22,
}
"""What an exported run may hold, and the most bytes of each; the first three are required."""

_NEEDED = tuple(MEMBERS)[:3]
_MAX_HEADER = 2**20
"""Bytes of the header of the weights, which lists them by name."""

_log = logging.getLogger(__name__)


class ExportedRun(NamedTuple):
    """What an exported run holds.

    Attributes:
        id: its id on the machine that exported it, or what stands in the place of one.
        config: the configuration.
        created: when the run was created, in UTC.
        versions: of the programs that created it.
        card: what run.json says.
        evaluations: what was found on the splits.
        metrics: the content of metrics.jsonl.
        epochs: lines of `metrics`.
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
    """Read and check an exported run; nothing in it is executed.

    Raises:
        DMMError: in one sentence, if it is not a whole, consistent export of modest size.
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
    """`read_export` in a process of its own, limited in memory and time.

    Raises:
        UploadError: in one sentence, if the export is refused or reading it hits a limit.
    """
    answer = read_in_child(__name__, (), data, LIMITS)
    try:
        return _decode(answer)
    except (DMMError, ValueError, LookupError, TypeError):
        _log.warning("a child gave no proper answer: %s", answer[:200])
        raise UploadError("The file cannot be read.") from None


def _members(archive: Mapping[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """The name of the one folder in the archive, and what it holds, each of a modest size."""
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
            raise UploadError(f"The archive holds no {name}, so it is no whole exported run.")
    return folders.pop(), files


def _weights(content: bytes) -> bytes:
    """The tensors of a safetensors file, written anew."""
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
    """Read standard input, and answer."""
    serve(lambda data: _encode(read_export(data)), LIMITS)


if __name__ == "__main__":
    main()
