"""The command that forecasts sequences: `forecast`."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dmm_core import inference, runs
from dmm_core.cli.arguments import Commands, add_command, add_count, add_json, add_run, add_seed
from dmm_core.cli.input_files import read_own_files
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

if TYPE_CHECKING:
    from dmm_core.inference.backtest import Backtest
    from dmm_core.inference.forecasting import Forecast, Origin
    from dmm_core.nn.dmm import DMM
    from dmm_core.runs.bundled import BundledModel
    from dmm_core.runs.run import Run

__all__ = ["add_commands", "forecast"]


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "forecast",
        forecast,
        "Forecast the frames after a sequence, or score forecasts of held-out data.",
        "Without --backtest, the command prints the mean and the quantiles of each frame after the "
        "origin. With --backtest, it forecasts from many origins of a held-out split and compares "
        "the scores with those of simple forecasts: lower CRPS is better. Intervals of real values "
        "that are too narrow on the valid split are widened.",
    )
    add_run(parser, bundled=True)
    parser.add_argument(
        "--files",
        nargs="+",
        default=[],
        metavar="FILE",
        type=Path,
        help="your own files to forecast, instead of a sequence of the data set",
    )
    add_count(parser, "--horizon", 12, "number of frames to forecast")
    add_count(parser, "--sequence", 1, "number of the sequence to forecast, counted from 1")
    add_count(
        parser, "--origin", None, "number of frames that are known (default: the whole sequence)"
    )
    parser.add_argument(
        "--split",
        default="test",
        choices=("valid", "test"),
        help="the split whose sequences are forecast (default: test)",
    )
    parser.add_argument(
        "--quantiles",
        nargs="+",
        type=float,
        metavar="Q",
        help="levels of the quantiles, from 0 to 1 (default: 0.05 0.25 0.5 0.75 0.95)",
    )
    add_count(parser, "--samples", 500, "number of futures that are drawn", low=2, high=100_000)
    add_count(parser, "--particles", 500, "particles of the filter of each sequence", high=100_000)
    parser.add_argument(
        "--backtest",
        action="store_true",
        help="score forecasts from many origins of the split, instead of printing one",
    )
    add_count(
        parser,
        "--origins",
        200,
        "largest number of origins of a backtest, and of the valid split's forecasts",
        high=100_000,
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="leave the intervals as the model has them, even if they are too narrow on the valid "
        "split",
    )
    add_count(
        parser,
        "--period",
        None,
        "backtest: frames of a season (default: estimated from the train split)",
        low=2,
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE.csv",
        help="also write the forecast to a CSV file, a row for each frame and feature",
    )
    add_seed(parser)
    add_json(parser)


def forecast(given: argparse.Namespace) -> None:
    """Print a forecast, or the scores of a backtest."""
    if given.out and given.out.suffix != ".csv":
        raise DataError(f"--out is {given.out}, but a forecast is written to a .csv file.")
    source = find_run(given.run, allow_path=True)
    model = runs.load_model(source)
    if given.backtest:
        if given.files:
            raise DataError("--backtest scores a split of the data set, so it takes no --files.")
        found = inference.backtest(
            model,
            load_dataset(source.config().data),
            horizon=given.horizon,
            seed=given.seed,
            split=given.split,
            most_origins=given.origins,
            samples=given.samples,
            particles=given.particles,
            period=given.period,
            calibrate=not given.raw,
        )
        if given.split == "test" and found.widened is None and not given.raw:
            _say_uncalibrated(source.data())
        result = {"run": source.id, "split": given.split, **found.to_json()}
        print(json_text(result) if given.json else _table(source.id, given.split, found))
        return
    data = source.data()
    splits = None if given.files else load_dataset(source.config().data)
    sequences = (
        read_own_files(given.files, data)
        if splits is None
        else inference.held_out(splits, given.split).sequences
    )
    if given.sequence > len(sequences):
        raise DataError(
            f"--sequence is {given.sequence}, but there are {len(sequences)} sequences."
        )
    origin = inference.Origin(
        given.sequence - 1, given.origin or int(sequences.lengths[given.sequence - 1])
    )
    made = inference.forecast_from(
        model,
        sequences,
        [origin],
        horizon=given.horizon,
        seed=given.seed,
        samples=given.samples,
        quantiles=given.quantiles or inference.QUANTILES,
        particles=given.particles,
        u=_future(sequences.u, "actions", origin, given.horizon),
        c=_future(sequences.c, "covariates", origin, given.horizon),
    )
    factor = None if given.raw else _widening(given, source, model, splits)
    if factor is not None:
        made = inference.widen(made, factor)
    rows = _rows(made, data, sequences, origin)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(given.out, _csv(rows))
    if given.json:
        widened = None if factor is None else factor.tolist()
        values = _values(made, data, sequences, origin)
        print(json_text({"run": source.id, **values, "widened": widened}))
    else:
        print(_text(rows))
        if sentence := inference.widening_sentence(factor):
            print(sentence)


def _widening(
    given: argparse.Namespace, source: Run | BundledModel, model: DMM, splits: Splits | None
) -> np.ndarray | None:
    """The factors of the intervals, from the valid split of the run's data set.

    None, with a sentence on stderr, if there is no such split to choose them on.
    """
    data = source.data()
    if data.kind != "real":
        return None
    try:
        splits = load_dataset(source.config().data) if splits is None else splits
    except DataError:  # a model can forecast files where its own data are missing
        _say_uncalibrated(data, "the data set of the model cannot be loaded")
        return None
    factor = inference.fit_widening(
        model,
        splits,
        horizon=given.horizon,
        seed=given.seed,
        most_origins=given.origins,
        samples=given.samples,
        particles=given.particles,
    )
    if factor is None:
        _say_uncalibrated(data)
    return factor


def _say_uncalibrated(
    data: DataSpec, reason: str = "the valid split is too short for this horizon"
) -> None:
    if data.kind == "real":
        print(f"The intervals are the model's own, not calibrated: {reason}.", file=sys.stderr)


def _future(
    arrays: tuple[np.ndarray, ...] | None, called: str, origin: Origin, horizon: int
) -> np.ndarray | None:
    """The actions or covariates of the frames after the origin, (1, horizon, width)."""
    if arrays is None:
        return None
    known = arrays[origin.sequence][origin.frame : origin.frame + horizon]
    if len(known) < horizon:
        raise DataError(
            f"The model needs the {called} of all {horizon} frames after frame {origin.frame}, but "
            f"the sequence has {len(known)} of them: choose an earlier --origin or a shorter "
            "--horizon."
        )
    return known[None]


def _values(made: Forecast, data: DataSpec, sequences: Sequences, origin: Origin) -> dict[str, Any]:
    return {
        "sequence": sequences.names[origin.sequence],
        "origin": origin.frame,
        "horizon": made.mean.shape[1],
        "features": list(_features(data)),
        "mean": made.mean[0].tolist(),
        "levels": made.levels.tolist(),
        "quantiles": made.quantiles[0].tolist(),
    }


def _features(data: DataSpec) -> tuple[str, ...]:
    return data.features or tuple(f"x[{i}]" for i in range(data.x_dim))


def _rows(
    made: Forecast, data: DataSpec, sequences: Sequences, origin: Origin
) -> list[dict[str, object]]:
    """A row for each frame and feature."""
    return [
        {
            "sequence": sequences.names[origin.sequence],
            "frame": origin.frame + step,
            "feature": feature,
            "mean": float(made.mean[0, step, i]),
            **{
                f"q{level:g}": float(quantile)
                for level, quantile in zip(made.levels, made.quantiles[0, :, step, i], strict=True)
            },
        }
        for step in range(made.mean.shape[1])
        for i, feature in enumerate(_features(data))
    ]


def _csv(rows: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _text(rows: list[dict[str, object]]) -> str:
    names = [name for name in rows[0] if name != "sequence"]
    lines = [f"{rows[0]['sequence']}", "".join(f"{name:>12.11}" for name in names)]
    for row in rows:
        cells = (row[name] for name in names)
        lines.append(
            "".join(f"{c:12.5g}" if isinstance(c, float) else f"{c!s:>12.11}" for c in cells)
        )
    return "\n".join(lines)


def _table(run: str, split: str, found: Backtest) -> str:
    season = f", season of {found.period} frames" if found.period else ""
    lines = [
        f"{run} on {split}: {found.origins} origins, horizon {found.horizon}{season}",
        f"{'forecast':16}{'CRPS':>10}{'within 50 %':>13}{'within 90 %':>13}{'RMSE':>10}{'MASE':>8}"
        f"{'skill':>8}",
    ]
    lines += [
        f"{row.name:16}{row.scores.crps:10.4g}{100 * row.scores.coverage_50:11.1f} %"
        f"{100 * row.scores.coverage_90:11.1f} %{row.scores.rmse:10.4g}{row.mase:8.3f}"
        f"{row.skill:8.3f}"
        for row in found.rows
    ]
    return "\n".join([*lines, found.verdict])
