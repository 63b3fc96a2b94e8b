"""Validates the documents of an exported run, which come from an untrusted source."""

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainSerializer,
    PlainValidator,
    ValidationError,
)

from dmm_core.config.schema import RunConfig, parse_config, stored_values
from dmm_core.data.spec import MAX_FEATURES, DataSpec
from dmm_core.data.uploads.report import display_name
from dmm_core.errors import DataError, UploadError
from dmm_core.runs.documents import is_epoch, is_evaluation, parse, plain_line

__all__ = [
    "ForeignRecord",
    "RunCard",
    "validate_card",
    "validate_evaluations",
    "validate_metrics",
    "validate_record",
]

_MOST_VERSIONS = 10
_MOST_LINES = 100_000
_MOST_LINE_BYTES = 2**16
_MOST_EVALUATIONS = 1000

_KINDS: dict[type, str] = {dict: "object", list: "list"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _spec(values: object) -> DataSpec:
    try:
        spec = DataSpec.from_json(values)
    except DataError as error:
        raise ValueError(str(error)) from None
    if max(spec.x_dim, spec.u_dim, spec.c_dim) > MAX_FEATURES:
        raise ValueError(f"a frame has at most {MAX_FEATURES:,} features, actions and covariates")
    return spec


class RunCard(_Part):
    """The content of run.json.

    Attributes:
        name: the display name, or "".
        notes: the notes, or "".
        data: the description of the data, without names of features.
        epoch: the last epoch that was begun.
        update: number of updates done.
        fraction: share of all updates that is done.
        best_valid_bound: the best validation bound, in nats per frame, or None.
        best_epoch: the epoch of the best validation bound, or None.
    """

    name: str = Field(max_length=1000)
    notes: str = Field(max_length=10_000)
    data: Annotated[DataSpec, PlainValidator(_spec), PlainSerializer(DataSpec.to_json)]
    epoch: int = Field(ge=0, le=10**9)
    update: int = Field(ge=0, le=10**12)
    fraction: float = Field(ge=0.0, le=1.0)
    best_valid_bound: FiniteFloat | None
    best_epoch: int | None = Field(ge=0, le=10**9)


class ForeignRecord(NamedTuple):
    """The content of config.json.

    Attributes:
        config: the configuration.
        created: time of creation, UTC.
        versions: versions of the programs that created the run.
    """

    config: RunConfig
    created: datetime
    versions: dict[str, str]


def validate_record(content: bytes) -> ForeignRecord:
    """Validate config.json.

    Raises:
        ConfigError: if settings are unknown or have values that are not allowed; names all of them.
        UploadError: if anything else does not have the form of a run's config.json.
    """
    document = _json(content, dict, "config.json")
    versions, config = document.get("versions"), document.get("config")
    if not isinstance(config, dict) or not isinstance(versions, dict):
        raise UploadError("config.json does not describe a run: it needs config and versions.")
    try:
        created = datetime.fromisoformat(document.get("created", "")).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        created = None
    if created is None or not 2000 <= created.year < 2100:
        raise UploadError(
            "config.json does not describe a run: created is not a date of this century."
        )
    plain = {
        plain_line(name): plain_line(str(of))
        for name, of in list(versions.items())[:_MOST_VERSIONS]
    }
    return ForeignRecord(parse_config(stored_values(config)), created, plain)


def validate_card(content: bytes) -> RunCard:
    """Validate run.json.

    Raises:
        UploadError: if it does not have the form of a run's run.json.
    """
    try:
        return RunCard.model_validate(_json(content, dict, "run.json"))
    except ValidationError as error:
        first = error.errors()[0]
        where = display_name(".".join(map(str, first["loc"])))
        raise UploadError(
            f"run.json does not describe a run. Its value {where:.60}: {first['msg'].lower()}."
        ) from None


def validate_metrics(content: bytes) -> list[dict[str, Any]]:
    """Validate metrics.jsonl; returns one dictionary for each epoch.

    An incomplete last line is left out.

    Raises:
        UploadError: if a line does not have the form of an epoch's metrics.
    """
    lines = content.split(b"\n", _MOST_LINES + 1)[:-1]
    if len(lines) > _MOST_LINES:
        raise UploadError(f"metrics.jsonl has over {_MOST_LINES:,} lines, and more are not read.")
    metrics = []
    for number, line in enumerate(lines, 1):
        found = parse(line.decode(errors="replace")) if len(line) <= _MOST_LINE_BYTES else None
        if not is_epoch(found):
            raise UploadError(f"Line {number:,} of metrics.jsonl is not the metrics of an epoch.")
        metrics.append(found)
    return metrics


def validate_evaluations(content: bytes) -> list[dict[str, Any]]:
    """Validate evaluations.json.

    Raises:
        UploadError: if an entry does not have the form of an evaluation.
    """
    found = _json(content, list, "evaluations.json")
    for place, entry in enumerate(found, 1):
        if place > _MOST_EVALUATIONS:
            raise UploadError(f"evaluations.json has over {_MOST_EVALUATIONS:,} evaluations.")
        if not is_evaluation(entry):
            raise UploadError(f"Entry {place} of evaluations.json is not an evaluation.")
    return found


def _json(content: bytes, kind: type, name: str) -> Any:
    found = parse(content.decode(errors="replace"))
    if not isinstance(found, kind):
        raise UploadError(f"{name} does not describe a run: it is not a JSON {_KINDS[kind]}.")
    return found
