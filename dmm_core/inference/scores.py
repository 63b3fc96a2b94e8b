"""Scores of forecasts: CRPS, coverage of intervals, errors of points, and calibration.

All scores are averaged over the values that were observed. Gneiting and Raftery, "Strictly proper
scoring rules, prediction, and estimation" (2007); Hyndman and Koehler, "Another look at measures of
forecast accuracy" (2006).
"""

from typing import NamedTuple

import numpy as np

from dmm_core.errors import DataError

__all__ = ["GaussianForecast", "Scores", "pit", "score_gaussian", "score_samples"]


class GaussianForecast(NamedTuple):
    """Forecasts that are Gaussian at every horizon and in every feature.

    Attributes:
        loc: (N, horizon, x_dim), the means.
        scale: (N, horizon, x_dim), the standard deviations.
    """

    loc: np.ndarray
    scale: np.ndarray


class Scores(NamedTuple):
    """Scores of a set of forecasts.

    Attributes:
        crps: continuous ranked probability score, in the units of the data; lower is better. It is
            the mean absolute error for a forecast without uncertainty.
        crps_by_feature: (x_dim,), the same for each feature.
        crps_by_horizon: (horizon,), the same for each horizon.
        coverage_50: share of the values within the central 50 % interval.
        coverage_90: share of the values within the central 90 % interval.
        rmse: root mean square error of the mean.
        mae: mean absolute error of the median.
        mae_by_feature: (x_dim,), the same for each feature.
        values: number of observed values that were scored.
    """

    crps: float
    crps_by_feature: np.ndarray
    crps_by_horizon: np.ndarray
    coverage_50: float
    coverage_90: float
    rmse: float
    mae: float
    mae_by_feature: np.ndarray
    values: int


def score_samples(
    samples: np.ndarray, mean: np.ndarray, truth: np.ndarray, observed: np.ndarray | None = None
) -> Scores:
    """Score forecasts that are given as samples.

    The CRPS is estimated by probability-weighted moments. The expectation of this estimate does not
    depend on the number of samples (Taillardat et al., 2016).

    Args:
        samples: (N, sample, horizon, x_dim), two or more samples.
        mean: (N, horizon, x_dim), the means of the forecasts.
        truth: (N, horizon, x_dim), the true values.
        observed: (N, horizon, x_dim), 1 where `truth` was observed; None if all values were.

    Raises:
        DataError: if shapes differ, or no value was observed.
    """
    import scoringrules  # loads scipy.special

    _require_shape("samples", samples[:, 0], truth)
    at_level = np.quantile(samples, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1)
    crps = scoringrules.crps_ensemble(
        truth, samples.astype(np.float64), m_axis=1, estimator="pwm", backend="numpy"
    )
    return _scores(np.asarray(crps), at_level, mean, truth, observed)


def score_gaussian(
    forecast: GaussianForecast, truth: np.ndarray, observed: np.ndarray | None = None
) -> Scores:
    """Score Gaussian forecasts, whose CRPS has a closed form.

    Args:
        forecast: N forecasts.
        truth: (N, horizon, x_dim), the true values.
        observed: (N, horizon, x_dim), 1 where `truth` was observed; None if all values were.

    Raises:
        DataError: if shapes differ, or no value was observed.
    """
    import scoringrules
    from scipy.special import ndtri

    _require_shape("loc", forecast.loc, truth)
    crps = scoringrules.crps_normal(truth, forecast.loc, forecast.scale, backend="numpy")
    at_level = np.stack(
        [forecast.loc + ndtri(level) * forecast.scale for level in (0.05, 0.25, 0.5, 0.75, 0.95)]
    )
    return _scores(np.asarray(crps), at_level, forecast.loc, truth, observed)


def pit(
    samples: np.ndarray,
    truth: np.ndarray,
    observed: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> np.ndarray:
    """The probability integral transform of every observed value, uniform on (0, 1) if calibrated.

    Where samples equal the value, as with counts, a uniform draw breaks the ties (Czado, Gneiting
    and Held, 2009).

    Args:
        samples: (N, sample, horizon, x_dim).
        truth: (N, horizon, x_dim).
        observed: (N, horizon, x_dim), 1 where `truth` was observed; None if all values were.
        seed: seed of the draws that break ties.

    Returns:
        (values,), one number for each observed value.
    """
    below = (samples < truth[:, None]).mean(1)
    ties = (samples == truth[:, None]).mean(1)
    within = np.random.default_rng(seed).random(truth.shape)
    # A forecast of S samples has S + 1 gaps, of which the value takes one.
    count = samples.shape[1]
    at = (below * count + within * (ties * count + 1)) / (count + 1)
    return at if observed is None else at[observed.astype(bool)]


def _require_shape(name: str, found: np.ndarray, truth: np.ndarray) -> None:
    if found.shape != truth.shape:
        raise DataError(
            f"The {name} of the forecasts have the shape {found.shape} and what happened has "
            f"{truth.shape}; both are (forecasts, horizon, features)."
        )


def _scores(
    crps: np.ndarray,
    at_level: np.ndarray,
    mean: np.ndarray,
    truth: np.ndarray,
    observed: np.ndarray | None,
) -> Scores:
    seen = np.ones(truth.shape, bool) if observed is None else observed.astype(bool)
    if not seen.any():
        raise DataError("None of the values to be forecast was observed, so there is no score.")
    low_90, low_50, median, high_50, high_90 = at_level

    def within(low: np.ndarray, high: np.ndarray) -> float:
        return float(((low <= truth) & (truth <= high))[seen].mean())

    def averaged(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        count = seen.sum(axes)
        total = np.where(seen, values, 0.0).sum(axes)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

    return Scores(
        crps=float(crps[seen].mean()),
        crps_by_feature=averaged(crps, (0, 1)),
        crps_by_horizon=averaged(crps, (0, 2)),
        coverage_50=within(low_50, high_50),
        coverage_90=within(low_90, high_90),
        rmse=float(np.sqrt(np.square(mean - truth)[seen].mean())),
        mae=float(np.abs(median - truth)[seen].mean()),
        mae_by_feature=averaged(np.abs(median - truth), (0, 1)),
        values=int(seen.sum()),
    )
