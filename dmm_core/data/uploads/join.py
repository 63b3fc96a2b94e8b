"""The sequences of several files, joined into one data set where they go together."""

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import is_pianoroll
from dmm_core.data.uploads.parsed import MAX_MEMORY, ParsedFile, Split
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["Joined"]


class Joined:
    """Takes up files one after another; the first decides what the others have to be.

    Attributes:
        frames: of all files so far.
        memory: bytes of their arrays.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.memory = 0
        self._files: list[tuple[str, ParsedFile]] = []

    def add(self, name: str, parsed: ParsedFile) -> None:
        """Take up what was read of the file called `name`.

        Raises:
            UploadError: in one plain sentence, if it does not go with the files before it.
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
        for what, here, there in (
            ("feature", parsed.x.shape[1], first.x.shape[1]),
            ("action", _width(parsed.u), _width(first.u)),
        ):
            if here != there:
                raise UploadError(
                    f"The file has {pluralise(here, what)} a frame, but {first_name} has "
                    f"{there:,}; upload each alone."
                )
        if _is_music(parsed) != _is_music(first):
            raise UploadError(f"The file and {first_name} are not both music; upload each alone.")
        if (parsed.splits is None) != (first.splits is None):
            raise UploadError(
                f"The file and {first_name} do not both say what is train, valid and test; upload "
                "each alone."
            )

    @property
    def splits(self) -> tuple[Split, ...] | None:
        """Where each sequence stands, or None where the files do not say."""
        given: list[Split] = []
        for _, parsed in self._files:
            given += parsed.splits or ()
        return tuple(given) or None

    def sequences(self) -> Sequences | None:
        """The sequences of all files, or None where there is no file.

        Values are real where those of any file are; a file that does not say what was observed was
        observed wholly.
        """
        if not self._files:
            return None
        files = [parsed for _, parsed in self._files]
        real = any(parsed.x.dtype == np.float32 for parsed in files)
        seen = any(parsed.observed is not None for parsed in files)
        x, u, observed, names = [], [], [], []
        for name, parsed in self._files:
            ends = np.cumsum(parsed.lengths)[:-1]
            whole = parsed.x.astype(np.float32) if real else parsed.x
            x += np.split(whole, ends)
            u += [] if parsed.u is None else np.split(parsed.u, ends)
            if seen:
                given = parsed.observed
                observed += np.split(
                    np.ones_like(parsed.x, np.uint8) if given is None else given, ends
                )
            names += [f"{name}: {title}" if title else name for title in parsed.titles]
        return Sequences(
            tuple(x), tuple(names), tuple(u) if u else None, tuple(observed) if seen else None
        )


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _is_music(parsed: ParsedFile) -> bool:
    kind = "binary" if parsed.x.dtype == np.uint8 else "real"
    return is_pianoroll(kind, parsed.x.shape[1])
