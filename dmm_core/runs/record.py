"""config.json, written once when a run is created, and what a model has to know of its data."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

import dmm_core
from dmm_core.config.schema import ModelConfig, RunConfig
from dmm_core.data.sequences import Kind, Splits
from dmm_core.errors import RunError
from dmm_core.music.pianoroll import PITCHES
from dmm_core.nn.dmm import DMM
from dmm_core.runs.documents import read_document, write_document
from dmm_core.training.building import build_model

__all__ = ["DataFacts", "RunRecord", "model_for", "read_record", "this_record", "write_record"]


class DataFacts(BaseModel):
    """What has to be known of a data set to build its model again.

    Attributes:
        name: as `DataConfig.name` gives it.
        kind: binary or real.
        x_dim: features of a frame.
        steps_per_quarter: frames of a quarter note, or None where frames are no music.
        u_dim: actions of a frame.
        missing: whether the data say which features were observed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    x_dim: int
    steps_per_quarter: int | None
    u_dim: int = 0
    missing: bool = False

    @classmethod
    def of(cls, splits: Splits) -> "DataFacts":
        """Those of a data set."""
        return cls(
            name=splits.name,
            kind=splits.kind,
            x_dim=splits.x_dim,
            steps_per_quarter=splits.steps_per_quarter,
            u_dim=splits.u_dim,
            missing=splits.missing,
        )

    @property
    def are_rolls(self) -> bool:
        """Whether the frames are piano-rolls."""
        return (self.kind, self.x_dim) == ("binary", PITCHES)


def model_for(config: ModelConfig, data: DataFacts, *, seed: int) -> DMM:
    """The model that `config` describes, for such data, with weights drawn from `seed`.

    Raises:
        DMMError: if it cannot explain them.
    """
    return build_model(
        config,
        x_dim=data.x_dim,
        kind=data.kind,
        seed=seed,
        u_dim=data.u_dim,
        missing=data.missing,
    )


class RunRecord(NamedTuple):
    """The configuration of a run, when (UTC) and with which versions it was created."""

    config: RunConfig
    created: datetime
    versions: dict[str, str]


def read_record(folder: Path) -> RunRecord:
    """The record of a run folder.

    Raises:
        RunError: if config.json is missing, damaged or of another version.
    """
    content = read_document(folder / "config.json", {})
    try:
        return RunRecord(
            config=RunConfig.model_validate(content["config"]),
            created=datetime.fromisoformat(content["created"]).replace(tzinfo=UTC),
            versions=dict(content["versions"]),
        )
    except (KeyError, TypeError, ValueError):
        raise RunError(
            f"The run {folder.name} cannot be read: its config.json is missing, damaged or of "
            "another version."
        ) from None


def this_record(config: RunConfig) -> RunRecord:
    """The record of a run that is created now, with the versions of this program."""
    versions = {
        "dmm": dmm_core.__version__,
        "python": python_version(),
        "torch": version("torch"),
    }
    return RunRecord(config, datetime.now(UTC), versions)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write config.json.

    Raises:
        OSError: if the disk refuses.
    """
    write_document(
        folder / "config.json",
        {
            "created": record.created.isoformat(),
            "versions": record.versions,
            "config": record.config.model_dump(mode="json"),
        },
    )
