"""Files named on the command line -> sequences that a model can explain."""

from collections.abc import Sequence
from pathlib import Path

from dmm_core.data.sequences import Sequences
from dmm_core.data.uploads import UploadOptions, read_files
from dmm_core.errors import UploadError
from dmm_core.listening import require_piano
from dmm_core.runs.record import DataFacts

__all__ = ["read_midi_files"]


def read_midi_files(paths: Sequence[Path], data: DataFacts) -> Sequences:
    """Read MIDI files on the grid of a model of piano-rolls.

    Raises:
        DataError: if the model explains anything else.
        UploadError: if a file is refused.
    """
    options = UploadOptions(steps_per_quarter=require_piano(data))
    report = read_files([(path.name, path.read_bytes()) for path in paths], options)
    for file in report.files:
        if file.refusal:
            raise UploadError(f"{file.name}: {file.refusal}")
    if report.sequences is None:
        raise UploadError("The files hold no notes.")
    return report.sequences
