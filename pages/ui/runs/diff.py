"""Where configurations differ."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from dmm_core.config.schema import RunConfig

__all__ = ["Difference", "differences"]


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
