"""The views of the Forecast page: Forecast, Reconstruct, Impute and Simulate."""

import csv
import io

import numpy as np
import streamlit as st

from dmm_core.errors import DataError
from dmm_core.inference.backtest import Backtest
from dmm_core.inference.calibration import widen, widening_sentence
from dmm_core.inference.forecasting import Forecast
from pages.ui import charts, frame
from pages.ui.forecast import computations
from pages.ui.forecast.selection import Selection, feature_names

__all__ = ["draw_forecast", "draw_imputation", "draw_reconstruction", "draw_simulation"]

_DEFAULT_HORIZON = 12
_MOST_HISTORY = 300
"""Frames before the origin that the chart shows; a double click shows no more than these."""


def draw_forecast(selection: Selection) -> None:
    """Draw a fan chart from an origin, and below it the scores of forecasts from many origins."""
    if selection.frames < 2:
        raise DataError("A sequence of one frame cannot be forecast; choose a longer one.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        horizon = _ask_number(
            "Horizon",
            "horizon",
            1,
            computations.most_horizon(selection.data.spec.x_dim),
            _DEFAULT_HORIZON,
            "Frames to forecast.",
        )
        origin = _ask_number(
            "Known frames",
            "origin",
            1,
            selection.frames,
            _default_origin(selection, horizon),
            "The forecast begins after these frames. What happened after them is drawn, but the "
            "forecast does not know it.",
        )
        calibrated = selection.data.kind == "real" and st.toggle(
            "Calibrate the intervals",
            value=True,
            key="calibrate",
            bind="query-params",
            help="Intervals that are too narrow are widened until the 90 % intervals hold 90 % of "
            "the valid split.",
        )
    found = computations.forecasts(selection, origin, horizon)
    factor = computations.widening(selection, horizon) if calibrated else None
    if factor is not None:
        found = widen(found, factor)
    _draw_fan(selection, found, origin, horizon)
    if sentence := widening_sentence(factor):
        st.caption(sentence)
    elif calibrated and factor is None:
        too_long = not computations.origins_for(selection, horizon, "valid")
        reason = (
            "comparing them with the valid split takes too long for a page. `dmm forecast` does it."
            if too_long
            else "the valid split is too short for this horizon."
        )
        st.caption(f"The intervals are the model's own, not calibrated: {reason}")
    with st.container(horizontal=True):
        st.download_button(
            "Download",
            _csv(selection, found, origin),
            file_name="forecast.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="download",
            help="The mean and the quantiles of every feature and frame, as a CSV file.",
        )
        score = st.toggle(
            "Score against simple forecasts",
            value=True,
            key="score",
            bind="query-params",
            help=f"Forecasts from up to {computations.ORIGINS} origins of the test split are "
            "compared with what happened.",
        )
    if score:
        _draw_scores(selection, horizon, factor, calibrated)


def draw_reconstruction(selection: Selection) -> None:
    """Draw the frames of a sequence as the model reconstructs them from its posterior."""
    first = _ask_first(selection)
    found = computations.reconstructed(selection, first)
    _draw_band(selection, first, found.quantiles, found.samples, "Reconstruction")
    error = np.abs(found.mean[:, selection.feature] - selection.values[first:][: len(found.mean)])
    inside = _share_inside(selection, first, found.quantiles)
    st.caption(
        f"The mean absolute error of the reconstruction is {np.nanmean(error):.4g}, and "
        f"{inside:.0%} of the values lie within the 90 % interval. The interval is that of "
        "p(x given z) over states z of the posterior, which sees the whole sequence."
    )


def draw_imputation(selection: Selection) -> None:
    """Draw the imputation of missing values, and of a share of the values that is hidden."""
    first = _ask_first(selection)
    with st.container(horizontal=True):
        percent = _ask_number(
            "Hidden values (%)", "hidden", 0, 90, 20, "Share of the observed values that is hidden."
        )
        seed = _ask_number("Seed", "hide_seed", 0, 10_000, 0, "Decides which values are hidden.")
    hidden, found = computations.imputed(selection, first, percent / 100, seed)
    assert hidden.observed is not None, "hide marks what is observed"
    seen = hidden.observed[0][:, selection.feature] == 1
    values = selection.values[first:][: len(seen)]
    gone = np.isfinite(values) & ~seen
    _draw_band(selection, first, found.quantiles, found.samples, "Imputation", hidden=gone)
    if not gone.any():
        st.caption("No value of this feature is hidden, so there is nothing to compare.")
        return
    guess = found.mean[:, selection.feature]
    error = float(np.abs(guess - values)[gone].mean())
    plain = float(np.abs(values[seen].mean() - values[gone]).mean()) if seen.any() else np.nan
    low, high = found.quantiles[0, :, selection.feature], found.quantiles[4, :, selection.feature]
    inside = float(((low <= values) & (values <= high))[gone].mean())
    st.caption(
        f"The mean absolute error over the {int(gone.sum()):,} hidden values is {error:.4g}; with "
        f"the mean of the observed values it would be {plain:.4g}. {inside:.0%} of the hidden "
        "values lie within the 90 % interval."
    )


def draw_simulation(selection: Selection) -> None:
    """Draw sequences that are sampled from the prior."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        needs_inputs = selection.sequences.u is not None or selection.sequences.c is not None
        usual = selection.frames if needs_inputs else max(selection.frames, 50)
        frames = _ask_number("Frames", "frames", 2, 1000, min(usual, 200), "Length of each.")
        count = _ask_number("Simulations", "count", 1, 8, 3, "Number of sequences.")
        seed = _ask_number("Seed", "seed", 0, 10_000, 0, "Another seed draws other sequences.")
        temperature = st.slider(
            "Temperature of z",
            0.0,
            2.0,
            1.0,
            0.1,
            key="z",
            bind="query-params",
            help="Factor of the noise of the transition; 0 gives the path of its means.",
        )
    drawn = computations.simulated(selection, count, frames, temperature, seed)
    frame.chart(
        charts.simulations(
            selection.times(0, frames),
            drawn[..., selection.feature],
            title=selection.feature_name,
            x_title=selection.x_title,
        ),
        key="simulations",
        alt=f"{selection.feature_name} of {count} simulated sequences.",
    )
    values = selection.values
    st.caption(
        f"The simulations have mean {drawn[..., selection.feature].mean():.4g} and standard "
        f"deviation {drawn[..., selection.feature].std():.4g}; this sequence has "
        f"{np.nanmean(values):.4g} and {np.nanstd(values):.4g}."
    )


def _default_origin(selection: Selection, horizon: int) -> int:
    """The first held-out frame, or as late as the horizon allows."""
    if selection.first is not None:
        return max(1, min(selection.first, selection.frames))
    return max(1, selection.frames - horizon, selection.frames // 2)


def _ask_number(label: str, key: str, low: int, high: int, default: int, help: str) -> int:
    return int(
        st.number_input(
            label,
            low,
            high,
            min(max(default, low), high),
            key=key,
            bind="query-params",
            help=help,
            width=170,
        )
    )


def _ask_first(selection: Selection) -> int:
    """The first frame of the part that is shown; 0 unless the sequence is long."""
    part = computations.most_read(selection.data.spec.x_dim)
    if selection.frames <= part:
        return 0
    most = selection.frames - part
    return _ask_number("First frame", "first", 0, most, most, f"{part:,} frames are shown.")


def _draw_fan(selection: Selection, found: Forecast, origin: int, horizon: int) -> None:
    first = max(0, origin - _MOST_HISTORY)
    end = min(selection.frames, origin + horizon)
    times = selection.times(first, end - first)
    ahead = selection.times(origin, horizon)
    if _draw_symbols(selection, ahead, found.samples[0]):
        return
    frame.chart(
        charts.fan_chart(
            times,
            selection.values[first:end],
            charts.Fan(ahead, found.quantiles[0, ..., selection.feature]),
            title=selection.feature_name,
            x_title=selection.x_title,
            truth=slice(origin - first, None) if end > origin else None,
            origin=times[origin - first - 1],
        ),
        key="fan",
        alt=f"Forecast of {selection.feature_name} with its 50 and 90 % intervals.",
    )


def _draw_band(
    selection: Selection,
    first: int,
    quantiles: np.ndarray,
    samples: np.ndarray,
    name: str,
    hidden: np.ndarray | None = None,
) -> None:
    frames = quantiles.shape[1]
    times = selection.times(first, frames)
    if _draw_symbols(selection, times, samples):
        return
    values = selection.values[first : first + frames]
    figure = charts.fan_chart(
        times,
        values if hidden is None else np.where(hidden, np.nan, values),
        charts.Fan(times, quantiles[..., selection.feature], name),
        title=selection.feature_name,
        x_title=selection.x_title,
    )
    if hidden is not None and hidden.any():
        figure.add_scatter(
            x=times[hidden],
            y=values[hidden].astype(np.float32),
            name="Hidden value",
            mode="markers",
            marker={"symbol": "diamond", "size": 7},
            hovertemplate="%{y:.4g}",
        )
    frame.chart(
        figure,
        key="band",
        alt=f"{name} of {selection.feature_name} with its 50 and 90 % intervals.",
    )


def _draw_symbols(selection: Selection, times: np.ndarray, samples: np.ndarray) -> bool:
    """Draw the probability of each symbol, if the data are categorical; whether they are."""
    categories = selection.data.spec.categories
    if categories is None:
        return False
    drawn = samples[..., selection.feature].astype(int)
    shares = np.stack([(drawn == symbol).mean(0) for symbol in range(categories)], axis=-1)
    frame.chart(
        charts.symbol_shares(times, shares, x_title=selection.x_title),
        key="symbols",
        alt=f"The probability of each symbol of {selection.feature_name}.",
    )
    return True


def _share_inside(selection: Selection, first: int, quantiles: np.ndarray) -> float:
    low, high = quantiles[0, :, selection.feature], quantiles[4, :, selection.feature]
    values = selection.values[first:][: len(low)]
    seen = np.isfinite(values)
    return float(((low <= values) & (values <= high))[seen].mean()) if seen.any() else np.nan


def _draw_scores(
    selection: Selection, horizon: int, factor: np.ndarray | None, calibrated: bool
) -> None:
    is_real = selection.data.kind == "real"
    if selection.data.spec.categories is not None:
        return  # a score of numbers says nothing about symbols
    origins = computations.origins_for(selection, horizon)
    if not origins:
        st.info(
            "Scoring this data set takes too long for a page. This command scores it:",
            icon=":material/terminal:",
        )
        _draw_command(selection, horizon, computations.ORIGINS, raw=is_real and not calibrated)
        return
    found = computations.scores(selection, horizon, origins, factor)
    model, *others = found.rows
    better = all(model.scores.crps < row.scores.crps for row in others)
    show = st.success if better else st.info
    show(frame.escape_markdown(found.verdict, 800), icon=":material/scoreboard:")
    st.table(_rows(found), border="horizontal", hide_index=True)
    left, right = st.columns(2)
    with left:
        frame.chart(
            charts.scores_by_horizon(
                [(row.name, row.scores.crps_by_horizon) for row in found.rows]
            ),
            key="by_horizon",
            alt="The CRPS of each forecast at each horizon.",
        )
    with right:
        frame.chart(
            charts.calibration(found.calibration),
            key="calibration",
            alt="The share of the values in each tenth of the forecast distribution.",
        )
    season = f" A season is taken to be {found.period} frames." if found.period else ""
    st.caption(
        f"These are the scores of forecasts from {found.origins} origins of the test split. The "
        "CRPS is a mean absolute error that takes the uncertainty of a forecast into account; "
        "lower is better. "
        "The bars are level if the intervals are right: a hill means that they are too wide, a "
        f"valley that they are too narrow.{season} The command gives the same numbers:"
    )
    _draw_command(selection, horizon, origins, raw=is_real and factor is None)


def _draw_command(selection: Selection, horizon: int, origins: int, *, raw: bool) -> None:
    st.code(
        f"dmm forecast {selection.loaded.source.id} --backtest --horizon {horizon} "
        f"--origins {origins} --samples {computations.SAMPLES} "
        f"--particles {computations.PARTICLES}{' --raw' if raw else ''}",
        language=None,
        wrap_lines=True,
    )


def _rows(found: Backtest) -> list[dict[str, str]]:
    best = min(row.scores.crps for row in found.rows)

    def bold(value: float) -> str:
        text = f"{value:.4g}"
        return f"**{text}**" if value == best else text

    return [
        {
            "Forecast": row.name[:1].upper() + row.name[1:],
            "CRPS": bold(row.scores.crps),
            "Within 50 %": f"{row.scores.coverage_50:.0%}",
            "Within 90 %": f"{row.scores.coverage_90:.0%}",
            "RMSE": f"{row.scores.rmse:.4g}",
            "MASE": f"{row.mase:.3f}",
        }
        for row in found.rows
    ]


def _csv(selection: Selection, found: Forecast, origin: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    levels = [f"q{level:g}" for level in found.levels]
    writer.writerow([selection.x_title, "feature", "mean", *levels])
    for step, time in enumerate(selection.times(origin, found.mean.shape[1])):
        for i, name in enumerate(feature_names(selection.data)):
            quantiles = found.quantiles[0, :, step, i].tolist()
            writer.writerow([time, name, float(found.mean[0, step, i]), *quantiles])
    return text.getvalue().encode()
