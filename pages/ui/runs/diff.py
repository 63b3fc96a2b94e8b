"""Where configurations differ, and the command line that makes one again."""

import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

from dmm_core.config import PRESETS, RunConfig

__all__ = ["Difference", "differences", "reproduce_command"]


class Difference(NamedTuple):
    """A setting on which configurations disagree: where it stands, its title, a value for each."""

    section: str
    field: str
    title: str
    values: tuple[Any, ...]


def differences(configs: Sequence[RunConfig]) -> list[Difference]:
    """Every setting that is not the same in all of `configs`, in the schema's order."""
    found = []
    for section, settings in RunConfig():
        for field, info in type(settings).model_fields.items():
            values = tuple(getattr(getattr(config, section), field) for config in configs)
            if any(value != values[0] for value in values):
                found.append(Difference(section, field, info.title or field, values))
    return found


def reproduce_command(config: RunConfig) -> str:
    """The command line that trains `config`: the nearest preset, and what differs from it."""
    nearest, changed = min(
        ((name, differences([preset, config])) for name, preset in PRESETS.items()),
        key=lambda entry: len(entry[1]),
    )
    words = ["python", "-m", "dmm_core", "train", "--preset", nearest]
    for setting in changed:
        words += [f"--{setting.section}.{setting.field.replace('_', '-')}", str(setting.values[1])]
    return shlex.join(words)
