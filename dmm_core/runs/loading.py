"""A trained model together with its configuration and the description of its data."""

from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING

from dmm_core.config.schema import RunConfig
from dmm_core.data.spec import DataSpec
from dmm_core.runs.bundled import load_model
from dmm_core.runs.store import find_run

if TYPE_CHECKING:
    from dmm_core.nn.dmm import DMM

__all__ = ["LoadedRun", "load_run"]


@dataclass(frozen=True)
class LoadedRun:
    """A trained model with its configuration and the description of its data.

    Attributes:
        model: the model with the weights of the best epoch, on the CPU and in evaluation mode.
        config: the configuration of the run.
        data: the description of the data that the model explains.

    Example:
        >>> from dmm_core import load_run
        >>> run = load_run("bundled:jsb")
        >>> run.config.data.name, run.data.grid
        ('jsb', 'quarter')
    """

    model: "DMM"
    config: RunConfig
    data: DataSpec


def load_run(source: str | PathLike[str]) -> LoadedRun:
    """Load the model of a run.

    Args:
        source: the id of a run, the path of a run folder, or "bundled:NAME" for a model that is
            part of the project, such as "bundled:chorales".

    Raises:
        RunError: if there is no such run, or its files are missing or damaged.

    Example:
        >>> from dmm_core import load_run
        >>> load_run("bundled:chorales").model.z_dim
        64
    """
    found = find_run(fspath(source), allow_path=True)
    return LoadedRun(load_model(found), found.config(), found.data())
