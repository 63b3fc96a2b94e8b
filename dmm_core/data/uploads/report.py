"""Options of an upload, and the reports about an upload and its files."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import Kind, is_pianoroll
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.time_split import MIN_SERIES, MIN_WINDOW, default_window
from dmm_core.data.uploads.parsed import ROLES, Column, FileKind, Role, Split
from dmm_core.errors import ConfigError, UploadError
from dmm_core.music.pianoroll import GRIDS

__all__ = [
    "ChosenKind",
    "ChosenSplit",
    "FileReport",
    "UploadOptions",
    "UploadReport",
    "display_name",
]

ChosenKind = Literal["auto", "real", "binary", "count"]
"""What the features are, or "auto" if the values determine it."""

ChosenSplit = Literal["auto", "sequence", "time"]
"""Whether whole sequences, or the past and the future of each, form the splits."""

_MAX_NAME = 200  # characters
_MAX_WINDOW = 10_000
_LONG, _FEW = 60, 10
"""Sequences with times are split in time if there are fewer than `_FEW`, each at least so long."""


@dataclass(frozen=True)
class UploadOptions:
    """How uploaded files become sequences.

    Attributes:
        steps_per_quarter: frames per quarter note: 1, 2 or 4. The default is 2, so that a frame is
            an eighth note. Most published polyphonic data sets use eighths. They represent fast
            melodies, and sequences have half as many frames as with sixteenths.
        transpose: whether to transpose each piece to C major or A minor. The key is taken from the
            key signature, or else estimated from the notes.
        seed: seed of the random split into train, valid and test; used if the files have no
            splits.
        roles: name of a column of a table -> its role; the roles of the others are recognised.
        kind: what the features of a table or an array are.
        split: "time" for the past of each sequence as train and its future as valid and test;
            "sequence" for whole sequences; "auto" for "time" if there are one or two sequences of
            at least 20 frames, or fewer than ten sequences with times of at least 60 frames.
        window: frames of the windows into which a split in time is cut; None for 25 to 100, about
            an eighth of the train split.
        wide: whether a table has a row for each sequence and a column for each frame.

    Raises:
        ConfigError: if a value is unknown or out of bounds.
    """

    steps_per_quarter: int = 2
    transpose: bool = False
    seed: int = 0
    roles: Mapping[str, Role] = field(default_factory=dict, hash=False)
    kind: ChosenKind = "auto"
    split: ChosenSplit = "auto"
    window: int | None = None
    wide: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.steps_per_quarter not in GRIDS:
            raise ConfigError(
                f"A quarter note has 1, 2 or 4 frames, not {self.steps_per_quarter!r:.40}."
            )
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"The seed is 0 to {2**31 - 1}, not {self.seed!r:.40}.")
        for name, role in self.roles.items():
            if role not in ROLES:
                raise ConfigError(
                    f"The role of the column {name!r:.40} is {role!r:.40}; the roles are "
                    f"{', '.join(ROLES)}."
                )
        for what, value, allowed in (
            ("kind", self.kind, get_args(ChosenKind)),
            ("split", self.split, get_args(ChosenSplit)),
        ):
            if value not in allowed:
                raise ConfigError(f"The {what} is {', '.join(allowed)}, not {value!r:.40}.")
        if self.window is not None and not MIN_WINDOW <= self.window <= _MAX_WINDOW:
            raise ConfigError(
                f"A window has {MIN_WINDOW} to {_MAX_WINDOW:,} frames, not {self.window!r:.40}."
            )


@dataclass(frozen=True)
class FileReport:
    """The result of reading one file.

    Attributes:
        name: name of the file, as `display_name` returns it.
        kind: kind of the file.
        sequences: number of sequences; 0 if the file was refused.
        frames: number of frames of all sequences; 0 if the file was refused.
        notes: number of notes of all sequences; 0 if the file was refused or is not music.
        changes: sentences about what was read and what differs from the file.
        refusal: sentence that says why the file was refused, or None.
        columns: what was recognised of the columns of a table; also of one that was refused, if
            its columns were recognised. Empty for other files.
    """

    name: str
    kind: FileKind
    sequences: int = 0
    frames: int = 0
    notes: int = 0
    changes: tuple[str, ...] = ()
    refusal: str | None = None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class UploadReport:
    """The result of reading the files of an upload.

    Attributes:
        sequences: sequences of all files that were read, or None if every file was refused.
        files: one report for each file, in the order of the files.
        splits: split of each sequence, or None if the files have no splits.
        kind: what the features are; by default binary for uint8 values, otherwise real.
        features: names of the features, or an empty tuple.
        actions: names of the actions, or an empty tuple.
        covariates: names of the covariates, or an empty tuple.
        time: times of the frames, or None.
    """

    sequences: Sequences | None
    files: tuple[FileReport, ...]
    splits: tuple[Split, ...] | None = None
    kind: Kind = ""  # type: ignore[assignment]
    features: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    time: TimeAxis | None = None

    def __post_init__(self) -> None:
        """Set the kind from the type of the values, if it is not given."""
        if not self.kind:
            real = self.sequences and self.sequences.x[0].dtype == np.float32
            object.__setattr__(self, "kind", "real" if real else "binary")

    def window(self, options: UploadOptions) -> int | None:
        """Frames of a window if the sequences are split in time, otherwise None.

        Raises:
            UploadError: if `options` ask for a split in time that the sequences do not allow.
        """
        if self.sequences is None or options.split == "sequence":
            return None
        lengths = self.sequences.lengths
        shortest, count = int(lengths.min()), len(lengths)
        if options.split == "time":
            if self.splits is not None:
                raise UploadError("The files have splits, so they are not split in time.")
            if shortest < MIN_SERIES:
                name = self.sequences.names[int(lengths.argmin())]
                raise UploadError(
                    f"A sequence that is split in time has at least {MIN_SERIES} frames, but "
                    f"{name} has {shortest}."
                )
        elif (
            self.splits is not None
            or shortest < (MIN_SERIES if count < 3 else _LONG)
            or (count >= 3 and (self.time is None or count >= _FEW))
        ):
            return None
        return options.window or default_window(int(lengths.max()))

    @property
    def is_music(self) -> bool:
        """Return whether the sequences are piano-rolls: binary, with 88 features."""
        return self.sequences is not None and is_pianoroll(self.kind, self.sequences.x_dim)


def display_name(name: str) -> str:
    """Shorten a name and replace control characters, so that it can be shown and stored as text.

    Control and format characters (such as line breaks, NUL and overrides of the writing direction)
    and lone surrogates become U+FFFD. Markup is not changed; the caller must escape it.
    """
    short = name[:_MAX_NAME]
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in short) or "unnamed"
