"""What evaluating, sampling and sounding cost at paper size, on the JSB chorales."""

import math
import resource
from collections.abc import Iterator

import numpy as np

from benchmarks.report import Options, Row, seconds
from dmm_core.config.schema import DataConfig, ModelConfig
from dmm_core.data.registry import load_dataset
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.sampling import sample
from dmm_core.inference.smc import smc_nll
from dmm_core.music.audio import render_wav
from dmm_core.music.pianoroll import notes_from_roll
from dmm_core.training.building import build_model

__all__ = ["rows"]

_PATHS = 2000


def rows(options: Options) -> Iterator[Row]:
    """Importance NLL, particle filters, ancestral sampling and audio."""
    splits = load_dataset(DataConfig(name="jsb"))
    model = build_model(ModelConfig(), splits.spec, seed=0)
    clock = options.clock

    def importance(samples: int) -> float:
        return seconds(
            lambda: evaluate(model, splits.test, samples=samples // 2, replicates=2, seed=0), clock
        )

    importance(4)  # allocates
    if options.full:
        taken, how = importance(_PATHS), "measured to the end"
    else:
        few, more = importance(20), importance(60)
        each = (more - few) / 40
        taken, how = few + (_PATHS - 20) * each, "scaled from 20 and 60 paths"
    name = f"importance NLL, S = {_PATHS}, JSB test, LSTM 600"
    yield Row(name, taken, "s", how)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Row("  peak memory of the process", peak, "MB", "with all data and libraries")

    few = splits.test.subset(np.arange(4))
    particles, replicates = 500, 2
    taken = seconds(
        lambda: smc_nll(model, few, particles=particles, replicates=replicates, seed=0), clock
    )
    pace = few.frames * particles * replicates / taken / 1e6
    yield Row("particle filters", pace, "M frames/s", f"{particles} particles, frame x particle")

    count, frames = 50, 128
    taken = seconds(lambda: sample(model, count=count, frames=frames, seed=0), clock)
    yield Row("ancestral sampling", count * frames / taken, "frames/s", f"{count} pieces at once")
    taken = min(
        seconds(lambda: sample(model, count=1, frames=frames, seed=0), clock) for _ in range(3)
    )
    yield Row(f"one piece of {frames} frames", 1e3 * taken, "ms", "best of three")

    longest = max(splits.test.x, key=len)
    notes = notes_from_roll(np.asarray(longest, bool), rearticulate=False)
    render_wav(notes)  # reads the samples
    taken = seconds(lambda: render_wav(notes), clock)
    length = max(note.end for note in notes)
    how = f"{math.ceil(length)} s of {len(notes)} notes, the longest test chorale"
    yield Row("audio", length / taken, "s of sound/s", how)
