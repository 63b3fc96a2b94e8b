"""Lesson 7: forecasts drawn by hand against a model, the Kalman filter and persistence."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from pages.ui import charts
from pages.ui.drawing import DrawnForecast, drawing
from pages.ui.learn.contest import (
    Contribution,
    Series,
    expected_crps,
    forecast_of_person,
    forecasts_of_rivals,
    known_model,
    series,
    series_count,
)
from pages.ui.learn.lesson import Lesson, TrainingSnapshot, chart
from pages.ui.learn.models import LessonModel, newest_model

__all__ = ["LESSON"]

_ROUNDS = "duel.rounds"
"""Session state key of the forecasts of this session, by the number of their series."""
_MARGIN = 15.0
"""How far beyond the observed values a person can draw: about two standard deviations."""
_FAN_HEIGHT = 230
_KNOWN = (
    "**The model** has the equations of the system, and its particle filter forecasts. "
    "**Run experiment** trains a model that has to learn the equations."
)
_LEARNED = (
    "**The model** is the result of this training: it learned its equations from 5,000 series, and "
    "its particle filter forecasts."
)


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw_preview(experiment: Experiment) -> None:
    _draw_duel(known_model(), _KNOWN)


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    (snapshot,) = snapshots[:1]
    trained = None if snapshot.active else newest_model(snapshot.run)
    if trained is None:
        _draw_duel(known_model(), _KNOWN)
    else:
        _draw_duel(trained, _LEARNED)


def _draw_duel(model: LessonModel, description: str) -> None:
    """Draw a series to forecast, or the scores if this session has forecast it."""
    rounds: dict[int, DrawnForecast] = st.session_state.setdefault(_ROUNDS, {})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = int(
            st.number_input(
                "Series", 1, series_count(), 1, key="series", bind="query-params", width=150
            )
        )
        st.button(
            "Next series",
            icon=":material/skip_next:",
            key="next_series",
            on_click=_open_series,
            args=(number % series_count() + 1,),
        )
        st.button(
            "Clear scores",
            icon=":material/delete:",
            key="clear_scores",
            disabled=not rounds,
            on_click=rounds.clear,
            help="Forgets all forecasts that you drew.",
        )
    shown = series(number)
    if number in rounds:
        found = {each: _contributions(model, each, drawn) for each, drawn in rounds.items()}
        _draw_scores(found, number)
        _draw_fans(shown, found[number])
    else:
        _draw_pad(shown, number, rounds)
    st.caption(description)


def _open_series(number: int) -> None:
    st.session_state["series"] = number


def _draw_pad(shown: Series, number: int, rounds: dict[int, DrawnForecast]) -> None:
    def submit(forecast: DrawnForecast) -> None:
        rounds[number] = forecast

    latest = next(reversed(rounds.values()), None)
    drawing(
        shown.past[:, 0],
        identity=f"series {number}",
        horizon=len(shown.future),
        low=float(np.floor(shown.past.min() - _MARGIN)),
        high=float(np.ceil(shown.past.max() + _MARGIN)),
        width=latest.width if latest else 0.0,
        key="future",
        on_forecast=submit,
    )


def _contributions(
    model: LessonModel, number: int, drawn: DrawnForecast
) -> dict[str, Contribution]:
    """The forecasts of one series, by the name of the forecaster."""
    person = forecast_of_person(np.array(drawn.values), drawn.width, series(number).future)
    return {"You": person} | forecasts_of_rivals(model, number)


def _draw_fans(shown: Series, found: Mapping[str, Contribution]) -> None:
    values = np.concatenate([shown.past, shown.future])[:, 0]
    origin, frames = len(shown.past), np.arange(1, len(values) + 1)
    everything = np.concatenate([values, *(each.quantiles.ravel() for each in found.values())])
    limits = [float(everything.min()) - 1, float(everything.max()) + 1]
    cells = [cell for _ in range(0, len(found), 2) for cell in st.columns(2)]
    for cell, (name, each) in zip(cells, found.items(), strict=True):
        with cell:
            figure = charts.fan_chart(
                frames,
                values,
                charts.Fan(frames[origin:], each.quantiles, name),
                title="x",
                x_title="Frame",
                truth=slice(origin, None),
                origin=origin + 0.5,
            )
            figure.update_layout(
                height=_FAN_HEIGHT, showlegend=False, yaxis_range=limits, margin={"t": 8, "b": 8}
            )
            st.markdown(f"**{name}**: CRPS {each.crps:.2f}")
            chart(
                figure,
                key=f"fan-{name}",
                alt=f"The forecast, {name}: median, 50 % and 90 % interval, and what happened.",
            )
    st.caption(
        "The dashed line is the median, the dark band the central 50 % interval, and the light "
        "band the central 90 % interval. Diamonds are what happened."
    )


def _draw_scores(found: Mapping[int, Mapping[str, Contribution]], number: int) -> None:
    """Draw the scores of one series, and those of all series that were forecast."""
    count = len(found)
    rows = []
    for name, this in found[number].items():
        total = sum(of[name].crps for of in found.values())
        rows.append(
            {
                "Forecast": name,
                f"CRPS of series {number}": f"{this.crps:.2f}",
                "Total": f"{total:.2f}",
                "Mean": f"{total / count:.2f}",
            }
        )
    st.table(rows, border="horizontal", hide_index=True)
    st.caption(
        f"Lower is better. Series that you forecast so far: {count}. The expected CRPS of the "
        f"Kalman filter is {expected_crps():.2f}; in a single series, chance decides more."
    )


LESSON = Lesson(
    title="Duel",
    question="**Can you forecast a series better than a model?** Draw the next ten frames, choose "
    "the width of your forecast, and submit it. Then all forecasts are scored by the CRPS.",
    experiment="duel",
    explanation="""
A forecast is a distribution, and the CRPS compares it with the value that happened; without a
width, it is the absolute error. A wiggly drawing may look like the past, but it loses against the
mean, because nobody knows the noise of the future. The width matters: a narrow forecast is
punished when it is wrong, and a wide one is never very good. The Kalman filter knows the true
distribution of the future of this system, so nobody beats it on average. In a single series,
luck may win.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
    parameters=("series",),
    defaults=lambda _: {"series": 1},
)
