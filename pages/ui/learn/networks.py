"""Lesson 3: the six inference networks of the paper's table 1, side by side."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from pages.ui import charts, terms
from pages.ui.learn.lesson import Lesson, Watched, chart, hold_place, last, valid_curve
from pages.ui.learn.models import truth
from pages.ui.learn.network_diagrams import SEES, drawing

__all__ = ["LESSON"]


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _before(experiment: Experiment) -> None:
    _draw_sight([variant.config.model.inference for variant in experiment.variants.values()])


def _draw_sight(networks: Sequence[str]) -> None:
    with st.grid("auto", min_column_width=230):
        for name in networks:
            with st.container():
                st.markdown(f"**{name}**")
                st.image(drawing(name), width="stretch", alt=f"{name}: {SEES[name]}.")
                st.caption(SEES[name].capitalize() + ".")


def _draw(watched: Sequence[Watched]) -> None:
    exact = truth(watched[0].config.data.name, "valid").nll
    curves = [charts.RunCurve(w.title, *valid_curve(w)) for w in watched if len(valid_curve(w)[0])]
    if curves:
        chart(
            charts.runs_overlay(
                curves, x_title="Update", references=[charts.Reference("Exact NLL", exact)]
            ),
            key="bounds",
            alt="The bound of every network over the updates, and the exact NLL.",
        )
    else:
        hold_place("The curves begin with the end of the first epoch.")
    st.dataframe(
        [
            {
                "Network": w.title,
                "Sees": SEES[w.config.model.inference],
                "Bound": last(w, "valid_bound"),
                "Above the exact NLL": _gap(w, exact),
                "kl": last(w, "train_kl"),
            }
            for w in watched
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
        alt="Every network, what it sees, its bound and how far that is above the exact NLL.",
    )
    _draw_sight([w.config.model.inference for w in watched])


def _gap(w: Watched, exact: float) -> float | None:
    bound = last(w, "valid_bound")
    return None if bound is None else bound - exact


LESSON = Lesson(
    title="Six networks",
    question="An inference network may see the past, the future or both, and it may condition on "
    "the previous state or not. **What does it have to see?**",
    experiment="networks",
    explains="""
All six learn the posterior of the same known system, one after the other, with the same number of
updates. They differ only in what they see (table 1 of the paper; its table 2 is this comparison).
Filled circles in a picture are what the network sees when it infers the highlighted state $z_t$.

- **MF-L** sees only the past. The observations that follow say much about $z_t$, so its bound
  stays far above the exact NLL. **MF-R** sees only the future, and is about as far away.
- **MF-LR** sees both, but infers every state independently of its neighbours. The true states are
  correlated; a product of independent Gaussians cannot be, and its kl is about twice that of the
  networks below.
- **ST-L** conditions on the previous state, but does not see the future.
- **DKS** conditions on the previous state and sees the future. The past is already contained in
  $z_{t-1}$, so this is all that the exact posterior depends on. **ST-LR** sees the past as well;
  it cannot end lower than an ideal DKS, but in a training this short it usually ends lower.

**Why is DKS not tight here, when lesson 1 is?** Here it ends about 0.1 nats per frame above the
exact NLL, in lesson 1 about 0.01. The difference is the combiner. All six networks here have the
usual one, a small network that merges $z_{t-1}$ with the RNN's summary and has to learn how the
two combine. Lesson 1 writes q as the transition's Gaussian times a Gaussian that the RNN gives,
which is the exact form of the posterior in a linear system. Here the usual combiner is used so
that the networks differ in nothing but what they see. With more updates DKS comes closer.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
)
