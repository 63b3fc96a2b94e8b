"""How the music of the bundled models compares with Bach's, with and without four voices."""

from collections.abc import Iterator

import numpy as np

from benchmarks.report import Options, Row
from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from dmm_core.inference.sampling import sample
from dmm_core.music.metrics import RollMetrics, roll_metrics
from dmm_core.nn.constraints import Constraint
from dmm_core.runs.bundled import list_bundled, load_model
from dmm_core.runs.rendering import to_roll

_PIECES, _FRAMES, _SEED, _X_TEMPERATURE = 40, 64, 0, 0.7
_FOUR = Constraint(least=4, most=4, apart=True)


def rows(options: Options) -> Iterator[Row]:
    """Shares of the frames that are chords, clash, or have four notes, for Bach and each model."""
    yield from _rows(
        "Bach", roll_metrics(load_dataset(DataConfig(name="jsb-m21")).test), "jsb-m21 test"
    )
    for source in list_bundled():
        model = load_model(source)
        for name, constraint in (("", None), (", four voices", _FOUR)):
            drawn = sample(
                model,
                count=_PIECES,
                frames=_FRAMES,
                seed=_SEED,
                x_temperature=_X_TEMPERATURE,
                constraint=constraint,
            )
            how = f"{_PIECES} pieces of {_FRAMES} quarters, temperature {_X_TEMPERATURE:g}"
            yield from _rows(
                f"{source.folder.name}{name}", roll_metrics([to_roll(x) for x in drawn.x]), how
            )


def _rows(name: str, found: RollMetrics, how: str) -> Iterator[Row]:
    four = float(found.polyphony[4] / np.sum(found.polyphony))
    yield Row(f"{name}: triads or seventh chords", 100 * found.chords, "%", how)
    yield Row(f"{name}: semitone clashes", 100 * found.clashes, "%", how)
    yield Row(f"{name}: exactly four notes", 100 * four, "%", how)
