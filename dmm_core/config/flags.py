"""The settings of the config schema as command-line flags, `--section.field-name VALUE`."""

import argparse
import shlex
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import RunConfig

__all__ = ["add_flags", "command_line", "given_settings", "setting_names"]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every setting; their values stay text, for `parse_config` to judge."""
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
    """The settings of `start` with those given on the command line in their place, unchecked."""
    values = start.model_dump()
    for section in values:
        for name in values[section]:
            values[section][name] = getattr(given, f"{section}.{name}", values[section][name])
    return values


def setting_names() -> dict[str, tuple[str, str]]:
    """Name of each setting on the command line, such as model.z-dim -> its section and field."""
    return {
        _name(section, field): (section, field)
        for section, settings in _sections().items()
        for field in settings.model_fields
    }


def _sections() -> dict[str, type[BaseModel]]:
    return {name: type(section) for name, section in RunConfig()}


def _name(section: str, field: str) -> str:
    return f"{section}.{field.replace('_', '-')}"


def command_line(config: RunConfig) -> str:
    """The `train` command that makes a run of `config`, from the preset nearest to it."""
    commands = [_from_preset(name, start, config) for name, start in PRESETS.items()]
    return shlex.join(min(commands, key=len))


def _from_preset(name: str, start: RunConfig, config: RunConfig) -> list[str]:
    words = ["python", "-m", "dmm_core", "train", "--preset", name]
    before = start.model_dump()
    for section, fields in config.model_dump().items():
        for field, value in fields.items():
            if value != before[section][field]:
                words += [f"--{_name(section, field)}", str(value)]
    return words
