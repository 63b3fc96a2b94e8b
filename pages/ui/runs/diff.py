"""The settings in which configurations differ."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from dmm_core.config.schema import RunConfig

__all__ = ["Difference", "differences"]


class Difference(NamedTuple):
    """A setting that differs between configurations.

    Attributes:
        section: section of the configuration: data, model or train.
        field: name of the field in that section.
        title: title of the setting to display.
        values: its value in each configuration.
    """

    section: str
    field: str
    title: str
    values: tuple[Any, ...]


def differences(configs: Sequence[RunConfig]) -> list[Difference]:
    """Return the settings that are not equal in all `configs`, in the order of the schema."""
    found = []
    for section, settings in RunConfig():
        for field, info in type(settings).model_fields.items():
            values = tuple(getattr(getattr(config, section), field) for config in configs)
            if any(value != values[0] for value in values):
                found.append(Difference(section, field, info.title or field, values))
    return found
