"""Counts and describes what changes when notes are moved to a grid of note values."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dmm_core.music.pianoroll import GRIDS, Note

__all__ = ["grid_changes", "grid_counts"]

_TOLERANCE = 1e-6  # frames within which a time counts as on the grid


def grid_counts(notes: Sequence[Note], roll: np.ndarray, steps_per_quarter: int) -> Counter[str]:
    """Count the onsets and ends that are not on the grid, and the notes that the roll merges.

    Args:
        notes: notes with times in quarter notes.
        roll: (frames, 88) uint8 piano-roll of the same notes.
        steps_per_quarter: frames per quarter note.

    Returns:
        "onsets off N": onsets that a grid of N frames per quarter would move, for each of `GRIDS`.
        "onsets": all onsets. "ends": ends that are not on the grid. "short": notes shorter than a
        frame. "joined": notes that touch or overlap another note of the same pitch.
    """
    starts, ends = np.array([(note.start, note.end) for note in notes]).T
    counts = Counter({f"onsets off {grid}": _count_off_grid(starts, grid) for grid in GRIDS})
    counts["onsets"] = len(notes)
    counts["ends"] = _count_off_grid(ends, steps_per_quarter)
    counts["short"] = int(((ends - starts) * steps_per_quarter < 1 - _TOLERANCE).sum())
    # Count the frames in which a pitch starts; other notes continue an earlier one.
    begun = np.diff(roll, axis=0, prepend=np.zeros_like(roll[:1])) == 1
    counts["joined"] = len(notes) - int(begun.sum())
    return counts


def grid_changes(counts: Mapping[str, int], steps_per_quarter: int) -> Iterator[str]:
    """Yield sentences about the result of `grid_counts`, with grids that move fewer onsets."""
    name, onsets = GRIDS[steps_per_quarter], counts["onsets"]
    if moved := counts[f"onsets off {steps_per_quarter}"]:
        finer = {GRIDS[grid]: counts[f"onsets off {grid}"] for grid in GRIDS}
        better = [
            f"{grid}s" + (f" ({left:,} moved)" if left else "")
            for grid, left in finer.items()
            if left < moved
        ]
        advice = f"; choose {' or '.join(better)} to keep them" if better else ""
        were = "was" if moved == 1 else "were"
        yield (
            f"{moved:,} of {onsets:,} onsets ({_share(moved, onsets)}) {were} moved to the {name} "
            f"grid{advice}."
        )
    if moved := counts["ends"]:
        were = "was" if moved == 1 else "were"
        yield (
            f"{moved:,} of {onsets:,} note ends ({_share(moved, onsets)}) {were} moved to the "
            f"{name} grid."
        )
    if short := counts["short"]:
        notes = "1 note" if short == 1 else f"{short:,} notes"
        yield f"Lengthened {notes} to one {name} note, the shortest that the grid holds."
    if joined := counts["joined"]:
        notes = (
            "1 note touches or overlaps" if joined == 1 else f"{joined:,} notes touch or overlap"
        )
        yield f"{notes} another of the same pitch; a piano-roll shows them as one."


def _count_off_grid(times: np.ndarray, grid: int) -> int:
    """Return how many times, in quarter notes, are not on a grid of `grid` frames per quarter."""
    steps = times * grid
    return int((np.abs(steps - np.rint(steps)) > _TOLERANCE).sum())


def _share(part: int, whole: int) -> str:
    """Return a fraction as text, such as "52 %"."""
    percent = round(100 * part / whole)
    if percent == 0:
        return "under 1 %"
    return "over 99 %" if percent == 100 and part < whole else f"{percent} %"
