"""What a data set's frames are: the one description that everything about data embeds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import GRIDS, PITCHES

__all__ = ["KINDS", "MAX_FEATURES", "UPLOAD_PREFIX", "DataSpec", "Kind", "is_pianoroll"]

Kind = Literal["binary", "real"]
"""What the features are: 0 or 1 (a piano-roll), or real values."""

KINDS: tuple[Kind, ...] = ("binary", "real")

UPLOAD_PREFIX = "upload:"
"""Starts the name of an uploaded data set; its id follows."""

MAX_FEATURES = 1024
"""Features, or actions, of a frame of uploaded or imported data."""


def is_pianoroll(kind: Kind, x_dim: int) -> bool:
    """Whether frames of this kind and width are read as a piano-roll: binary, with 88 features."""
    return (kind, x_dim) == ("binary", PITCHES)


@dataclass(frozen=True)
class DataSpec:
    """What the frames of a data set are, as a model has to know it.

    Attributes:
        kind: binary or real.
        x_dim: features of a frame.
        name: of the data set, as `DataConfig.name` gives it.
        steps_per_quarter: frames of a quarter note (1, 2 or 4); None where frames are no music.
        u_dim: actions of a frame; 0 where nothing acts.
        missing: whether the data say which features were observed.
        features: a name for each feature, or none at all. Names do not count when two
            specifications are compared.
        actions: a name for each action, or none at all.

    Raises:
        DataError: if a value has another type or is out of bounds.
    """

    kind: Kind
    x_dim: int
    name: str = ""
    steps_per_quarter: int | None = None
    u_dim: int = 0
    missing: bool = False
    features: tuple[str, ...] = field(default=(), compare=False)
    actions: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check every value, since a specification may come from a file."""
        if self.kind not in KINDS:
            raise DataError(f"Data are {' or '.join(KINDS)}, not {self.kind!r:.40}.")
        for called, least in (("x_dim", 1), ("u_dim", 0)):
            number = getattr(self, called)
            if type(number) is not int or not least <= number:
                raise DataError(f"{called} is a whole number from {least}, not {number!r:.40}.")
        if self.steps_per_quarter is not None and (
            type(self.steps_per_quarter) is not int
            or self.steps_per_quarter not in GRIDS
            or not is_pianoroll(self.kind, self.x_dim)
        ):
            raise DataError(
                f"Only piano-rolls have a grid, of 1, 2 or 4 frames a quarter note; "
                f"steps_per_quarter is {self.steps_per_quarter!r:.40}, and the frames are "
                f"{self.x_dim} {self.kind} features."
            )
        if type(self.missing) is not bool:
            raise DataError(f"missing is true or false, not {self.missing!r:.40}.")
        for called, width in (("features", self.x_dim), ("actions", self.u_dim)):
            names = getattr(self, called)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise DataError(f"{called} are names, not {names!r:.40}.")
            if len(names) not in (0, width):
                raise DataError(f"There are {len(names)} names of {called}, but {width} {called}.")

    @property
    def is_music(self) -> bool:
        """Whether frames are piano-rolls on a known grid."""
        return self.steps_per_quarter is not None

    @property
    def grid(self) -> str | None:
        """Note value of a frame (quarter, eighth or sixteenth); None where frames are no music."""
        return None if self.steps_per_quarter is None else GRIDS[self.steps_per_quarter]

    def to_json(self) -> dict[str, Any]:
        """The values as JSON takes them, without names that are not given."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if value not in ("", ())
        }

    @classmethod
    def from_json(cls, values: object) -> Self:
        """The specification that `to_json` wrote; other keys are ignored.

        Raises:
            DataError: if a value is missing, has another type or is out of bounds.
        """
        if not isinstance(values, Mapping) or not {"kind", "x_dim"} <= values.keys():
            raise DataError("A description of data names the kind and x_dim.")
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for names in ("features", "actions"):
            if isinstance(known.get(names), list):
                known[names] = tuple(known[names])
        if not isinstance(known.get("name", ""), str):
            raise DataError(f"The name of a data set is text, not {known['name']!r:.40}.")
        return cls(**known)
