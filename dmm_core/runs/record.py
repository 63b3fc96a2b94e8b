"""config.json: the configuration of a run, written once when the run is created."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import NamedTuple

import dmm_core
from dmm_core.config.schema import RunConfig, stored_values
from dmm_core.errors import RunError
from dmm_core.runs.documents import read_document, write_document

__all__ = ["RunRecord", "read_record", "this_record", "write_record"]


class RunRecord(NamedTuple):
    """The content of config.json.

    Attributes:
        config: the configuration of the run.
        created: time of creation, UTC.
        versions: versions of the program, Python and PyTorch at creation.
    """

    config: RunConfig
    created: datetime
    versions: dict[str, str]


def read_record(folder: Path) -> RunRecord:
    """Read config.json.

    Raises:
        RunError: if config.json is missing, damaged or of another version.
    """
    content = read_document(folder / "config.json", {})
    try:
        return RunRecord(
            config=RunConfig.model_validate(stored_values(content["config"])),
            created=datetime.fromisoformat(content["created"]).replace(tzinfo=UTC),
            versions=dict(content["versions"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RunError(
            f"The run {folder.name} cannot be read: its config.json is missing, damaged or of "
            "another version."
        ) from None


def this_record(config: RunConfig) -> RunRecord:
    """A record for a new run, with the current time and versions."""
    versions = {
        "dmm": dmm_core.__version__,
        "python": python_version(),
        "torch": version("torch"),
    }
    return RunRecord(config, datetime.now(UTC), versions)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write config.json.

    Raises:
        OSError: if a file cannot be written.
    """
    write_document(
        folder / "config.json",
        {
            "created": record.created.isoformat(),
            "versions": record.versions,
            "config": record.config.model_dump(mode="json"),
        },
    )
