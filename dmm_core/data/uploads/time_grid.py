"""What a grid of note values changes in a piece of music, counted and in sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dmm_core.music.pianoroll import GRIDS, Note

__all__ = ["grid_changes", "grid_counts"]

_ON_GRID = 1e-6  # frames


def grid_counts(notes: Sequence[Note], roll: np.ndarray, steps_per_quarter: int) -> Counter[str]:
    """How many onsets and ends each grid moves, and what the roll cannot tell apart.

    Args:
        notes: with times in quarters.
        roll: (frames, 88) uint8, the same notes on the grid.
        steps_per_quarter: frames of a quarter note.
    """
    starts, ends = np.array([(note.start, note.end) for note in notes]).T
    counts = Counter({f"onsets off {grid}": _off(starts, grid) for grid in GRIDS})
    counts["onsets"] = len(notes)
    counts["ends"] = _off(ends, steps_per_quarter)
    counts["short"] = int(((ends - starts) * steps_per_quarter < 1 - _ON_GRID).sum())
    begun = np.diff(roll, axis=0, prepend=np.zeros_like(roll[:1])) == 1
    counts["joined"] = len(notes) - int(begun.sum())
    return counts


def grid_changes(counts: Mapping[str, int], steps_per_quarter: int) -> Iterator[str]:
    """The same in sentences, with the grids that keep more of the onsets."""
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


def _off(times: np.ndarray, grid: int) -> int:
    steps = times * grid
    return int((np.abs(steps - np.rint(steps)) > _ON_GRID).sum())


def _share(part: int, whole: int) -> str:
    percent = round(100 * part / whole)
    if percent == 0:
        return "under 1 %"
    return "over 99 %" if percent == 100 and part < whole else f"{percent} %"
