"""Experiments of a lesson: small configurations that are trained live and compared.

An experiment is a JSON file, so a teacher can write one without changing code. The app's own
experiments are in `assets/lessons`; custom ones go to the folder `lessons` under `DMM_HOME`. An
example::

    {"title": "KL annealing", "says": "Does it matter how the KL comes in?",
     "shared": {"data": {"name": "linear-gssm"}, "model": {"z_dim": 4}, "train": {"epochs": 12}},
     "variants": {"none": {"title": "No annealing", "train": {"anneal_updates": 0}},
                  "slow": {"title": "Annealed", "train": {"anneal_updates": 300}}}}

docs/settings.md lists the settings. A setting of a variant overrides the shared one, and all other
settings have their default values. `says` is a description to show.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.errors import ConfigError
from dmm_core.system.files import assets, home

__all__ = ["MAX_VARIANTS", "Experiment", "Variant", "list_experiments", "load_experiment"]

MAX_VARIANTS = 8
"""Largest number of variants of an experiment; more curves are hard to distinguish in a chart."""

_MAX_BYTES = 100_000
_SECTIONS = ("data", "model", "train")


class Variant(NamedTuple):
    """One training of an experiment.

    Attributes:
        title: title to show.
        description: sentence that says how it differs from the other variants, or "".
        config: configuration of the training.
    """

    title: str
    description: str
    config: RunConfig


class Experiment(NamedTuple):
    """A set of trainings that are compared.

    Attributes:
        name: name of the file without its extension.
        title: title to show.
        description: question that the experiment answers, in one or two sentences, or "".
        variants: name -> variant, in the order of the file.
    """

    name: str
    title: str
    description: str
    variants: dict[str, Variant]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: dict[str, Any] = {}
    model: dict[str, Any] = {}
    train: dict[str, Any] = {}


class _VariantFile(_Part):
    title: str = Field(min_length=1, max_length=60)
    says: str = Field(default="", max_length=500)


class _ExperimentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=60)
    says: str = Field(default="", max_length=500)
    shared: _Part = _Part()
    variants: dict[str, _VariantFile] = Field(min_length=1, max_length=MAX_VARIANTS)


def list_experiments() -> dict[str, Path]:
    """Map the name of every experiment to its file; a custom one overrides one of the app."""
    folders = (assets() / "lessons", home() / "lessons")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}


def load_experiment(path: Path) -> Experiment:
    """Load an experiment from a file and validate all its configurations.

    Raises:
        ConfigError: if the file cannot be read or is invalid; the message names every fault.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path.name} is not an experiment: it is larger than 100 kB.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path.name} is not an experiment: it is not JSON.") from None
    try:
        file = _ExperimentFile.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'it'}: {detail['msg'].lower()}"
            for detail in error.errors()
        )
        raise ConfigError(f"{path.name} is not an experiment: {faults}.") from None
    variants = {
        name: Variant(variant.title, variant.says, _merged(path.name, name, file.shared, variant))
        for name, variant in file.variants.items()
    }
    return Experiment(path.stem, file.title, file.says, variants)


def _merged(file: str, name: str, shared: _Part, variant: _Part) -> RunConfig:
    """Return the configuration of a variant; its settings override the shared ones."""
    values: Mapping[str, Any] = {
        section: getattr(shared, section) | getattr(variant, section) for section in _SECTIONS
    }
    try:
        return parse_config(values)
    except ConfigError as error:
        raise ConfigError(f"{file}, {name}: {error}") from None
