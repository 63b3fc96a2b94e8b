"""Lesson 2: a known law with two unknown numbers, learned from what is seen (figure 3)."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.systems import ALPHA, BETA
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, Watched, chart, column, hold_place

__all__ = ["LESSON"]

_TRUTH = {"alpha": ALPHA, "beta": BETA}
_LAW = (
    r"z_t \sim \mathcal{N}\!\left(\begin{bmatrix}"
    r"0.2\,z_{t-1}^{(1)} + \tanh(\alpha\,z_{t-1}^{(2)})\\[4pt]"
    r"0.2\,z_{t-1}^{(2)} + \sin(\beta\,z_{t-1}^{(1)})"
    r"\end{bmatrix},\ I\right)\qquad x_t \sim \mathcal{N}(z_t / 2,\ 0.1\,I)"
)
"""That of `nonlinear-gssm`, second arguments being variances."""


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    st.latex(_LAW)
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw(watched: Sequence[Watched]) -> None:
    (it,) = watched[:1]
    learned = {name: _learned(it, name) for name in _TRUTH}
    if not len(column(it, "update")):
        hold_place("The curves begin with the end of the first epoch.")
        _draw_numbers(learned)
        return
    updates = np.concatenate([[0.0], column(it, "update")])
    chart(
        figures.numbers(
            updates, {name: np.concatenate([[0.0], v]) for name, v in learned.items()}, _TRUTH
        ),
        key="numbers",
        alt="alpha and beta over the updates, and their true values as dotted lines.",
    )
    _draw_numbers(learned)


def _draw_numbers(learned: Mapping[str, np.ndarray]) -> None:
    with st.grid("auto", min_column_width=150):
        for name, values in learned.items():
            now = f"{values[-1]:.3f}" if len(values) else "0.000"
            st.metric(name, now, help="Learned so far; it begins at 0.")
            st.metric(f"True {name}", f"{_TRUTH[name]:.3f}")


def _learned(it: Watched, name: str) -> np.ndarray:
    return np.array([line.get("learned", {}).get(name, np.nan) for line in it.metrics])


LESSON = Lesson(
    title="Alpha and beta",
    question="The law of a system is known except for two numbers, and its states are observed "
    "only through noise. **Can the two numbers be learned from the observations?**",
    experiment="parameters",
    explains="""
5,000 sequences were drawn with alpha = 0.5 and beta = -0.1. The model has the same form, but it
starts with both at zero and never sees z. Its inference network estimates the states behind the
observations, and the generative model adjusts alpha and beta so that these states become likely;
better values lead to better estimates. Both follow the gradient of one bound. This is figure 3 of
the paper: the training that learns to make music can also estimate the constants of a physical law.

Both are close to their true values after about 200 of the 700 updates. beta gets there first: after
50 updates it is already a little beyond -0.1 (about -0.12), and it comes back at once. alpha rises
more slowly, from below, passes 0.5 after about 250 updates and ends 1 to 2 % above it, at about
0.507. An error of that size is no surprise: what is maximised is a bound with an approximate q,
on a finite number of sequences, and its best alpha need not be exactly the true one.
""",
    draw=_draw,
    ask=_ask,
)
