"""Cached computations of the Forecast page, within bounds on their work."""

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.errors import DataError
from dmm_core.inference.backtest import Backtest, backtest, fit_widening, held_out
from dmm_core.inference.forecasting import Forecast, Origin, forecast_from
from dmm_core.inference.imputation import hide
from dmm_core.inference.predictive import Predictive, imputed_frames, reconstructed_frames
from dmm_core.inference.sampling import sample
from dmm_core.nn.dmm import DMM
from pages.ui.forecast.selection import MAX_FRAMES, Selection

__all__ = [
    "ORIGINS",
    "PARTICLES",
    "SAMPLES",
    "SEED",
    "forecasts",
    "imputed",
    "most_horizon",
    "most_read",
    "origins_for",
    "reconstructed",
    "scores",
    "simulated",
    "widening",
]

SAMPLES, PARTICLES, ORIGINS, SEED = 200, 200, 100, 0
"""Numbers of the forecasts and scores on the page; the command `forecast` takes the same."""

_MOST_READ = 2000
_MOST_HORIZON = 200
_MOST_NUMBERS = 2**24
"""Numbers that are drawn at once: 64 MB, of which a computation holds a few copies."""
_MOST_STEPS = 20_000
"""Steps of filters and forecasts for the scores; they take about a minute."""
_SMOOTHED_PARTICLES = 100


def most_read(x_dim: int) -> int:
    """Largest number of frames of a sequence that are reconstructed or imputed."""
    return max(1, min(_MOST_READ, _MOST_NUMBERS // (SAMPLES * x_dim)))


def most_horizon(x_dim: int) -> int:
    """Largest horizon of a forecast."""
    return max(1, min(_MOST_HORIZON, _MOST_NUMBERS // (SAMPLES * x_dim)))


def origins_for(selection: Selection, horizon: int, split: str = "test") -> int:
    """Number of origins of a split to forecast: at most `ORIGINS`, and fewer for many features.

    0 if it would take too long for a page.
    """
    x_dim = selection.data.spec.x_dim
    origins = min(ORIGINS, _MOST_NUMBERS // (SAMPLES * horizon * x_dim))
    part = held_out(selection.data, split)
    filtered = int(np.sort(part.sequences.lengths)[-origins:].sum()) if origins else 0
    fitted = selection.data.train.frames * x_dim
    if filtered + origins * horizon > _MOST_STEPS or fitted > _MOST_NUMBERS // 8:
        return 0
    return origins


def widening(selection: Selection, horizon: int) -> np.ndarray | None:
    """The factors by which intervals are widened, as the command `forecast` chooses them.

    None if choosing them would take too long for a page, the data are not real values, or the valid
    split is too short.
    """
    origins = origins_for(selection, horizon, "valid")
    if not origins or selection.data.kind != "real":
        return None
    return _widening(
        selection.loaded.model, selection.loaded.key, selection.data, selection.data.name,
        horizon, origins,
    )  # fmt: skip


def forecasts(selection: Selection, origin: int, horizon: int) -> Forecast:
    """Forecast the selected sequence from a frame, as the command `forecast` does.

    Raises:
        DataError: if the model needs actions or covariates that the data do not have.
    """
    return _forecasts(
        selection.loaded.model,
        selection.loaded.key,
        selection.sequences,
        selection.key,
        selection.number,
        origin,
        horizon,
    )


def scores(selection: Selection, horizon: int, origins: int, factor: np.ndarray | None) -> Backtest:
    """Score forecasts of the test split, as the command `forecast --backtest` does.

    Args:
        selection: what is selected.
        horizon: frames of a forecast.
        origins: largest number of origins.
        factor: the factors of `widening`; None for intervals as the model has them.

    Raises:
        DataError: if no sequence is long enough for the horizon.
    """
    return _scores(
        selection.loaded.model, selection.loaded.key, selection.data, selection.data.name,
        horizon, origins, factor,
    )  # fmt: skip


def reconstructed(selection: Selection, first: int) -> Predictive:
    """Reconstruct at most `most_read` frames of the selected sequence, from `first` on."""
    return _reconstructed(
        selection.loaded.model,
        selection.loaded.key,
        _part(selection, first),
        f"{selection.key}, {selection.number}, {first}",
    )


def imputed(
    selection: Selection, first: int, share: float, seed: int
) -> tuple[Sequences, Predictive]:
    """Hide a share of the observed values, and impute everything that is missing.

    Raises:
        DataError: if the model cannot leave features out.
    """
    hidden = hide(_part(selection, first), share, seed=seed)
    return hidden, _imputed(
        selection.loaded.model,
        selection.loaded.key,
        hidden,
        f"{selection.key}, {selection.number}, {first}, {share}, {seed}",
    )


def simulated(
    selection: Selection, count: int, frames: int, temperature: float, seed: int
) -> np.ndarray:
    """Simulate sequences with the inputs of the selected one, (count, frames, x_dim).

    Raises:
        DataError: if the model needs actions or covariates of more frames than the sequence has.
    """
    u, c = (
        None if part is None else part[selection.number][:frames]
        for part in (selection.sequences.u, selection.sequences.c)
    )
    if any(part is not None and len(part) < frames for part in (u, c)):
        raise DataError(
            f"The model needs the actions or covariates of {frames} frames, but this sequence has "
            f"{selection.frames}: simulate fewer frames, or choose a longer sequence."
        )
    return _simulated(
        selection.loaded.model, selection.loaded.key, count, frames, temperature, seed, u, c
    )


def _part(selection: Selection, first: int) -> Sequences:
    frames = most_read(selection.data.spec.x_dim)
    return selection.sequences.one(selection.number).between(first, first + frames)


@st.cache_data(max_entries=32, show_spinner="Forecasting")
def _forecasts(
    _model: DMM,
    key: str,
    _sequences: Sequences,
    sequences_key: str,
    number: int,
    origin: int,
    horizon: int,
) -> Forecast:
    first = max(0, origin - MAX_FRAMES)
    length = int(_sequences.lengths[number])
    one = _sequences.one(number).between(first, length)

    def future(arrays: tuple[np.ndarray, ...] | None, called: str) -> np.ndarray | None:
        if arrays is None:
            return None
        known = arrays[0][origin - first : origin - first + horizon]
        if len(known) < horizon:
            raise DataError(
                f"The model needs the {called} of all {horizon} frames after the origin, but the "
                f"sequence has {len(known)} of them: choose an earlier origin or a shorter horizon."
            )
        return known[None]

    return forecast_from(
        _model,
        one,
        [Origin(0, origin - first)],
        horizon=horizon,
        seed=SEED,
        samples=SAMPLES,
        particles=PARTICLES,
        u=future(one.u, "actions"),
        c=future(one.c, "covariates"),
    )


@st.cache_data(max_entries=64, show_spinner="Comparing intervals with the valid split")
def _widening(
    _model: DMM, key: str, _data: Splits, data_key: str, horizon: int, origins: int
) -> np.ndarray | None:
    return fit_widening(
        _model,
        _data,
        horizon=horizon,
        seed=SEED,
        most_origins=origins,
        samples=SAMPLES,
        particles=PARTICLES,
    )


@st.cache_data(max_entries=16, show_spinner="Scoring forecasts from many origins")
def _scores(
    _model: DMM,
    key: str,
    _data: Splits,
    data_key: str,
    horizon: int,
    origins: int,
    factor: np.ndarray | None,
) -> Backtest:
    return backtest(
        _model,
        _data,
        horizon=horizon,
        seed=SEED,
        most_origins=origins,
        samples=SAMPLES,
        particles=PARTICLES,
        calibrate=False if factor is None else factor,
    )


@st.cache_data(max_entries=16, show_spinner="Reconstructing")
def _reconstructed(_model: DMM, key: str, _one: Sequences, one_key: str) -> Predictive:
    u, observed, c = (None if part is None else part[0] for part in (_one.u, _one.observed, _one.c))
    return reconstructed_frames(
        _model, _one.x[0], seed=SEED, draws=100, u=u, observed=observed, c=c
    )


@st.cache_data(max_entries=16, show_spinner="Imputing")
def _imputed(_model: DMM, key: str, _one: Sequences, one_key: str) -> Predictive:
    return imputed_frames(_model, _one, seed=SEED, draws=SAMPLES, particles=_SMOOTHED_PARTICLES)


@st.cache_data(max_entries=16, show_spinner="Simulating")
def _simulated(
    _model: DMM,
    key: str,
    count: int,
    frames: int,
    temperature: float,
    seed: int,
    u: np.ndarray | None,
    c: np.ndarray | None,
) -> np.ndarray:
    drawn = sample(
        _model, count=count, frames=frames, seed=seed, z_temperature=temperature, u=u, c=c
    )
    return drawn.x.numpy()
