"""The combinations of settings of a sweep, and the number of runs that train at the same time."""

import difflib
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dmm_core.config.flags import setting_names
from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.errors import ConfigError

__all__ = [
    "MOST_RUNS",
    "Axis",
    "Combination",
    "combinations",
    "parse_over",
    "short_name",
    "slots_for",
    "with_threads",
]

MOST_RUNS = 1000
"""Largest number of runs of a sweep."""

_USUAL_SLOTS = {"cuda": 4, "mps": 1}
"""Device -> default number of parallel runs; on a CPU it is the number of cores."""

_MOST_THREADS = 256
"""Largest number of threads that the schema allows for a run."""


class Axis(NamedTuple):
    """A setting and its values in a sweep, as given on the command line.

    Attributes:
        setting: name of the setting on the command line, such as model.z-dim.
        values: one or more values.
    """

    setting: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Combination:
    """One value of every axis, and the resulting configuration.

    Attributes:
        settings: name of each swept setting -> its value.
        config: the complete configuration.
    """

    settings: Mapping[str, Any]
    config: RunConfig

    def label(self, name: str | None = None) -> str:
        """The display name of the run, such as "z-dim 10, seed 0", after the sweep's `name`."""
        parts = ", ".join(f"{short_name(key)} {value}" for key, value in self.settings.items())
        return f"{name}: {parts}" if name else parts


def short_name(setting: str) -> str:
    """The name of a setting without its section.

    Settings of the section `data` keep their section, because `train` also has a seed.

    Args:
        setting: name of the setting on the command line, such as model.z-dim.
    """
    section, _, name = setting.partition(".")
    return setting if section == "data" else name


def parse_over(texts: Sequence[str], given: Collection[str]) -> tuple[Axis, ...]:
    """Parse the axes of a sweep.

    Args:
        texts: texts of the form SETTING=VALUE,VALUE.
        given: names of the settings that have a single value on the command line.

    Raises:
        ConfigError: if a text is not valid, or there would be more than `MOST_RUNS` runs.
    """
    axes: dict[str, Axis] = {}
    for text in texts:
        axis = _axis(text)
        if axis.setting in axes:
            raise ConfigError(
                f"--over names {axis.setting} twice; give all of its values at once, such as "
                f"--over {axis.setting}={axes[axis.setting].values[0]},{axis.values[0]}."
            )
        if axis.setting in given:
            raise ConfigError(
                f"{axis.setting} is given both as --{axis.setting} and in --over; give it once."
            )
        axes[axis.setting] = axis
    count = math.prod(len(axis.values) for axis in axes.values())
    if count > MOST_RUNS:
        raise ConfigError(
            f"The sweep would be {count:,} runs, and at most {MOST_RUNS:,} are allowed: give "
            "fewer values."
        )
    return tuple(axes.values())


def _axis(text: str) -> Axis:
    given, equals, values = text.partition("=")
    names, name = setting_names(), given.strip().replace("_", "-")
    if not equals:
        raise ConfigError(
            f"--over {text!r:.60} has no values: it takes SETTING=VALUE,VALUE, such as "
            "train.seed=0,1,2."
        )
    if name not in names:
        near = [known for known in names if known.partition(".")[2] == name]
        near = near or difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {' or '.join(near)}?" if near else "train.seed and model.z-dim are."
        raise ConfigError(f"--over {given.strip()!r:.60} is not a setting; {hint}")
    words = tuple(word.strip() for word in values.split(","))
    if "" in words:
        raise ConfigError(
            f"--over {name} has an empty value in {values!r:.60}: put one comma between two values."
        )
    return Axis(name, words)


def combinations(axes: Sequence[Axis], start: Mapping[str, Any]) -> list[Combination]:
    """All combinations of values; the last axis varies fastest.

    Args:
        axes: the axes of the sweep.
        start: the values of all settings, section -> field -> value, as `parse_config` takes them.

    Raises:
        ConfigError: if a combination is not a valid configuration, or an axis has a value twice.
    """
    names = setting_names()
    found = []
    for values in itertools.product(*(axis.values for axis in axes)):
        changed = {section: dict(fields) for section, fields in start.items()}
        for axis, value in zip(axes, values, strict=True):
            section, field = names[axis.setting]
            changed[section][field] = value
        config = parse_config(changed)
        found.append(Combination({axis.setting: _value(config, axis) for axis in axes}, config))
    for axis in axes:
        _raise_if_twice(axis, [one.settings[axis.setting] for one in found])
    return found


def _value(config: RunConfig, axis: Axis) -> Any:
    section, field = setting_names()[axis.setting]
    return getattr(getattr(config, section), field)


def _raise_if_twice(axis: Axis, values: list[Any]) -> None:
    """Compare the values after parsing: 10 and 010 are the same value, and so are true and 1."""
    distinct = set(values)
    if len(distinct) < len(axis.values):
        raise ConfigError(
            f"--over {axis.setting}={','.join(axis.values):.60} has a value twice; each is trained "
            "once."
        )


def slots_for(
    configs: Sequence[RunConfig], *, asked: int | None, devices: Collection[str], cores: int
) -> int:
    """The number of runs that train at the same time, at most the number of all runs.

    Args:
        configs: the configurations of all runs.
        asked: the requested number, or None for the default.
        devices: the kinds of device that the runs train on: cpu, cuda, mps.
        cores: number of cores of the CPU.

    Raises:
        ConfigError: if more than one run is requested, and some but not all runs use TF32.
    """
    # TF32 is switched for the whole process, so it would apply to all runs that train at once.
    if len({config.train.precision == "tf32" for config in configs}) > 1:
        if asked is not None and asked > 1:
            raise ConfigError(
                f"--at-once is {asked}, but train.precision is tf32 for some of the runs only, and "
                "it is switched for all that train at the same time: take --at-once 1, or leave "
                "it out."
            )
        return 1
    usual = min(_USUAL_SLOTS.get(device, cores) for device in devices)
    return min(asked or usual, len(configs))


def with_threads(config: RunConfig, threads: int) -> RunConfig:
    """`config` with this number of CPU threads, unless it already sets a number."""
    if config.train.threads:
        return config
    train = config.train.model_copy(update={"threads": min(threads, _MOST_THREADS)})
    return config.model_copy(update={"train": train})
