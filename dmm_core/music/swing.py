"""Swing: the second half of every quarter note comes late."""

from collections.abc import Sequence

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import Note

__all__ = ["STRAIGHT", "SWINGS", "swung"]

STRAIGHT = 0.5
"""Where a quarter's second half begins, as a share of the quarter, without swing."""

SWINGS = (0.5, 0.75)
"""Straight, and a dotted eighth before a sixteenth; 2/3 is a triplet's feel."""


def swung(notes: Sequence[Note], *, tempo: float, swing: float) -> list[Note]:
    """Notes with the middle of every quarter moved to `swing` of it; quarters stay where they are.

    Time goes faster in the one half and slower in the other, so what is finer than an eighth moves
    along, and the order of notes stays.

    Args:
        notes: with times in seconds, straight.
        tempo: quarter notes a minute.
        swing: 0.5 (straight) to 0.75.

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
