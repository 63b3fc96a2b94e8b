"""Calibration: widen the intervals of forecasts that are too narrow on the valid split.

A model that was fitted to one part of a series is often too certain about the next part. The
distance of every drawn future to the median of its forecast is multiplied by one factor for each
feature,

    x' = median + factor (x - median),

and the factor is the smallest one, 1 or more, with which the central 90 % intervals hold 90 % of
the observed values of the valid split. This is conformalized quantile regression (Romano, Patterson
and Candès, 2019), with scores in units of the distance from the median to the end of the interval
(Kivaranovic, Johnson and Leeb, "Adaptive, distribution-free prediction intervals for deep
networks", 2020).

For exchangeable data, conformal intervals hold at least 90 % of new values. Forecasts from rolling
origins are not exchangeable: they overlap, and the test split comes later. So the coverage of the
test split is not guaranteed. A backtest measures it.
"""

import math

import numpy as np

from dmm_core.inference.forecasting import Forecast

__all__ = ["LEAST_VALUES", "spread_factor", "widen", "widening_sentence"]

LEAST_VALUES = 20
"""Observed values of a feature that are needed to choose its factor."""

_COVERAGE = 0.9


def spread_factor(
    samples: np.ndarray, truth: np.ndarray, observed: np.ndarray | None = None
) -> np.ndarray:
    """The factor by which forecasts have to be widened so that 90 % intervals hold 90 %.

    With n observed values of a feature, at all origins and horizons, it is the k-th smallest of
    their scores, k = ceil(0.9 (n + 1)), or 1 if that is larger. The score of a value y is the
    factor at which the interval just reaches it: (y - median) / (q95 - median) above the median,
    and (median - y) / (median - q5) below.

    Args:
        samples: (N, sample, horizon, x_dim), the drawn futures of N forecasts.
        truth: (N, horizon, x_dim), the true values.
        observed: (N, horizon, x_dim), 1 where `truth` was observed; None if all values were.

    Returns:
        (x_dim,), 1 or more: an interval is never narrowed. It is 1 for a feature with fewer than
        `LEAST_VALUES` observed values, and where intervals of no width leave no factor to choose.

    Example:
        >>> import numpy as np
        >>> from dmm_core.inference import spread_factor
        >>> rng = np.random.default_rng(0)
        >>> samples, truth = rng.normal(size=(500, 400, 1, 1)), rng.normal(size=(500, 1, 1))
        >>> bool(abs(spread_factor(samples / 3, truth)[0] - 3) < 0.3)  # a third of the true spread
        True
        >>> float(spread_factor(samples * 3, truth)[0])
        1.0
    """
    tail = (1 - _COVERAGE) / 2
    low, median, high = np.quantile(samples, (tail, 0.5, 1 - tail), axis=1)
    away = np.abs(truth - median)
    reach = np.where(truth < median, median - low, high - median)
    scores = np.divide(away, reach, out=np.where(away > 0, np.inf, 0.0), where=reach > 0)
    seen = np.ones(truth.shape, bool) if observed is None else observed.astype(bool)
    factor = np.ones(truth.shape[-1])
    for i in range(len(factor)):
        of_feature = scores[..., i][seen[..., i]]
        if len(of_feature) < LEAST_VALUES:
            continue
        place = math.ceil(_COVERAGE * (len(of_feature) + 1)) - 1
        found = np.partition(of_feature, place)[place]
        if np.isfinite(found):
            factor[i] = max(1.0, found)
    return factor


def widen(forecast: Forecast, factor: np.ndarray) -> Forecast:
    """Widen forecasts about their medians.

    Samples and quantiles move away from the median. The median and the mean stay, because the
    valid split was asked about the spread only; so RMSE and MASE do not change either.

    Args:
        forecast: N forecasts of real features.
        factor: (x_dim,), as `spread_factor` returns it.

    Example:
        >>> import numpy as np
        >>> from dmm_core.inference import Forecast, widen
        >>> samples = np.array([1.0, 2.0, 4.0], np.float32).reshape(1, 3, 1, 1)
        >>> ends = np.quantile(samples, (0.0, 1.0), axis=1).swapaxes(0, 1)
        >>> given = Forecast(np.full((1, 1, 1), 2.5), ends, np.array([0.0, 1.0]), samples)
        >>> widen(given, np.array([2.0])).quantiles.ravel().tolist()
        [0.0, 6.0]
    """
    if (factor == 1).all():
        return forecast
    median = np.quantile(forecast.samples, np.array([0.5]), axis=1)[0][:, None]
    samples = median + factor * (forecast.samples - median)
    quantiles = median + factor * (forecast.quantiles - median)
    return forecast._replace(samples=samples.astype(np.float32), quantiles=quantiles)


def widening_sentence(factor: np.ndarray | None) -> str:
    """What was done to the intervals, as a sentence; empty if nothing was.

    Args:
        factor: (x_dim,), the factor of each feature; None if there is none.

    Example:
        >>> import numpy as np
        >>> from dmm_core.inference.calibration import widening_sentence
        >>> widening_sentence(np.array([1.372]))
        "The model's intervals were widened by 1.37, as the valid split asks."
        >>> widening_sentence(np.array([1.0, 2.5]))
        "The model's intervals were widened by 1.00 to 2.50, as the valid split asks."
    """
    if factor is None or (factor == 1).all():
        return ""
    low, high = f"{factor.min():.2f}", f"{factor.max():.2f}"
    by = high if low == high else f"{low} to {high}"
    return f"The model's intervals were widened by {by}, as the valid split asks."
