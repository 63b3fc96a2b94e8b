"""Lesson 6: records with holes, and what a model fills in."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.medical import FEATURES
from pages.ui.charts.records import record
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, Watched, chart
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
            help="In addition to the 40 % of all cells that were never observed.",
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
    chart(
        record(data.x[index], observed=observed, features=FEATURES),
        key="record",
        alt="The record of one patient: strong is yes, pale no, blank was not observed.",
    )
    st.caption("A strong cell is yes, a pale one no. A blank cell was never observed.")


def _draw(watched: Sequence[Watched]) -> None:
    (it,) = watched[:1]
    loaded = model_of(it.run)
    if loaded is None:
        st.caption("The first answer appears a few seconds after training begins.")
        _draw_record()
        return
    found = imputed(loaded, int(st.session_state.get("hide", 25)) / 100)
    index = _patient()
    chart(
        figures.filled_in(found.truth[index], found.observed[index], found.chance[index], FEATURES),
        key="filled",
        alt="One patient's record as the model sees it, as it fills it in, and as it truly was.",
    )
    st.caption(
        "A strong cell is yes, a pale one no, in between the probability of yes. Under Shown, a "
        "blank cell was not observed or is hidden; under Filled in, it was shown and needs no "
        "filling."
    )
    _draw_metrics(found)


def _draw_metrics(found: Imputed) -> None:
    hidden = float((found.observed == 0).mean())
    with st.grid("auto", min_column_width=190):
        st.metric("Hidden", f"{hidden:.0%}", help="Of all cells of all test records.")
        st.metric(
            "Filled in correctly",
            f"{found.right:.0%}",
            help="Hidden cells whose more likely value is the true one.",
        )
        st.metric(
            "Cost of the model",
            f"{found.model:.3f} nats",
            help="Per hidden cell: -log of the probability that it gave the truth.",
        )
        st.metric(
            "Guessing by frequency",
            f"{found.share:.3f} nats",
            help="Nats per hidden cell of a guess that knows only how often each feature is 1.",
        )
        st.metric(
            "Best possible",
            f"{found.best:.3f} nats",
            help="Nats per hidden cell of a guess that knows the true state: the rest is chance.",
        )


def _patient() -> int:
    return int(np.clip(int(st.session_state.get("patient", 1)), 1, len(records()))) - 1


LESSON = Lesson(
    title="Missing data",
    question="A test that was not ordered is not a normal result. **Can a model learn from records "
    "with missing values, and fill them in?**",
    experiment="medical",
    explains="""
About 40 % of the cells of a record were never observed, and the slider hides a share of the
others. During training the model leaves out the cells that were never observed, which is the same
as averaging over both of their values, so a missing value is not taken for a "no". Its inference
network is told which cells are missing.

To fill in a record, it infers the patient's states from the cells that are shown, **before and
after** a gap, and asks the emission how likely each hidden feature is in those states. There are
three tables. **Shown** has the cells that the model sees; blank cells were never observed or are
hidden by the slider. **Filled in** has the opposite cells: the probability of 1 that the model
gives to each cell that it does not see, and blank where it saw the value. **Truth** has all
cells, since the patients are simulated.

The model's score lies between a guess that knows only how common each feature is and the best
possible one, which knows the true state; what remains is chance. Hide more cells and see how
slowly the score gets worse: a state is inferred from all features together.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
    parameters=("hide", "patient"),
)
