"""Lesson 3: the six inference networks of the paper's table 1, side by side."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config import RunConfig
from dmm_core.lessons import Experiment
from pages.ui import charts, frame, terms
from pages.ui.learn.lesson import Lesson, Watched, hold_place, last, valid_curve
from pages.ui.learn.models import truth
from pages.ui.learn.sight import SEES, drawing

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
        frame.chart(
            charts.runs_overlay(
                curves, x_title="Update", references=[charts.Reference("Exact NLL", exact)]
            ),
            key="bounds",
            alt="The bound of every network over the updates, and the exact NLL.",
        )
    else:
        hold_place("The curves begin with the end of the first epoch.", 420)
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
    question="An inference network may look at the past, at the future or at both, and it may look "
    "at the state before or not. **What does it have to see?**",
    experiment="networks",
    explains="""
All six learn the posterior of the same known system, one after the other, with the same number
of updates; only what they see differs (table 1 of the paper; the comparison is its table 2).
Filled circles in a picture are what the network sees when it guesses the lit state $z_t$.

- **MF-L** sees the past alone. What comes next says much about where $z_t$ was, and it cannot
  know: its bound stays far above the exact NLL. **MF-R**, blind to the past, is about as bad.
- **MF-LR** sees everything, but guesses every state by itself. A path of such guesses is rough
  where the true states move together, and the kl counts it: in the table, about twice that of the
  networks below.
- **ST-L** follows the state before, but is blind to the future.
- **DKS** follows the state before and sees the future. The past is already in $z_{t-1}$, so that is
  all the exact posterior needs: given time, its bound can become tight. **ST-LR** is shown the past
  as well; it could not end lower, but in a training as short as this one it often gets there
  sooner, as it need not read everything off one state.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
)
