"""Combines the sequences of several files into one data set, if the files are compatible."""

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import is_pianoroll
from dmm_core.data.uploads.parsed import MAX_MEMORY, ParsedFile, Split
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["CombinedFiles"]


class CombinedFiles:
    """Collects parsed files; the first file determines which other files are compatible.

    Attributes:
        frames: number of frames of all files so far.
        memory: size of their arrays in bytes.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.memory = 0
        self._files: list[tuple[str, ParsedFile]] = []

    def add(self, name: str, parsed: ParsedFile) -> None:
        """Add the content of the file called `name`.

        Raises:
            UploadError: if the file is incompatible with the first one, or a limit of the upload
                would be exceeded.
        """
        if self.frames + len(parsed.x) > MAX_FRAMES:
            raise UploadError(f"With this file the upload would have over {MAX_FRAMES:,} frames.")
        if self.memory + parsed.memory > MAX_MEMORY:
            raise UploadError(
                f"With this file the upload would have over {MAX_MEMORY // 2**20} MB of values."
            )
        if self._files:
            self._compare(parsed, *self._files[0])
        self.frames += len(parsed.x)
        self.memory += parsed.memory
        self._files.append((name, parsed))

    def _compare(self, parsed: ParsedFile, first_name: str, first: ParsedFile) -> None:
        """Check that a file is compatible with the first file."""
        for what, width, first_width in (
            ("feature", parsed.x.shape[1], first.x.shape[1]),
            ("action", _width(parsed.u), _width(first.u)),
        ):
            if width != first_width:
                raise UploadError(
                    f"The file has {pluralise(width, what)} per frame, but {first_name} has "
                    f"{first_width:,}; upload each file separately."
                )
        if _is_music(parsed) != _is_music(first):
            raise UploadError(
                f"The file and {first_name} are not both music; upload each file separately."
            )
        if (parsed.splits is None) != (first.splits is None):
            raise UploadError(
                f"Only one of the file and {first_name} has train, valid and test splits; upload "
                "each file separately."
            )

    @property
    def splits(self) -> tuple[Split, ...] | None:
        """Return the split of each sequence, or None if the files have no splits."""
        given: list[Split] = []
        for _, parsed in self._files:
            given += parsed.splits or ()
        return tuple(given) or None

    def sequences(self) -> Sequences | None:
        """Return the sequences of all files, or None if there is no file.

        If the values of any file are real, all values become float32. If any file has missing
        values, a file without them counts as fully observed.
        """
        if not self._files:
            return None
        files = [parsed for _, parsed in self._files]
        real = any(parsed.x.dtype == np.float32 for parsed in files)
        has_missing = any(parsed.observed is not None for parsed in files)
        x, u, observed, names = [], [], [], []
        for name, parsed in self._files:
            ends = np.cumsum(parsed.lengths)[:-1]
            values = parsed.x.astype(np.float32) if real else parsed.x
            x += np.split(values, ends)
            u += [] if parsed.u is None else np.split(parsed.u, ends)
            if has_missing:
                given = parsed.observed
                observed += np.split(
                    np.ones_like(parsed.x, np.uint8) if given is None else given, ends
                )
            names += [f"{name}: {title}" if title else name for title in parsed.titles]
        return Sequences(
            tuple(x),
            tuple(names),
            tuple(u) if u else None,
            tuple(observed) if has_missing else None,
        )


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _is_music(parsed: ParsedFile) -> bool:
    kind = "binary" if parsed.x.dtype == np.uint8 else "real"
    return is_pianoroll(kind, parsed.x.shape[1])
