"""What an upload is asked for, and what is told about each of its files."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import Kind, is_pianoroll
from dmm_core.data.uploads.parsed import FileKind, Split
from dmm_core.errors import ConfigError
from dmm_core.music.pianoroll import GRIDS

__all__ = ["FileReport", "UploadOptions", "UploadReport", "display_name"]

_NAME_LENGTH = 200


@dataclass(frozen=True)
class UploadOptions:
    """How uploaded files become sequences.

    Attributes:
        steps_per_quarter: frames of a quarter note: 1, 2 or 4. Eighths by default: most published
            polyphonic data stand on them, they keep the runs of a melody, and a sequence has half
            the frames it has on sixteenths.
        transpose: move each piece to C major or A minor, by its key signature, or else by the key
            its notes fit best.
        seed: decides which sequences are train, valid and test, where the files do not say.

    Raises:
        ConfigError: if the grid or the seed is out of bounds.
    """

    steps_per_quarter: int = 2
    transpose: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values, whatever widget they came from."""
        if self.steps_per_quarter not in GRIDS:
            raise ConfigError(
                f"A quarter note has 1, 2 or 4 frames, not {self.steps_per_quarter!r:.40}."
            )
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"The seed is 0 to {2**31 - 1}, not {self.seed!r:.40}.")


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Attributes:
        name: the file's name, made fit to be shown.
        kind: what the file was read as.
        sequences: that it holds; 0 where it was refused.
        frames: of its sequences; 0 where it was refused.
        notes: that stand in its sequences; 0 where it was refused, or is no music.
        changes: what was read and what differs from the file, in plain sentences.
        refusal: why the file was refused, in one plain sentence, or None.
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
    """What became of an upload.

    Attributes:
        sequences: those of every file that was read, or None where none was.
        files: one report a file, in the order of the files.
        splits: where each sequence stands, or None where the files do not say.
    """

    sequences: Sequences | None
    files: tuple[FileReport, ...]
    splits: tuple[Split, ...] | None = None

    @property
    def kind(self) -> Kind:
        """What the features are."""
        return "real" if self.sequences and self.sequences.x[0].dtype == np.float32 else "binary"

    @property
    def is_music(self) -> bool:
        """Whether the sequences are piano-rolls: binary, and as wide as a piano."""
        return self.sequences is not None and is_pianoroll(self.kind, self.sequences.x_dim)


def display_name(name: str) -> str:
    """`name` made fit to be shown and stored as text: short, and without characters that steer.

    Control and format characters (line breaks, NUL, overrides of the writing direction), lone
    surrogates and the like become U+FFFD. Markup stays as it is: whoever shows it escapes it.
    """
    cut = name[:_NAME_LENGTH]
    return "".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in cut) or "unnamed"
