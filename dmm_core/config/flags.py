"""Command-line flags for the settings of the config schema, `--section.field-name VALUE`."""

import argparse
import shlex
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import RunConfig

__all__ = ["add_flags", "command_line", "given_settings", "setting_names"]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every setting to `parser`; `parse_config` checks the values later."""
    for section, settings in _sections().items():
        group = parser.add_argument_group(f"{section} settings")
        for name, field in settings.model_fields.items():
            choices = get_args(field.annotation)
            kind = "|".join(choices) if choices else getattr(field.annotation, "__name__", "value")
            group.add_argument(
                f"--{_name(section, name)}",
                dest=f"{section}.{name}",
                default=argparse.SUPPRESS,
                metavar=kind.upper() if not choices else kind,
                help=f"{field.description}".replace("%", "%%"),
            )


def given_settings(given: argparse.Namespace, start: RunConfig) -> Mapping[str, Any]:
    """Return the settings of `start`, overridden by those that were given on the command line.

    Args:
        given: parsed arguments of a parser with the flags of `add_flags`.
        start: configuration that supplies all other values.

    Returns:
        Section -> field -> value, not validated.
    """
    values = start.model_dump()
    for section in values:
        for name in values[section]:
            values[section][name] = getattr(given, f"{section}.{name}", values[section][name])
    return values


def setting_names() -> dict[str, tuple[str, str]]:
    """Map the command-line name of each setting, such as model.z-dim, to (section, field)."""
    return {
        _name(section, field): (section, field)
        for section, settings in _sections().items()
        for field in settings.model_fields
    }


def _sections() -> dict[str, type[BaseModel]]:
    """Map the name of each section to its model class."""
    return {name: type(section) for name, section in RunConfig()}


def _name(section: str, field: str) -> str:
    """Return the command-line name of a setting."""
    return f"{section}.{field.replace('_', '-')}"


def command_line(config: RunConfig) -> str:
    """Return the `train` command for `config`, from the preset that needs the fewest flags."""
    commands = [_from_preset(name, start, config) for name, start in PRESETS.items()]
    return shlex.join(min(commands, key=len))


def _from_preset(name: str, start: RunConfig, config: RunConfig) -> list[str]:
    """Return the words of the `train` command that starts from the preset `name`."""
    words = ["python", "-m", "dmm_core", "train", "--preset", name]
    before = start.model_dump()
    for section, fields in config.model_dump().items():
        for field, value in fields.items():
            if value != before[section][field]:
                words += [f"--{_name(section, field)}", str(value)]
    return words
