"""Lesson 6: learning from records with missing values, and imputing them."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.medical import FEATURES
from pages.ui.charts.records import record
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, TrainingSnapshot, chart
from pages.ui.learn.models import newest_model
from pages.ui.learn.patients import ImputationResult, imputation, records

__all__ = ["LESSON"]

_HIDDEN = 25
"""Default of the additional hidden values, in percent."""


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    with st.grid("auto", min_column_width=220):
        st.slider(
            "Additional hidden values, %",
            0,
            90,
            _HIDDEN,
            step=5,
            key="hide",
            bind="query-params",
            help="The share of the observed values to hide, in addition to the 40 % of all values "
            "that were never observed.",
        )
        st.number_input(
            "Patient", 1, len(records()), 1, key="patient", bind="query-params", width=150
        )
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw_preview(experiment: Experiment) -> None:
    _draw_record()


def _draw_record() -> None:
    data, index = records(), _patient()
    observed = None if data.observed is None else data.observed[index]
    chart(
        record(data.x[index], observed=observed, features=FEATURES),
        key="record",
        alt="The record of one patient. Coloured cells are 1, grey cells 0, blank cells missing.",
    )
    st.caption("A coloured cell is 1 and a grey cell is 0. A blank cell was not observed.")


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    (snapshot,) = snapshots[:1]
    loaded = newest_model(snapshot.run)
    if loaded is None:
        st.caption("The first result will appear a few seconds after training starts.")
        _draw_record()
        return
    found = imputation(loaded, int(st.session_state.get("hide", _HIDDEN)) / 100)
    index = _patient()
    chart(
        figures.imputation_tables(
            found.truth[index], found.observed[index], found.probability[index], FEATURES
        ),
        key="filled",
        alt="The record of one patient: observed values, imputed probabilities, and true values.",
    )
    st.caption(
        "The stronger the colour of a cell, the higher its value or probability. In Observed, "
        "blank cells are missing or hidden. In Imputed, blank cells are those that the model saw."
    )
    _draw_metrics(found)


def _draw_metrics(found: ImputationResult) -> None:
    hidden = float((found.observed == 0).mean())
    with st.grid("auto", min_column_width=190):
        st.metric(
            "Missing or hidden",
            f"{hidden:.0%}",
            help="The share of missing or hidden values in the test records.",
        )
        st.metric(
            "Correctly imputed",
            f"{found.correct:.0%}",
            help="The share of these values whose more probable value is the true one.",
        )
        st.metric(
            "NLL of the model",
            f"{found.model:.3f} nats",
            help="The mean negative log-probability that the model assigns to the true value, per "
            "missing or hidden value.",
        )
        st.metric(
            "NLL of frequencies",
            f"{found.frequency:.3f} nats",
            help="The same for a prediction that uses only the frequency of each feature in the "
            "training records.",
        )
        st.metric(
            "NLL of the true states",
            f"{found.best:.3f} nats",
            help="The same for a prediction that knows the true states. No prediction has a lower "
            "expected NLL, because the rest is random.",
        )


def _patient() -> int:
    return int(np.clip(int(st.session_state.get("patient", 1)), 1, len(records()))) - 1


LESSON = Lesson(
    title="Missing data",
    question="A missing value in a medical record is not a normal result. **Can a model learn from "
    "records with missing values, and impute these values?**",
    experiment="medical",
    explanation="""
About 40 % of the values of a record were never observed, and the slider hides a share of the
others. Training leaves out the missing values from the likelihood, which is equivalent to
marginalising over them, so a missing value is not treated as 0. The inference network receives a
mask that marks the missing values.

To impute a record, the model infers the patient's states from the observed values, **before and
after** a gap, and computes the probability of each hidden feature with the emission. There are
three tables. **Observed** shows the values that the model sees; blank cells are missing or hidden
by the slider. **Imputed** shows the other cells, with the probability of 1 that the model computes
for each. **Truth** shows all values, which are known because the patients are simulated.

The NLL of the model is between those of two other predictions: one that uses only the frequency of
each feature, and one that knows the true states, which is the best possible. If you hide more
values, the NLL of the model increases slowly, because a state is inferred from all features
together.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
    parameters=("hide", "patient"),
    defaults=lambda _: {"hide": _HIDDEN, "patient": 1},
)
