"""Lesson 3: comparison of the six inference networks of the paper's table 1."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from pages.ui import charts, terms
from pages.ui.learn.lesson import (
    Lesson,
    TrainingSnapshot,
    chart,
    draw_placeholder,
    last,
    valid_curve,
)
from pages.ui.learn.models import exact_posterior
from pages.ui.learn.network_diagrams import INPUTS, diagram

__all__ = ["LESSON"]


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw_preview(experiment: Experiment) -> None:
    _draw_diagrams([variant.config.model.inference for variant in experiment.variants.values()])


def _draw_diagrams(networks: Sequence[str]) -> None:
    with st.grid("auto", min_column_width=230):
        for name in networks:
            with st.container():
                st.markdown(f"**{name}**")
                st.image(diagram(name), width="stretch", alt=f"{name}: {INPUTS[name]}.")
                st.caption(INPUTS[name].capitalize() + ".")


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    exact = exact_posterior(snapshots[0].config.data.name, "valid").nll
    curves = [
        charts.RunCurve(snapshot.title, *valid_curve(snapshot))
        for snapshot in snapshots
        if len(valid_curve(snapshot)[0])
    ]
    if curves:
        chart(
            charts.runs_overlay(
                curves, x_title="Update", references=[charts.Reference("Exact NLL", exact)]
            ),
            key="bounds",
            alt="The bound of every network over the updates, and the exact NLL.",
        )
    else:
        draw_placeholder("The curves will appear here after the first epoch.")
    st.dataframe(
        [
            {
                "Network": snapshot.title,
                "Sees": INPUTS[snapshot.config.model.inference],
                "Bound": last(snapshot, "valid_bound"),
                "Above the exact NLL": _gap(snapshot, exact),
                "kl": last(snapshot, "train_kl"),
            }
            for snapshot in snapshots
        ],
        hide_index=True,
        column_config={
            "Bound": st.column_config.NumberColumn(format="%.3f", help="Nats per frame."),
            "Above the exact NLL": st.column_config.NumberColumn(format="%.3f"),
            "kl": st.column_config.NumberColumn(
                format="%.3f", help=f"{terms.KL} Nats per frame, on train."
            ),
        },
        key="table",
        alt="The inputs of every network, its bound, and the gap to the exact NLL.",
    )
    _draw_diagrams([snapshot.config.model.inference for snapshot in snapshots])


def _gap(snapshot: TrainingSnapshot, exact: float) -> float | None:
    bound = last(snapshot, "valid_bound")
    return None if bound is None else bound - exact


LESSON = Lesson(
    title="Six networks",
    question="An inference network may see the past, the future or both, and it may condition on "
    "the previous state or not. **What does it have to see?**",
    experiment="networks",
    explanation="""
All six networks learn the posterior of the same known system, one after another, with the same
number of updates. They differ only in what they see (table 1 of the paper; table 2 is this
comparison). In a diagram, the filled circles are the inputs from which the network infers the
highlighted state $z_t$.

- **MF-L** sees only the past. Later observations contain much information about $z_t$, so its
  bound stays far above the exact NLL. **MF-R** sees only the future, and has a similar gap.
- **MF-LR** sees both, but infers every state independently of its neighbours. The true states are
  correlated; a product of independent Gaussians cannot be, and its kl is about twice that of the
  networks below.
- **ST-L** conditions on the previous state, but does not see the future.
- **DKS** conditions on the previous state and sees the future. The past is already contained in
  $z_{t-1}$, so this is all that the exact posterior depends on. **ST-LR** sees the past as well;
  it cannot end lower than an ideal DKS, but in a training this short it usually ends lower.

**Why is the bound of DKS tight in lesson 1, but not here?** Here it ends about 0.1 nats per frame
above the exact NLL, in lesson 1 about 0.01. The difference is the combiner. All six networks here
use the default combiner, a small network that merges $z_{t-1}$ with the RNN's summary and has to
learn how to do so. Lesson 1 computes q as the product of the transition's Gaussian and a Gaussian
that the RNN computes, which is the exact form of the posterior in a linear system. Here the
default combiner is used so that the networks differ only in what they see. With more updates, DKS
comes closer to the exact NLL.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
)
