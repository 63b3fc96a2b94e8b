"""Lesson 6: records with holes, and what a model fills in."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config import RunConfig
from dmm_core.data.medical import FEATURES
from dmm_core.lessons import Experiment
from pages.ui import frame
from pages.ui.charts.records import record
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, Watched
from pages.ui.learn.models import model_of
from pages.ui.learn.patients import Imputed, imputed, records

__all__ = ["LESSON"]


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    with st.grid("auto", min_column_width=220):
        st.slider(
            "Hide more of what was seen, %",
            0,
            90,
            25,
            step=5,
            key="hide",
            bind="query-params",
            help="On top of the 40 % that nobody observed.",
        )
        st.number_input(
            "Patient", 1, len(records()), 1, key="patient", bind="query-params", width=150
        )
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _before(experiment: Experiment) -> None:
    _draw_record()


def _draw_record() -> None:
    data, index = records(), _patient()
    observed = None if data.observed is None else data.observed[index]
    frame.chart(
        record(data.x[index], observed=observed, features=FEATURES),
        key="record",
        alt="The record of one patient: strong is yes, pale no, blank was not observed.",
    )


def _draw(watched: Sequence[Watched]) -> None:
    (it,) = watched[:1]
    loaded = model_of(it.run)
    if loaded is None:
        st.caption("The first answer comes a few seconds into the training.")
        _draw_record()
        return
    found = imputed(loaded, int(st.session_state.get("hide", 25)) / 100)
    _draw_metrics(found)
    index = _patient()
    frame.chart(
        figures.filled_in(found.truth[index], found.observed[index], found.chance[index], FEATURES),
        key="filled",
        alt="One patient's record as the model sees it, as it fills it in, and as it truly was.",
    )


def _draw_metrics(found: Imputed) -> None:
    hidden = float((found.observed == 0).mean())
    with st.grid("auto", min_column_width=140):
        st.metric("Hidden", f"{hidden:.0%}", help="Of all cells of all test records.")
        st.metric(
            "Filled in rightly",
            f"{found.right:.0%}",
            help="Hidden cells whose more likely value is the true one.",
        )
        st.metric(
            "The model needs",
            f"{found.model:.3f} nats",
            help="Per hidden cell: -log of the probability that it gave the truth.",
        )
        st.metric(
            "A guess by share needs",
            f"{found.share:.3f} nats",
            help="Who knows only how often each feature is 1.",
        )
        st.metric(
            "The best there is",
            f"{found.best:.3f} nats",
            help="Who knows the true state: what then remains is chance.",
        )


def _patient() -> int:
    return int(np.clip(int(st.session_state.get("patient", 1)), 1, len(records()))) - 1


LESSON = Lesson(
    title="Missing data",
    question="A lab that was not ordered is not a lab that was fine. **Can a model learn from "
    "records full of holes, and fill them in?**",
    experiment="medical",
    explains="""
Blank cells were never observed. While it learns, the model leaves them out of the likelihood,
which is the same as averaging over both of their values: it is neither punished nor rewarded
for what it thinks of them, and no hole is taken for a "no". Its inference network is told which
cells are holes.

To fill a record in, it infers the patient's states from what is there, **before and after** the
hole, and asks the emission how likely each hidden feature is in those states. The picture shows
what it was shown, the probabilities it gives to every hidden cell, and what was truly there.
Its score lies between the guess that knows only how common each feature is and the best
possible one, which knows the true state; the rest is chance that nobody can know. Hide more,
and watch how slowly it gets worse: what the labs say together, the state remembers.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
    parameters=("hide", "patient"),
)
