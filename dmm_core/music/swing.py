"""Swing: delays the second half of every quarter note."""

from collections.abc import Sequence

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import Note

__all__ = ["STRAIGHT", "SWINGS", "apply_swing"]

STRAIGHT = 0.5
"""Start of the second half of a quarter note without swing, as a fraction of the quarter."""

SWINGS = (0.5, 0.75)
"""Smallest swing (straight) and largest (a dotted eighth and a sixteenth); 2/3 is a triplet."""


def apply_swing(notes: Sequence[Note], *, tempo: float, swing: float) -> list[Note]:
    """Apply swing to notes: move the middle of every quarter note to the fraction `swing` of it.

    Times in between are interpolated linearly, so shorter notes move too and the order of the notes
    does not change. The beginnings of quarter notes do not move.

    Args:
        notes: notes without swing, with times in seconds.
        tempo: quarter notes per minute.
        swing: fraction of a quarter note, 0.5 (straight) to 0.75.

    Raises:
        DataError: if the swing is out of bounds.
    """
    if not SWINGS[0] <= swing <= SWINGS[1]:
        raise DataError(f"A swing is 0.5 to 0.75 of a quarter note, not {swing:g}.")
    if swing == STRAIGHT:
        return list(notes)
    quarter = 60.0 / tempo

    def moved(seconds: float) -> float:
        whole, half = divmod(seconds / quarter, 1.0)
        if half < STRAIGHT:
            late = half * swing / STRAIGHT
        else:
            late = swing + (half - STRAIGHT) * (1 - swing) / (1 - STRAIGHT)
        return (whole + late) * quarter

    return [note._replace(start=moved(note.start), end=moved(note.end)) for note in notes]
