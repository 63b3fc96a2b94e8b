"""Backtests: forecasts from many origins of held-out data, compared with simple forecasts.

An origin is a frame of the held-out part. A forecast from it depends on all frames before it
and on no later frame. Scores are averaged over all origins, horizons and features.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.systems import SYSTEMS, LinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.kalman import kalman_forecast
from dmm_core.inference.baselines import BASELINES, Baselines, filled, fit_baselines
from dmm_core.inference.calibration import spread_factor, widen, widening_sentence
from dmm_core.inference.checks import require_count
from dmm_core.inference.forecasting import Forecast, Origin, forecast_from
from dmm_core.inference.scores import GaussianForecast, Scores, pit, score_gaussian, score_samples
from dmm_core.nn.dmm import DMM

__all__ = [
    "KALMAN",
    "MODEL",
    "Backtest",
    "HeldOut",
    "ScoredForecast",
    "backtest",
    "fit_widening",
    "held_out",
    "rolling_origins",
]

MODEL, KALMAN = "model", "Kalman filter"
"""Names of rows of a backtest, in addition to those in `BASELINES`."""

_PIT_BINS = 10

_MOST_NUMBERS = 2**26
"""Numbers that are drawn for the widening of intervals: 256 MB. Wide data have fewer origins."""

_EQUAL = 0.01
"""Relative difference of two CRPS up to which two forecasts count as equally good."""


class ScoredForecast(NamedTuple):
    """A row of a backtest.

    Attributes:
        name: model, Kalman filter, or a name in `BASELINES`.
        scores: the scores.
        mase: mean absolute error divided by that of the last value as a forecast of the next one,
            in the train split, averaged over the features.
        skill: 1 - CRPS / CRPS of persistence, averaged over the features; positive is better than
            persistence.
    """

    name: str
    scores: Scores
    mase: float
    skill: float


class Backtest(NamedTuple):
    """The result of `backtest`.

    Attributes:
        rows: the scored forecasts, the model's first.
        origins: number of origins.
        horizon: frames of a forecast.
        period: frames of a season; None without one.
        calibration: (10,), share of the values in each tenth of the model's forecast distribution;
            0.1 everywhere if it is calibrated.
        widened: (x_dim,), the factors by which the model's intervals were widened, as
            `fit_widening` returns them; None if they are the model's own.
    """

    rows: tuple[ScoredForecast, ...]
    origins: int
    horizon: int
    period: int | None
    calibration: np.ndarray
    widened: np.ndarray | None = None

    @property
    def verdict(self) -> str:
        """Which forecasts the model beats, and whether its intervals can be trusted."""
        model, *others = self.rows
        crps = model.scores.crps
        better, equal, worse = [], [], []
        for row in others:
            ratio = crps / max(row.scores.crps, np.finfo(float).tiny)
            side = better if ratio < 1 - _EQUAL else worse if ratio > 1 + _EQUAL else equal
            side.append(row.name)
        clauses = []
        if better:
            clauses.append(f"better than {_listed(better)}")
        if equal:
            clauses.append(f"as well as {_listed(equal)}, within {100 * _EQUAL:.0f} %")
        if worse:
            clauses.append(f"worse than {_listed(worse)}")
        first = f"The model forecasts {'; '.join(clauses)} (CRPS {crps:.4g})."
        if not better:
            first += " A simple forecast serves as well: train the model longer, or use that one."
        covered = 100 * model.scores.coverage_90
        if covered < 85:
            width = "its intervals are too narrow"
        elif covered > 95:
            width = "its intervals are too wide"
        else:
            width = "its intervals can be trusted"
        widened = widening_sentence(self.widened)
        last = f"Its 90 % intervals hold {covered:.0f} % of the values: {width}."
        return " ".join(sentence for sentence in (first, widened, last) if sentence)

    def to_json(self) -> dict[str, object]:
        """The result as plain values."""
        return {
            "origins": self.origins,
            "horizon": self.horizon,
            "period": self.period,
            "verdict": self.verdict,
            "calibration": [float(share) for share in self.calibration],
            "widened": None if self.widened is None else self.widened.tolist(),
            "forecasts": [
                {
                    "name": row.name,
                    **{
                        name: value.tolist() if isinstance(value, np.ndarray) else value
                        for name, value in row.scores._asdict().items()
                    },
                    "mase": row.mase,
                    "skill": row.skill,
                }
                for row in self.rows
            ],
        }


class HeldOut(NamedTuple):
    """The sequences of a split, and the frames of them that may be forecast.

    Attributes:
        sequences: the sequences, including the earlier frames on which a forecast may depend.
        first: for each sequence, the first frame that may be forecast, counted from 0.
        end: for each sequence, the frame after the last one that may be forecast.
    """

    sequences: Sequences
    first: Sequence[int]
    end: Sequence[int]


def backtest(
    model: DMM,
    splits: Splits,
    *,
    horizon: int,
    seed: int,
    split: str = "test",
    most_origins: int = 200,
    samples: int = 500,
    particles: int = 500,
    period: int | None = None,
    calibrate: bool | np.ndarray = True,
) -> Backtest:
    """Score forecasts of a model and of simple forecasts from rolling origins.

    If a series is split in time, only frames of `split` are forecast, from all earlier frames,
    including those of the train split. For other data, the second half of each sequence is
    forecast, from all frames before the origin.

    Args:
        model: the model whose forecasts are scored.
        splits: the data set of the model.
        horizon: number of frames of a forecast, 1 or more.
        seed: seed of all random draws.
        split: the split whose frames are forecast: valid or test.
        most_origins: largest number of origins; of more, an even selection is used.
        samples: number of futures drawn for each origin, 2 or more.
        particles: number of particles of the filter of each sequence.
        period: number of frames of a season; by default estimated from the train split.
        calibrate: whether to widen the model's intervals by the factors of `fit_widening`, which
            takes the same numbers; or these factors, (x_dim,), if they are known. Forecasts of
            the valid split itself are scored as they are.

    Raises:
        DataError: if a number is out of bounds, the data do not fit the model, or no sequence is
            long enough for the horizon.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences, Splits, backtest, build_model
        >>> from dmm_core.config import ModelConfig
        >>> rng = np.random.default_rng(0)
        >>> def draw(count):
        ...     x = rng.standard_normal((count, 20, 1)).cumsum(1)
        ...     return Sequences(tuple(x), tuple(f"walk {i}" for i in range(count)))
        >>> splits = Splits("walks", "real", draw(8), draw(2), draw(2))
        >>> config = ModelConfig(z_dim=2, emission="gaussian", rnn_size=8)
        >>> model = build_model(config, splits.spec, seed=0)
        >>> found = backtest(model, splits, horizon=3, seed=0, samples=20, particles=20)
        >>> [row.name for row in found.rows]
        ['model', 'mean', 'persistence', 'autoregression']
    """
    require_count("horizon", horizon)
    require_count("samples", samples, least=2)
    require_count("most_origins", most_origins)
    part = held_out(splits, split)
    origins = rolling_origins(part.first, part.end, horizon, most_origins)
    factor = calibrate if isinstance(calibrate, np.ndarray) else None
    if split == "valid":
        factor = None
    elif calibrate is True:
        factor = fit_widening(
            model,
            splits,
            horizon=horizon,
            seed=seed,
            most_origins=most_origins,
            samples=samples,
            particles=particles,
        )
    sequences, masks = part.sequences, part.sequences.observed
    made, truth, observed = _forecast_held_out(
        model, sequences, origins, horizon, seed=seed, samples=samples, particles=particles
    )
    if factor is not None:
        made = widen(made, factor)
    scores = {MODEL: score_samples(made.samples, made.mean, truth, observed)}
    if exact := _exact(splits.name, sequences, origins, horizon):
        scores[KALMAN] = score_gaussian(exact, truth, observed)
    baselines = fit_baselines(_uncut_train(splits), period=period)
    histories = [
        filled(
            sequences.x[origin.sequence][: origin.frame],
            None if masks is None else masks[origin.sequence][: origin.frame],
        )
        for origin in origins
    ]
    simple = baselines.forecasts(histories, horizon)
    scores |= {
        name: score_gaussian(simple[name], truth, observed) for name in BASELINES if name in simple
    }
    at = pit(made.samples, truth, observed, seed=seed)
    calibration = np.histogram(at, bins=_PIT_BINS, range=(0, 1))[0] / at.size
    return Backtest(
        rows=tuple(_row(name, scored, scores, baselines) for name, scored in scores.items()),
        origins=len(origins),
        horizon=horizon,
        period=baselines.period,
        calibration=calibration,
        widened=factor,
    )


def fit_widening(
    model: DMM,
    splits: Splits,
    *,
    horizon: int,
    seed: int,
    most_origins: int = 200,
    samples: int = 500,
    particles: int = 500,
) -> np.ndarray | None:
    """Choose the factors by which a model's forecasts are widened, on the valid split.

    The valid split is forecast from rolling origins, as `backtest` forecasts the test split, and
    `spread_factor` compares its values with the intervals. `widen` applies the factors to a
    forecast. The coverage of other data is not guaranteed: see `dmm_core.inference.calibration`.

    Args:
        model: the model that forecasts.
        splits: the data set of the model.
        horizon: number of frames of a forecast, 1 or more.
        seed: seed of all random draws.
        most_origins: largest number of origins; there are fewer where the futures would be more
            than 2^26 numbers.
        samples: number of futures drawn for each origin, 2 or more.
        particles: number of particles of the filter of each sequence.

    Returns:
        (x_dim,), 1 or more; None if the data are not real values, whose forecasts cannot be
        widened, or if no sequence of the valid split is long enough for the horizon.

    Raises:
        DataError: if a number is out of bounds, or the data do not fit the model.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences, Splits, build_model, forecast
        >>> from dmm_core.config import ModelConfig
        >>> from dmm_core.inference import fit_widening, widen
        >>> rng = np.random.default_rng(0)
        >>> def draw(count):
        ...     x = 9 * rng.standard_normal((count, 20, 1))
        ...     return Sequences(tuple(x), tuple(f"noise {i}" for i in range(count)))
        >>> splits = Splits("noise", "real", draw(8), draw(2), draw(2))
        >>> config = ModelConfig(z_dim=2, emission="gaussian", rnn_size=8)
        >>> model = build_model(config, splits.spec, seed=0)  # not trained: far too certain
        >>> factor = fit_widening(model, splits, horizon=3, seed=0, samples=20, particles=20)
        >>> bool(factor[0] > 3)
        True
        >>> made = forecast(model, splits.test, horizon=3, seed=0, samples=20, particles=20)
        >>> calibrated = widen(made, factor)
    """
    require_count("horizon", horizon)
    require_count("samples", samples, least=2)
    require_count("most_origins", most_origins)
    if splits.kind != "real":
        return None
    part = held_out(splits, "valid")
    most = min(most_origins, max(1, _MOST_NUMBERS // (samples * horizon * splits.spec.x_dim)))
    if not _long_enough(part, horizon):
        return None
    origins = rolling_origins(part.first, part.end, horizon, most)
    found = _forecast_held_out(
        model, part.sequences, origins, horizon, seed=seed, samples=samples, particles=particles
    )
    return spread_factor(found.made.samples, found.truth, found.observed)


def rolling_origins(
    first: Sequence[int], end: Sequence[int], horizon: int, most: int
) -> list[Origin]:
    """All origins from which `horizon` frames can be scored, thinned out evenly to at most `most`.

    Args:
        first: for each sequence, the first frame that may be forecast, counted from 0.
        end: for each sequence, the frame after the last one that may be forecast.
        horizon: frames of a forecast.
        most: largest number of origins.

    Raises:
        DataError: if there is none.
    """
    found = [
        Origin(i, frame)
        for i, (start, after) in enumerate(zip(first, end, strict=True))
        for frame in range(max(1, start), after - horizon + 1)
    ]
    if not found:
        raise DataError(
            f"No sequence has {horizon} held-out frames to forecast: choose a shorter horizon, or "
            "longer sequences."
        )
    if len(found) <= most:
        return found
    return [found[i] for i in np.linspace(0, len(found) - 1, most).round().astype(int)]


def held_out(splits: Splits, split: str) -> HeldOut:
    """Return the sequences of a split, and the frames of them that may be forecast.

    Args:
        splits: the data set.
        split: valid or test.

    Raises:
        DataError: if the split is another one.
    """
    if split not in ("valid", "test"):
        raise DataError(
            f"Forecasts are scored on the valid or the test split, not on {split!r:.40}."
        )
    if whole := splits.whole:
        lengths = whole.sequences.lengths.tolist()
        if split == "test":
            return HeldOut(whole.sequences, whole.test_from, lengths)
        return HeldOut(whole.sequences, whole.valid_from, whole.test_from)
    lengths = splits[split].lengths.tolist()
    return HeldOut(splits[split], [length // 2 for length in lengths], lengths)


class _HeldOutForecast(NamedTuple):
    """Forecasts of N origins, and what happened: (N, horizon, x_dim), with its mask."""

    made: Forecast
    truth: np.ndarray
    observed: np.ndarray | None


def _forecast_held_out(
    model: DMM,
    sequences: Sequences,
    origins: Sequence[Origin],
    horizon: int,
    *,
    seed: int,
    samples: int,
    particles: int,
) -> _HeldOutForecast:
    made = forecast_from(
        model,
        sequences,
        origins,
        horizon=horizon,
        seed=seed,
        samples=samples,
        particles=particles,
        u=None if sequences.u is None else _ahead(sequences.u, origins, horizon),
        c=None if sequences.c is None else _ahead(sequences.c, origins, horizon),
    )
    masks = sequences.observed
    return _HeldOutForecast(
        made,
        _ahead(sequences.x, origins, horizon).astype(np.float64),
        None if masks is None else _ahead(masks, origins, horizon),
    )


def _long_enough(part: HeldOut, horizon: int) -> bool:
    """Whether a sequence has `horizon` frames to forecast, and one before them."""
    return any(
        end - max(1, first) >= horizon for first, end in zip(part.first, part.end, strict=True)
    )


def _uncut_train(splits: Splits) -> Sequences:
    """The train split, of data that are split in time as whole series and not as windows."""
    if splits.whole is None:
        return splits.train
    sequences, ends = splits.whole.sequences, splits.whole.valid_from
    masks = sequences.observed
    return Sequences(
        tuple(x[:end] for x, end in zip(sequences.x, ends, strict=True)),
        sequences.names,
        observed=None
        if masks is None
        else tuple(mask[:end] for mask, end in zip(masks, ends, strict=True)),
    )


def _ahead(arrays: Sequence[np.ndarray], origins: Sequence[Origin], horizon: int) -> np.ndarray:
    """(N, horizon, width), the values at the frames of each forecast."""
    return np.stack([arrays[o.sequence][o.frame : o.frame + horizon] for o in origins])


def _exact(
    name: str, sequences: Sequences, origins: Sequence[Origin], horizon: int
) -> GaussianForecast | None:
    """The Kalman filter's forecasts, where a linear system with known parameters made the data."""
    system = SYSTEMS.get(name)
    if not isinstance(system, LinearGaussian) or sequences.observed is not None:
        return None
    together = defaultdict(list)
    for place, origin in enumerate(origins):
        together[origin.frame].append(place)
    shape = (len(origins), horizon, sequences.x_dim)
    loc, scale = np.empty(shape), np.empty(shape)
    for frame, places in together.items():
        seen = np.stack([sequences.x[origins[place].sequence][:frame] for place in places])
        predicted = kalman_forecast(system, seen, horizon)
        loc[places] = predicted.loc
        scale[places] = np.sqrt(np.diagonal(predicted.cov, axis1=1, axis2=2))
    return GaussianForecast(loc, scale)


def _row(
    name: str, scored: Scores, all_scores: dict[str, Scores], baselines: Baselines
) -> ScoredForecast:
    reference = all_scores["persistence"].crps_by_feature
    with np.errstate(divide="ignore", invalid="ignore"):
        skill = np.nanmean(1 - scored.crps_by_feature / reference)
        mase = np.nanmean(scored.mae_by_feature / baselines.step_error)
    return ScoredForecast(name, scored, float(mase), float(skill))


def _listed(names: Sequence[str]) -> str:
    shown = [_SHOWN.get(name, name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


_SHOWN = {
    "mean": "the mean",
    "seasonal naive": "the seasonal naive forecast",
    KALMAN: "the exact Kalman filter",
}
"""Names of forecasts -> the same within a sentence."""
