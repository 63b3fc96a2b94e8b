"""`DataSpec`: the description of a data set's frames, which data sets, runs and models share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from dmm_core.data.time_axis import TimeAxis
from dmm_core.errors import DataError
from dmm_core.music.pianoroll import GRIDS, PITCHES
from dmm_core.music.symbols import SLOTS, SYMBOLS

__all__ = ["KINDS", "MAX_FEATURES", "UPLOAD_PREFIX", "DataSpec", "Kind", "is_pianoroll"]

Kind = Literal["binary", "real", "count", "categorical"]
"""What the features are: 0 or 1 (a piano-roll), real values, whole numbers from 0 up, or symbols
that are numbered from 0."""

KINDS: tuple[Kind, ...] = ("binary", "real", "count", "categorical")

UPLOAD_PREFIX = "upload:"
"""Prefix of the name of an uploaded data set, upload:ID."""

MAX_FEATURES = 1024
"""Largest number of features, and of actions, per frame of uploaded or imported data."""


_ADDED = frozenset({"c_dim", "categories", "time"})
"""Values that earlier versions do not know; they are written only where they are used."""


def is_pianoroll(kind: Kind, x_dim: int) -> bool:
    """Whether frames of this kind and width are read as a piano-roll: binary, with 88 features."""
    return (kind, x_dim) == ("binary", PITCHES)


@dataclass(frozen=True)
class DataSpec:
    """Description of the frames of a data set, from which `build_model` takes the dimensions.

    Attributes:
        kind: "binary", "real", "count" or "categorical".
        x_dim: number of features per frame.
        name: name of the data set, as in `DataConfig.name`; it may be empty.
        steps_per_quarter: frames per quarter note (1, 2 or 4), or None if the frames are not music.
        u_dim: number of actions per frame; 0 without actions.
        missing: whether some features may be missing, as `Sequences.observed` marks them.
        features: one name for each feature, or an empty tuple. Names are ignored when two
            descriptions are compared.
        actions: one name for each action, or an empty tuple.
        c_dim: number of covariates per frame; 0 without covariates.
        categories: number of symbols of a slot of categorical data; None for other kinds.
        covariates: one name for each covariate, or an empty tuple.
        time: times of the frames, or None. It is ignored in comparisons, as names are.

    Raises:
        DataError: if a value has another type or is out of bounds.

    Example:
        >>> from dmm_core import DataSpec
        >>> chorales = DataSpec("binary", 88, steps_per_quarter=2)
        >>> chorales.is_music, chorales.grid
        (True, 'eighth')
        >>> DataSpec.from_json(chorales.to_json()) == chorales
        True
    """

    kind: Kind
    x_dim: int
    name: str = ""
    steps_per_quarter: int | None = None
    u_dim: int = 0
    missing: bool = False
    c_dim: int = 0
    categories: int | None = None
    features: tuple[str, ...] = field(default=(), compare=False)
    actions: tuple[str, ...] = field(default=(), compare=False)
    covariates: tuple[str, ...] = field(default=(), compare=False)
    time: TimeAxis | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check every value, since a specification may come from a file."""
        if self.kind not in KINDS:
            kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
            raise DataError(f"Data are {kinds}, not {self.kind!r:.40}.")
        for called, least in (("x_dim", 1), ("u_dim", 0), ("c_dim", 0)):
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
        if self.kind != "categorical" and self.categories is not None:
            raise DataError(f"Only categorical data have categories; these data are {self.kind}.")
        if self.kind == "categorical" and (
            type(self.categories) is not int or not 2 <= self.categories <= MAX_FEATURES
        ):
            raise DataError(
                f"Categorical data have 2 to {MAX_FEATURES:,} categories, not "
                f"{self.categories!r:.40}."
            )
        if self.time is not None and not isinstance(self.time, TimeAxis):
            raise DataError(f"time is a TimeAxis or None, not {self.time!r:.40}.")
        for called, width in (
            ("features", self.x_dim),
            ("actions", self.u_dim),
            ("covariates", self.c_dim),
        ):
            names = getattr(self, called)
            if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
                raise DataError(f"{called} are names, not {names!r:.40}.")
            if len(names) not in (0, width):
                raise DataError(f"There are {len(names)} names of {called}, but {width} {called}.")

    @property
    def is_music(self) -> bool:
        """Whether the frames are a piano-roll with a known number of frames per quarter note."""
        return self.steps_per_quarter is not None

    @property
    def is_voices(self) -> bool:
        """Whether the frames are beats of four voices in symbols (`dmm_core.music.symbols`)."""
        return (self.kind, self.x_dim, self.categories) == ("categorical", SLOTS, SYMBOLS)

    @property
    def grid(self) -> str | None:
        """Note value of a frame: quarter, eighth or sixteenth; None if the frames are not music."""
        return None if self.steps_per_quarter is None else GRIDS[self.steps_per_quarter]

    def to_json(self) -> dict[str, Any]:
        """The values as a JSON object; empty names are left out."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if value not in ("", ()) and not (key in _ADDED and not value)
        }

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Create a description from the result of `to_json`; unknown keys are ignored.

        Raises:
            DataError: if a value is missing, has another type or is out of bounds.
        """
        if not isinstance(values, Mapping) or not {"kind", "x_dim"} <= values.keys():
            raise DataError("A description of data names the kind and x_dim.")
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for names in ("features", "actions", "covariates"):
            if isinstance(known.get(names), list):
                known[names] = tuple(known[names])
        if known.get("time") is not None:
            known["time"] = TimeAxis.from_json(known["time"])
        if not isinstance(known.get("name", ""), str):
            raise DataError(f"The name of a data set is text, not {known['name']!r:.40}.")
        return cls(**known)
