"""Options of an upload, and the reports about an upload and its files."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import Kind, is_pianoroll
from dmm_core.data.uploads.parsed import FileKind, Split
from dmm_core.errors import ConfigError
from dmm_core.music.pianoroll import GRIDS

__all__ = ["FileReport", "UploadOptions", "UploadReport", "display_name"]

_MAX_NAME = 200  # characters


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

    Raises:
        ConfigError: if `steps_per_quarter` or `seed` is out of bounds.
    """

    steps_per_quarter: int = 2
    transpose: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.steps_per_quarter not in GRIDS:
            raise ConfigError(
                f"A quarter note has 1, 2 or 4 frames, not {self.steps_per_quarter!r:.40}."
            )
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"The seed is 0 to {2**31 - 1}, not {self.seed!r:.40}.")


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
    """

    name: str
    kind: FileKind
    sequences: int = 0
    frames: int = 0
    notes: int = 0
    changes: tuple[str, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True)
class UploadReport:
    """The result of reading the files of an upload.

    Attributes:
        sequences: sequences of all files that were read, or None if every file was refused.
        files: one report for each file, in the order of the files.
        splits: split of each sequence, or None if the files have no splits.
    """

    sequences: Sequences | None
    files: tuple[FileReport, ...]
    splits: tuple[Split, ...] | None = None

    @property
    def kind(self) -> Kind:
        """Return the kind of the features, "binary" or "real"."""
        return "real" if self.sequences and self.sequences.x[0].dtype == np.float32 else "binary"

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
