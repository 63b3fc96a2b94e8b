"""Lesson 5: the counterfactual effect of another treatment, do(u)."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.medical import FEATURES
from pages.ui.address import choose
from pages.ui.charts.records import ShareCurve, shares_over_time
from pages.ui.learn.lesson import Lesson, TrainingSnapshot, chart, last
from pages.ui.learn.models import newest_model
from pages.ui.learn.patients import (
    KNOWN_QUARTERS,
    TREATMENTS,
    predicted_shares,
    record_shares,
    true_effect,
)

__all__ = ["LESSON"]


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    with st.container(horizontal=True, vertical_alignment="top"):
        choose(
            "Treatment to compare",
            list(TREATMENTS),
            key="do",
            format_func=lambda name: TREATMENTS[name][0],
            segmented=True,
        )
        choose("Feature", list(FEATURES), key="feature", format_func=lambda name: name.capitalize())
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _chosen() -> tuple[str, str]:
    treatment, feature = st.query_params.get("do", ""), st.query_params.get("feature", "")
    return (
        treatment if treatment in TREATMENTS else next(iter(TREATMENTS)),
        feature if feature in FEATURES else FEATURES[0],
    )


def _draw_preview(experiment: Experiment) -> None:
    _draw_curves(None)


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    (snapshot,) = snapshots[:1]
    _draw_curves(snapshot)
    bound = last(snapshot, "valid_bound")
    if bound is not None:
        st.caption(f"The bound on the valid split is {bound:.3f} nats per frame.")


def _draw_curves(snapshot: TrainingSnapshot | None) -> None:
    treatment, feature = _chosen()
    column, title = FEATURES.index(feature), TREATMENTS[treatment][0]
    truth = true_effect(treatment)
    curves = [
        ShareCurve("Truth: continue", truth.factual.loc[:, column], truth.factual.error[:, column]),
        ShareCurve(
            f"Truth: {title[0].lower()}{title[1:]}",
            truth.counterfactual.loc[:, column],
            truth.counterfactual.error[:, column],
        ),
    ]
    loaded = snapshot and newest_model(snapshot.run)
    found = None
    if loaded:
        keep, other = (
            predicted_shares(loaded, None)[:, column],
            predicted_shares(loaded, treatment)[:, column],
        )
        found = other - keep
        curves.append(ShareCurve("Model: continue", keep))
        curves.append(ShareCurve(f"Model: {title[0].lower()}{title[1:]}", other))
    chart(
        shares_over_time(
            curves, title=f"Share with {feature}", x_title="Quarters after the change"
        ),
        key="effect",
        alt="The share of patients with the feature in each quarter under both treatments, as "
        "computed by the simulator and by the model.",
    )
    _draw_metrics(feature, truth.difference.loc[:, column], found)


def _draw_metrics(feature: str, truth, found) -> None:  # noqa: ANN001
    bare = record_shares(feature)
    with st.grid("auto", min_column_width=190):
        st.metric(
            "True effect",
            _points(truth[-1]),
            help="The difference between the shares under both treatments in the last quarter, in "
            "percentage points.",
        )
        st.metric(
            "Effect by the model",
            "–" if found is None else _points(found[-1]),  # noqa: RUF001
            help="The same difference as predicted by the model. Both predictions use the same "
            "initial states and the same random numbers.",
        )
        st.metric(
            "Treated, in the records",
            f"{bare.treated:.0%}",
            help="The share with the feature in the next quarter, among patients who took a drug "
            f"in quarter {KNOWN_QUARTERS}.",
        )
        st.metric(
            "Untreated, in the records",
            f"{bare.untreated:.0%}",
            help="The share with the feature in the next quarter, among patients who took no drug "
            f"in quarter {KNOWN_QUARTERS}.",
        )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


LESSON = Lesson(
    title="do(u)",
    question="In the records, patients who take drugs are sicker than others. **Can a model that "
    "is trained on these records predict the true effect of the drugs?**",
    experiment="medical",
    explanation="""
The patients are simulated, so the true effect is known: the simulator computes the outcome of the
same patients under both treatments. In the records, the doctor gives drugs to sick patients, so a
comparison of treated and untreated patients suggests that drugs are harmful (see the last two
numbers). This is **confounding**.

A model of states and actions can predict the true effect. It infers the state of each patient from
ten quarters of a record, which has missing values. It then continues from this state twice with
the transition: once with the present drugs, and once with the other treatment. **do(u)** sets the
actions, regardless of what the doctor would have done. Both predictions use the same initial
states and the same random numbers, so they differ only by the effect of the drugs. Compare the
curves of the model with those of the simulator; during training they converge.

The prediction is possible because the record contains everything on which the doctor's decisions
are based. If the doctor used information that is not in the record, no model could distinguish the
effect of a drug from the effect of the reason for which it was given. In real records, this
condition cannot be verified in the way it is done here.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
    parameters=("do", "feature"),
)
