"""`python -m benchmarks.uploads`: what reading large files costs a child, in time and memory.

Each file goes through the very child that an upload goes through. The scores are the largest of
music21's corpus, and twice as many of its tunes as a file may hold are tried too.
"""

import resource
import time
from pathlib import Path

import numpy as np
from music21.common.pathTools import getCorpusFilePath

from dmm_core.data.uploads.child import parse_in_child
from dmm_core.data.uploads.kinds import file_kind
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError

_SCORES = ("bach/bwv3.6.mxl", "beethoven/opus18no3.mxl", "beethoven/opus132.mxl")
_BOOKS = ("airdsAirs/book3.abc", "essenFolksong/boehme10.abc")


def main() -> None:
    """Measure everything, and print a line a file; memory is the largest child's so far."""
    corpus = getCorpusFilePath()
    files = [(name, (Path(corpus) / name).read_bytes()) for name in (*_SCORES, *_BOOKS)]
    files.append(("essenFolksong/boehme10.abc twice", files[-1][1] * 2))
    files.append(("essenFolksong/boehme10.abc thrice", files[-2][1] * 3))
    row = b",".join([b"0.123"] * 1000) + b"\n"
    files.append(("20 MB of numbers.csv", row * (20 * 2**20 // len(row))))
    files.append(("20 MB of cells.csv", (b"1," * 1000 + b"1\n") * (20 * 2**20 // 2002)))
    heads = f"{'MB':>5} {'notes':>7} {'frames':>8} {'wall s':>7} {'CPU s':>6} {'MB, peak':>9}"
    print(f"{'file':<34} {heads}")
    for name, data in files:
        kind = file_kind(name.removesuffix(" twice").removesuffix(" thrice"), data)
        before, began = _cpu(), time.perf_counter()
        try:
            parsed = parse_in_child(data, kind, UploadOptions())
        except UploadError as error:
            print(f"{name:<34} {len(data) / 2**20:>5.1f} {error}")
            continue
        wall, cpu = time.perf_counter() - began, _cpu() - before
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        frames = int(np.sum(parsed.lengths))
        print(
            f"{name:<34} {len(data) / 2**20:>5.1f} {parsed.notes:>7,} {frames:>8,} {wall:>7.1f} "
            f"{cpu:>6.1f} {peak:>9.0f}"
        )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
