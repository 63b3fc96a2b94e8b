"""Combines the sequences of several files into one data set, if the files are compatible."""

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import Kind, is_pianoroll
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.uploads.parsed import MAX_MEMORY, ParsedFile, Split
from dmm_core.data.uploads.report import FileReport, UploadReport
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

    def add(self, name: str, parsed: ParsedFile) -> list[str]:
        """Add the content of the file called `name`.

        Returns:
            Sentences about what changes when the file is combined with the first one.

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
        changes: list[str] = []
        if self._files:
            first_name, first = self._files[0]
            self._compare(parsed, first_name, first)
            for what, array in (("features", "x"), ("actions", "u"), ("covariates", "c")):
                here, there = getattr(parsed, what), getattr(first, what)
                if not here or not there or here == there:
                    continue
                if len(set(here)) == len(here) and set(here) == set(there):
                    order = [here.index(name) for name in there]
                    values = {array: getattr(parsed, array)[:, order], what: there}
                    if array == "x" and parsed.observed is not None:
                        values["observed"] = parsed.observed[:, order]
                    parsed = parsed._replace(**values)
                    changes.append(f"Put the {what} in the order of {first_name}.")
                else:
                    changes.append(
                        f"The {what} have other names than those of {first_name}, which are used "
                        "for all files."
                    )
        self.frames += len(parsed.x)
        self.memory += parsed.memory
        self._files.append((name, parsed))
        return changes

    def _compare(self, parsed: ParsedFile, first_name: str, first: ParsedFile) -> None:
        """Check that a file is compatible with the first file."""
        for what, width, first_width in (
            ("feature", parsed.x.shape[1], first.x.shape[1]),
            ("action", _width(parsed.u), _width(first.u)),
            ("covariate", _width(parsed.c), _width(first.c)),
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
        here, there = parsed.time, first.time
        if (here and (here.unit, here.step)) != (there and (there.unit, there.step)):
            raise UploadError(
                f"The frames of the file are {_spacing(here)}, but those of {first_name} are "
                f"{_spacing(there)}; upload each file separately."
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

    def report(self, files: tuple[FileReport, ...]) -> UploadReport:
        """Return the sequences of all files and their description.

        The data are binary or counts if those of every file are; binary data and counts are counts.
        All other data are real.

        Args:
            files: the reports about the files.
        """
        if not self._files:
            return UploadReport(None, files)
        kinds = {_kind(parsed) for _, parsed in self._files}
        kind = "real" if "real" in kinds else "count" if "count" in kinds else "binary"
        first = self._files[0][1]

        def names(what: str) -> tuple[str, ...]:
            found = (getattr(parsed, what) for _, parsed in self._files)
            return next((given for given in found if given), ())

        return UploadReport(
            self.sequences(),
            files,
            self.splits,
            kind,
            names("features"),
            names("actions"),
            names("covariates"),
            first.time,
        )

    def sequences(self) -> Sequences | None:
        """Return the sequences of all files, or None if there is no file.

        If the values of any file are real, all values become float32. If any file has missing
        values, a file without them counts as fully observed.
        """
        if not self._files:
            return None
        files = [parsed for _, parsed in self._files]
        real = any(parsed.x.dtype == np.float32 for parsed in files)
        time = files[0].time
        starts = [start for parsed in files for start in parsed.starts or ()]
        has_missing = any(parsed.observed is not None for parsed in files)
        x, u, c, observed, names = [], [], [], [], []
        for name, parsed in self._files:
            ends = np.cumsum(parsed.lengths)[:-1]
            values = parsed.x.astype(np.float32) if real else parsed.x
            x += np.split(values, ends)
            u += [] if parsed.u is None else np.split(parsed.u, ends)
            c += [] if parsed.c is None else np.split(parsed.c, ends)
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
            tuple(c) if c else None,
            tuple(starts) if time is not None else None,
            1.0 if time is None else time.step,
        )


def _width(array: np.ndarray | None) -> int:
    return 0 if array is None else array.shape[1]


def _kind(parsed: ParsedFile) -> Kind:
    return parsed.kind or ("binary" if parsed.x.dtype == np.uint8 else "real")


def _is_music(parsed: ParsedFile) -> bool:
    return is_pianoroll(_kind(parsed), parsed.x.shape[1])


def _spacing(time: TimeAxis | None) -> str:
    """Return how frames follow one another, such as "one every 3 months"."""
    if time is None:
        return "without times"
    if time.unit == "number":
        return f"in steps of {time.step:g}"
    return f"one every {time.unit if time.step == 1 else f'{time.step:g} {time.unit}s'}"
