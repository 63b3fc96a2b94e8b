"""The forecasts of the duel: of a person, a model, the exact Kalman filter and persistence."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.config.schema import ModelConfig
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.systems import LINEAR_GSSM
from dmm_core.exact.kalman import kalman_forecast
from dmm_core.inference.baselines import Baselines, fit_baselines
from dmm_core.inference.forecasting import QUANTILES, forecast
from dmm_core.inference.scores import GaussianForecast, score_gaussian, score_samples
from dmm_core.training.building import build_model
from pages.ui.learn.models import LessonModel, simulation

__all__ = [
    "DATA",
    "SHARE_SHOWN",
    "Contribution",
    "Series",
    "expected_crps",
    "forecast_of_person",
    "forecasts_of_rivals",
    "known_model",
    "series",
    "series_count",
]

DATA = "linear-gssm"
SHARE_SHOWN = 0.6
"""Share of the frames of a series that the forecasts know."""
_PARTICLES = _SAMPLES = 1000
_SEED = 0


class Series(NamedTuple):
    """A series of the test split.

    Attributes:
        past: (T, 1), the frames that the forecasts know.
        future: (horizon, 1), the frames to forecast.
    """

    past: np.ndarray
    future: np.ndarray


class Contribution(NamedTuple):
    """The forecast of one series by one forecaster.

    Attributes:
        quantiles: (5, horizon), the quantiles at the levels `QUANTILES`.
        crps: continuous ranked probability score, averaged over the frames.
    """

    quantiles: np.ndarray
    crps: float


def series_count() -> int:
    """Return the number of series."""
    return len(simulation(DATA, "test").x)


def series(number: int) -> Series:
    """Return a series by its number, which is counted from 1."""
    x = simulation(DATA, "test").x[number - 1]
    shown = round(SHARE_SHOWN * len(x))
    return Series(x[:shown], x[shown:])


def forecast_of_person(values: np.ndarray, width: float, future: np.ndarray) -> Contribution:
    """Score a forecast drawn by hand: a Gaussian of constant width around the drawn values.

    Args:
        values: (horizon,), the drawn values.
        width: standard deviation. With 0, the CRPS is the mean absolute error.
        future: (horizon, 1), the true values.
    """
    loc = values[None, :, None]
    if width > 0:
        return _gaussian(GaussianForecast(loc, np.full(loc.shape, width)), future)
    equal = np.stack([loc, loc], axis=1)  # a distribution without width, as equal samples
    scores = score_samples(equal, loc, future[None])
    return Contribution(np.broadcast_to(values, (len(QUANTILES), len(values))), scores.crps)


def forecasts_of_rivals(model: LessonModel, number: int) -> dict[str, Contribution]:
    """Forecast and score a series by a model, the Kalman filter and persistence."""
    return _forecasts(model.model, model.key, number)


@st.cache_data(max_entries=1000, show_spinner=False)
def _forecasts(_model: object, key: str, number: int) -> dict[str, Contribution]:
    past, future = series(number)
    horizon = len(future)
    # 1. The model: its particle filter and drawn futures.
    sequences = Sequences((past.astype(np.float32),), ("",))
    found = forecast(
        _model,  # pyright: ignore[reportArgumentType]
        sequences,
        horizon=horizon,
        seed=_SEED,
        samples=_SAMPLES,
        particles=_PARTICLES,
    )
    scores = score_samples(found.samples, found.mean, future[None])
    # 2. The exact forecast.
    exact = kalman_forecast(LINEAR_GSSM, past[None], horizon)
    scale = np.sqrt(np.diagonal(exact.cov, axis1=1, axis2=2))
    # 3. The last value, with an uncertainty that grows like that of a random walk.
    persistence = _baselines().forecasts([past], horizon)["persistence"]
    return {
        "Model": Contribution(found.quantiles[0, :, :, 0], scores.crps),
        "Kalman filter": _gaussian(GaussianForecast(exact.loc, scale[None]), future),
        "Persistence": _gaussian(persistence, future),
    }


def expected_crps() -> float:
    """Return the expected CRPS of the Kalman filter, the lowest that a forecast can have.

    The expected CRPS of N(m, s^2) for a value from the same distribution is s / sqrt(pi).
    """
    past, future = series(1)
    cov = kalman_forecast(LINEAR_GSSM, past[None], len(future)).cov
    return float(np.sqrt(cov[:, 0, 0] / np.pi).mean())


@st.cache_resource(show_spinner=False)
def known_model() -> LessonModel:
    """Return a model that has the equations of the system. Its inference network is not trained.

    Half of the particles are proposed by the transition, and the weights correct for q. So the
    forecast approaches the exact one with the number of particles, for any q.
    """
    config = ModelConfig(z_dim=1, system=DATA, emission="gaussian", rnn_size=8)
    return LessonModel(build_model(config, DataSpec("real", 1, DATA), seed=_SEED), "known")


@st.cache_resource(show_spinner=False)
def _baselines() -> Baselines:
    x = simulation(DATA, "train").x
    return fit_baselines(Sequences(tuple(x), ("",) * len(x)))


def _gaussian(made: GaussianForecast, future: np.ndarray) -> Contribution:
    """The quantiles and the CRPS of one Gaussian forecast of shape (1, horizon, 1)."""
    levels = np.array([NormalDist().inv_cdf(level) for level in QUANTILES])
    quantiles = made.loc[0, :, 0] + levels[:, None] * made.scale[0, :, 0]
    return Contribution(quantiles, score_gaussian(made, future[None]).crps)
