"""Lesson 2: learning two parameters of a system from observations (figure 3 of the paper)."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.data.systems import ALPHA, BETA
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, TrainingSnapshot, chart, column, draw_placeholder

__all__ = ["LESSON"]

_TRUTH = {"alpha": ALPHA, "beta": BETA}
_LAW = (
    r"z_t \sim \mathcal{N}\!\left(\begin{bmatrix}"
    r"0.2\,z_{t-1}^{(1)} + \tanh(\alpha\,z_{t-1}^{(2)})\\[4pt]"
    r"0.2\,z_{t-1}^{(2)} + \sin(\beta\,z_{t-1}^{(1)})"
    r"\end{bmatrix},\ I\right)\qquad x_t \sim \mathcal{N}(z_t / 2,\ 0.1\,I)"
)
"""The system `nonlinear-gssm`. The second argument of a Gaussian is its variance."""


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    st.latex(_LAW)
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    (snapshot,) = snapshots[:1]
    learned = {name: _learned(snapshot, name) for name in _TRUTH}
    if not len(column(snapshot, "update")):
        draw_placeholder("The curves will appear here after the first epoch.")
        _draw_numbers(learned)
        return
    updates = np.concatenate([[0.0], column(snapshot, "update")])
    chart(
        figures.parameter_curves(
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
            st.metric(name, now, help="The current value. Its initial value is 0.")
            st.metric(f"True {name}", f"{_TRUTH[name]:.3f}")


def _learned(snapshot: TrainingSnapshot, name: str) -> np.ndarray:
    return np.array([line.get("learned", {}).get(name, np.nan) for line in snapshot.metrics])


LESSON = Lesson(
    title="Alpha and beta",
    question="The equations of a system are known except for two parameters, and only noisy "
    "observations of its states are available. **Can the parameters be learned from the "
    "observations?**",
    experiment="parameters",
    explanation="""
5,000 sequences were sampled with alpha = 0.5 and beta = -0.1. The model has the same equations, but
both parameters are initialised with 0, and the model never sees z. The inference network estimates
the states from the observations, and the generative model adjusts alpha and beta such that these
states become more probable. Better parameters lead to better estimates of the states. Both are
trained with the gradient of the same bound. This is figure 3 of the paper. It shows
that the training procedure of the music models can also estimate the parameters of a physical
system.

Both parameters are close to their true values after about 200 of the 700 updates. beta converges
first: after 50 updates it is slightly below -0.1 (about -0.12), and it then returns to -0.1. alpha
increases more slowly, exceeds 0.5 after about 250 updates and ends 1 to 2 % above it, at about
0.507. An error of this size is expected, because training minimises a bound with an approximate
posterior q on a finite number of sequences, so the optimal alpha may differ from the true one.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
)
