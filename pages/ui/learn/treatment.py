"""Lesson 5: what would have become of the patients, had they been treated otherwise."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.medical import FEATURES
from pages.ui.address import choose
from pages.ui.charts.records import ShareCurve, shares_over_time
from pages.ui.learn.lesson import Lesson, Watched, chart, last
from pages.ui.learn.models import model_of
from pages.ui.learn.patients import QUARTER, TREATMENTS, counted, course, true_effect

__all__ = ["LESSON"]


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    with st.container(horizontal=True, vertical_alignment="top"):
        choose(
            "Instead of the present drugs",
            list(TREATMENTS),
            key="do",
            format_func=lambda name: TREATMENTS[name][0],
            segmented=True,
        )
        choose("Look at", list(FEATURES), key="feature", format_func=lambda name: name.capitalize())
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _chosen() -> tuple[str, str]:
    treatment, feature = st.query_params.get("do", ""), st.query_params.get("feature", "")
    return (
        treatment if treatment in TREATMENTS else next(iter(TREATMENTS)),
        feature if feature in FEATURES else FEATURES[0],
    )


def _before(experiment: Experiment) -> None:
    _draw_curves(None)


def _draw(watched: Sequence[Watched]) -> None:
    (it,) = watched[:1]
    _draw_curves(it)
    bound = last(it, "valid_bound")
    if bound is not None:
        st.caption(f"Bound on the valid patients: {bound:.3f} nats per frame.")


def _draw_curves(it: Watched | None) -> None:
    treatment, feature = _chosen()
    column, title = FEATURES.index(feature), TREATMENTS[treatment][0]
    truth = true_effect(treatment)
    curves = [
        ShareCurve("Truth: keep", truth.factual.loc[:, column], truth.factual.error[:, column]),
        ShareCurve(
            f"Truth: {title[0].lower()}{title[1:]}",
            truth.counterfactual.loc[:, column],
            truth.counterfactual.error[:, column],
        ),
    ]
    loaded = it and model_of(it.run)
    found = None
    if loaded:
        keep, other = course(loaded, None)[:, column], course(loaded, treatment)[:, column]
        found = other - keep
        curves.append(ShareCurve("Model: keep", keep))
        curves.append(ShareCurve(f"Model: {title[0].lower()}{title[1:]}", other))
    chart(
        shares_over_time(
            curves, title=f"Share with: {feature}", x_title="Quarters after the change"
        ),
        key="effect",
        alt="Shares of patients, quarter by quarter, under both treatments: truth and model.",
    )
    _draw_metrics(feature, truth.difference.loc[:, column], found)


def _draw_metrics(feature: str, truth, found) -> None:  # noqa: ANN001
    bare = counted(feature)
    with st.grid("auto", min_column_width=190):
        st.metric(
            "True effect", _points(truth[-1]), help="In the last quarter, in points of share."
        )
        st.metric(
            "The model's answer",
            "–" if found is None else _points(found[-1]),  # noqa: RUF001
            help="do(u) against keeping the present drugs: the same states, the same chances.",
        )
        st.metric(
            "Treated, in the records",
            f"{bare.treated:.0%}",
            help=f"Of those who took a drug in quarter {QUARTER}, the share in the next one.",
        )
        st.metric("Untreated, in the records", f"{bare.untreated:.0%}")


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


LESSON = Lesson(
    title="do(u)",
    question="In the records, patients who take drugs are sicker. **Can a model that saw only "
    "records tell what the drugs really do?**",
    experiment="medical",
    explains="""
The patients are simulated, so the truth is known: the same patients can be sent down both
roads. In the records the doctor gives drugs to the sick, so whoever just counts believes that
drugs harm: see the last two numbers. That is **confounding**.

A model of states and actions can do better. It infers from ten quarters of a record, holes
included, in which state each patient is; then it lets the transition go on, once with the
present drugs and once with the others: **do(u)** sets the actions, whatever the doctor would
have done. Both courses meet the same states and the same chances, so all that differs is what
the drugs do. Compare its curves with the simulator's, and watch them settle while it learns.

It can answer because all that the doctor decided upon stands in the record. Had he seen
something that the record does not hold, no model could tell the drug from the reason for giving
it. How much the answers of a real record are worth, nobody can check like this.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
    parameters=("do", "feature"),
)
