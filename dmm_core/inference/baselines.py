"""Simple forecasts that a model has to beat: mean, persistence, seasonal naive, autoregression.

All are fitted on the train split, feature by feature, and give Gaussian forecasts. A value that was
not observed is replaced by the last one before it. Hyndman and Athanasopoulos, "Forecasting:
principles and practice" (2021), sections 5.2, 5.5 and 9.3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.inference.scores import GaussianForecast

__all__ = [
    "BASELINES",
    "Autoregression",
    "Baselines",
    "filled",
    "fit_baselines",
    "seasonal_period",
]

BASELINES = ("mean", "persistence", "seasonal naive", "autoregression")
"""The names of the forecasts, in the order in which they are shown."""

_MOST_LAGS = 30
_LEAST_CORRELATION = 0.3
"""Autocorrelation from which a lag counts as a season."""
_LEAST_SCALE = 1e-9
"""Standard deviation of a forecast without error, as a share of the feature's deviation."""


class Autoregression(NamedTuple):
    """x_t = constant + sum_i weights[i] x_{t-1-i} + N(0, scale^2) of one feature."""

    constant: float
    weights: np.ndarray
    scale: float


class Baselines(NamedTuple):
    """The fitted forecasts.

    Attributes:
        loc: (x_dim,), the means of the features in the train split.
        scale: (x_dim,), their standard deviations.
        step: (x_dim,), root mean square of the changes from frame to frame.
        step_error: (x_dim,), mean absolute change from frame to frame, the unit of the MASE.
        period: frames of a season; None without one.
        season: (x_dim,), root mean square of the changes over a season; None without a season.
        autoregressions: one for each feature.
    """

    loc: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    step_error: np.ndarray
    period: int | None
    season: np.ndarray | None
    autoregressions: tuple[Autoregression, ...]

    def forecasts(
        self, histories: Sequence[np.ndarray], horizon: int
    ) -> dict[str, GaussianForecast]:
        """Forecast the frames after each history.

        Args:
            histories: N arrays (T_i, x_dim) without missing values, as `filled` returns them.
            horizon: number of frames to forecast.

        Returns:
            Name in `BASELINES` -> its N forecasts. The seasonal one is missing without a season.
        """
        ahead = np.arange(1, horizon + 1)
        last = np.stack([x[-1] for x in histories])[:, None]
        shape = (len(histories), horizon, len(self.loc))
        found = {
            "mean": GaussianForecast(
                np.broadcast_to(self.loc, shape), np.broadcast_to(self.scale, shape)
            ),
            "persistence": GaussianForecast(
                np.broadcast_to(last, shape),
                np.broadcast_to(self.step * np.sqrt(ahead)[:, None], shape),
            ),
        }
        if self.period and self.season is not None:
            seasons = -(-ahead // self.period)  # rounded up
            found["seasonal naive"] = GaussianForecast(
                np.stack([_season_before(x, self.period, horizon) for x in histories]),
                np.broadcast_to(self.season * np.sqrt(seasons)[:, None], shape),
            )
        loc, scale = np.empty(shape), np.empty(shape)
        for i, model in enumerate(self.autoregressions):
            scale[..., i] = _autoregressive_scale(model, horizon)
            for n, x in enumerate(histories):
                loc[n, :, i] = _autoregressive_mean(model, x[:, i], horizon)
        found["autoregression"] = GaussianForecast(loc, scale)
        least = _LEAST_SCALE * np.where(self.scale > 0, self.scale, 1.0)
        return {
            name: GaussianForecast(made.loc, np.maximum(made.scale, least))
            for name, made in found.items()
        }


def filled(x: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
    """Replace every value that was not observed by the last one before it, or the first after it.

    Args:
        x: (T, x_dim) frames.
        observed: (T, x_dim), 1 where a value was observed; None if all were.

    Returns:
        (T, x_dim) float64. A feature that was never observed is 0.
    """
    values = x.astype(np.float64)
    if observed is None:
        return values
    seen = observed.astype(bool)
    at = np.where(seen, np.arange(len(x))[:, None], -1)
    before = np.maximum.accumulate(at, axis=0)
    first = np.where(seen.any(0), seen.argmax(0), 0)
    return np.take_along_axis(values, np.where(before < 0, first, before), axis=0)


def fit_baselines(train: Sequences, *, period: int | None = None) -> Baselines:
    """Fit the forecasts on a train split.

    Args:
        train: the sequences.
        period: frames of a season. By default, `seasonal_period` of the longest sequence.
    """
    series = [_with_gaps(train, i) for i in range(len(train))]
    masks = train.observed or (None,) * len(train)
    whole = [filled(x, mask) for x, mask in zip(train.x, masks, strict=True)]
    together = np.concatenate(series)
    loc, scale = _finite(np.nanmean, together, 0.0), _finite(np.nanstd, together, 1.0)
    changes = _changes(series, 1)
    step = _finite(_rms, changes, scale)
    if period is None:
        period = seasonal_period(max(whole, key=len))
    seasons = _changes(series, period) if period else None
    return Baselines(
        loc=loc,
        scale=scale,
        step=step,
        step_error=_finite(lambda x, axis: np.nanmean(np.abs(x), axis=axis), changes, scale),
        period=period,
        season=None if seasons is None or not len(seasons) else _finite(_rms, seasons, scale),
        autoregressions=tuple(
            _fit_autoregression([x[:, i] for x in whole]) for i in range(train.x_dim)
        ),
    )


def seasonal_period(x: np.ndarray) -> int | None:
    """The lag of the first clear peak of the autocorrelation, averaged over the features.

    A linear trend is removed first. None if no lag from 2 to a third of the series has a local
    maximum of at least 0.3.

    Args:
        x: (T, x_dim) frames without missing values.
    """
    frames = len(x)
    if frames < 8:
        return None
    t = np.arange(frames) - (frames - 1) / 2
    rest = x - x.mean(0) - np.outer(t, (t @ x) / (t @ t))
    power = np.abs(np.fft.rfft(rest, 2 * frames, axis=0)) ** 2
    covariance = np.fft.irfft(power, axis=0)[: frames // 3 + 2]
    used = covariance[0] > 0
    if not used.any():
        return None
    correlation = (covariance[:, used] / covariance[0, used]).mean(1)
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:])) + 1
    peaks = peaks[(peaks >= 2) & (correlation[peaks] >= _LEAST_CORRELATION)]
    if not len(peaks):
        return None
    return int(peaks[np.argmax(correlation[peaks])])


def _with_gaps(sequences: Sequences, index: int) -> np.ndarray:
    """A sequence in double precision, NaN where a value was not observed."""
    x = sequences.x[index].astype(np.float64)
    if sequences.observed is not None:
        x[sequences.observed[index] == 0] = np.nan
    return x


def _changes(series: Sequence[np.ndarray], lag: int) -> np.ndarray:
    """(changes, x_dim), the changes over `lag` frames within each sequence."""
    return np.concatenate([x[lag:] - x[:-lag] if lag < len(x) else x[:0] for x in series])


def _rms(values: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt(np.nanmean(np.square(values), axis=axis))


def _finite(
    statistic: Callable[..., np.ndarray], values: np.ndarray, otherwise: float | np.ndarray
) -> np.ndarray:
    """A statistic of the columns; `otherwise` for columns without a value."""
    empty = np.isnan(values).all(0) if len(values) else np.ones(values.shape[1], bool)
    safe = np.where(empty, 0.0, values) if len(values) else np.zeros((1, values.shape[1]))
    return np.where(empty, otherwise, statistic(safe, axis=0))


def _season_before(x: np.ndarray, period: int, horizon: int) -> np.ndarray:
    """The last season, repeated over the horizon; the last frame where the history is shorter."""
    if len(x) < period:
        return np.repeat(x[-1:], horizon, axis=0)
    return x[len(x) - period + np.arange(horizon) % period]


def _fit_autoregression(series: Sequence[np.ndarray]) -> Autoregression:
    """Least squares over all sequences; the number of lags by the Bayesian information criterion.

    All numbers of lags are compared on the same frames.
    """
    longest = max(len(x) for x in series)
    most = min(_MOST_LAGS, max(0, (longest - 2) // 4), max(0, sum(map(len, series)) // 10))
    rows = [
        np.stack([x[most - lag : len(x) - lag] for lag in range(1, most + 1)], axis=1)
        if most
        else np.empty((len(x), 0))
        for x in series
        if len(x) > most
    ]
    targets = np.concatenate([x[most:] for x in series if len(x) > most])
    lags = np.concatenate(rows)
    best, chosen = np.inf, Autoregression(float(targets.mean()), np.zeros(0), float(targets.std()))
    for order in range(most + 1):
        design = np.column_stack([np.ones(len(targets)), lags[:, :order]])
        weights, *_ = np.linalg.lstsq(design, targets, rcond=None)
        error = float(np.square(targets - design @ weights).mean())
        criterion = len(targets) * np.log(max(error, 1e-300)) + order * np.log(len(targets))
        if criterion < best:
            best = criterion
            freedom = max(1, len(targets) - order - 1)
            scale = float(np.sqrt(error * len(targets) / freedom))
            chosen = Autoregression(float(weights[0]), weights[1:], scale)
    return chosen


def _autoregressive_mean(model: Autoregression, x: np.ndarray, horizon: int) -> np.ndarray:
    order = len(model.weights)
    start = np.concatenate([np.full(order, x[0]), x])  # a short history is continued backwards
    values = list(start[len(start) - order :])
    for _ in range(horizon):
        recent = np.array(values[len(values) - order :])[::-1]
        values.append(model.constant + float(model.weights @ recent))
    return np.array(values[order:])


def _autoregressive_scale(model: Autoregression, horizon: int) -> np.ndarray:
    """Standard deviations of the errors, from the weights of the moving-average form."""
    order = len(model.weights)
    psi = np.zeros(horizon)
    psi[0] = 1.0
    for h in range(1, horizon):
        for lag in range(min(h, order)):
            psi[h] += model.weights[lag] * psi[h - 1 - lag]
    return model.scale * np.sqrt(np.cumsum(np.square(psi)))
