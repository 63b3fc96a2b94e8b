"""Experiments of a lesson: small configurations that are trained while everybody watches.

An experiment is a JSON file, so that a teacher can write one without touching code: those of the
app stand in `assets/lessons`, one's own in `lessons` under `DMM_HOME`.

    {"title": "KL annealing", "says": "Does it matter how the KL comes in?",
     "shared": {"data": {"name": "linear-gssm"}, "model": {"z_dim": 4}, "train": {"epochs": 12}},
     "variants": {"none": {"title": "No annealing", "train": {"anneal_updates": 0}},
                  "slow": {"title": "Annealed", "train": {"anneal_updates": 300}}}}

The settings are those of docs/settings.md; a variant's win over the shared ones, and what neither
names has its default.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.errors import ConfigError
from dmm_core.system.files import assets, home

__all__ = ["MOST_VARIANTS", "Experiment", "Variant", "list_experiments", "load_experiment"]

MOST_VARIANTS = 8
"""Variants of an experiment: more curves can hardly be told apart."""

_MOST_BYTES = 100_000
_SECTIONS = ("data", "model", "train")


class Variant(NamedTuple):
    """One training of an experiment.

    Attributes:
        title: to show.
        says: what is special about it, a sentence, or "".
        config: what is trained.
    """

    title: str
    says: str
    config: RunConfig


class Experiment(NamedTuple):
    """Trainings that are compared.

    Attributes:
        name: of the file, without its ending.
        title: to show.
        says: the question, in a sentence or two.
        variants: by name, in the file's order.
    """

    name: str
    title: str
    says: str
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
    variants: dict[str, _VariantFile] = Field(min_length=1, max_length=MOST_VARIANTS)


def list_experiments() -> dict[str, Path]:
    """The file of every experiment by name; one's own win over those of the app."""
    folders = (assets() / "lessons", home() / "lessons")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}


def load_experiment(path: Path) -> Experiment:
    """The experiment in a file, all its configurations checked.

    Raises:
        ConfigError: with what is wrong with it, and where.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path.name} is no experiment: it is larger than 100 kB.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path.name} is no experiment: it is not JSON.") from None
    try:
        file = _ExperimentFile.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'it'}: {detail['msg'].lower()}"
            for detail in error.errors()
        )
        raise ConfigError(f"{path.name} is no experiment: {faults}.") from None
    variants = {
        name: Variant(variant.title, variant.says, _merged(path.name, name, file.shared, variant))
        for name, variant in file.variants.items()
    }
    return Experiment(path.stem, file.title, file.says, variants)


def _merged(file: str, name: str, shared: _Part, variant: _Part) -> RunConfig:
    values: Mapping[str, Any] = {
        section: getattr(shared, section) | getattr(variant, section) for section in _SECTIONS
    }
    try:
        return parse_config(values)
    except ConfigError as error:
        raise ConfigError(f"{file}, {name}: {error}") from None
