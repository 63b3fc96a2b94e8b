"""Lesson 4: posterior collapse, and KL annealing and free nats as remedies."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.inference.latent import posterior_moments
from dmm_core.nn.dmm import DMM
from pages.ui import frame, terms
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, TrainingSnapshot, chart, column, draw_placeholder, last
from pages.ui.learn.models import exact_posterior, newest_model, simulation

__all__ = ["IN_USE", "LESSON"]

IN_USE = 0.05
"""Threshold of the kl in nats per frame above which a latent dimension counts as used."""

_MOST_UPDATES, _MOST_FREE = 400, 5.0
_SEQUENCES = 20
_DRAWS = 10
_DIAL = "dial"


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    start = experiment.variants[_DIAL].config.train
    with st.grid("auto", min_column_width=220):
        updates = st.slider(
            "KL annealing, updates",
            0,
            _MOST_UPDATES,
            start.anneal_updates,
            step=25,
            key="anneal",
            bind="query-params",
            help="The number of updates over which the KL weight grows from 0.01 to 1. With 0, it "
            "is 1 from the first update.",
        )
        free = st.slider(
            "Free nats",
            0.0,
            _MOST_FREE,
            start.free_bits,
            step=0.25,
            key="free",
            bind="query-params",
            help="A KL of a frame below this threshold is not penalised (free bits).",
        )
    configs = {}
    for name, variant in experiment.variants.items():
        train = variant.config.train
        if name == _DIAL:
            train = train.model_copy(update={"anneal_updates": int(updates), "free_bits": free})
        configs[variant.title] = variant.config.model_copy(update={"train": train})
    return configs


def _defaults(experiment: Experiment) -> Mapping[str, float]:
    start = experiment.variants[_DIAL].config.train
    return {"anneal": start.anneal_updates, "free": start.free_bits}


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    exact = exact_posterior(snapshots[0].config.data.name, "valid").nll
    _draw_charts(snapshots, exact)
    with st.grid("auto", min_column_width=330):
        for snapshot in snapshots:
            _draw_numbers(snapshot, exact)


def _draw_charts(snapshots: Sequence[TrainingSnapshot], exact: float) -> None:
    paths = [
        figures.TrainingPath(
            snapshot.title, column(snapshot, "train_kl"), column(snapshot, "train_nll")
        )
        for snapshot in snapshots
        if snapshot.metrics
    ]
    if not paths:
        draw_placeholder("The paths will appear here after the first epoch.")
        return
    left, right = st.columns(2)
    with left:
        chart(
            figures.nll_against_kl(paths, exact=exact),
            key="costs",
            alt="nll and kl of both trainings at every epoch. The bound is constant on diagonals.",
        )
    with right:
        bars = {snapshot.title: kl for snapshot in snapshots if (kl := _kl(snapshot)) is not None}
        if bars:
            chart(
                figures.kl_by_rank(bars, threshold=IN_USE),
                key="dimensions",
                alt="The kl of every latent dimension of both trainings, in descending order.",
            )


def _draw_numbers(snapshot: TrainingSnapshot, exact: float) -> None:
    bound, kl = last(snapshot, "valid_bound"), _kl(snapshot)
    dash = "–"  # noqa: RUF001
    with st.container(border=True):
        weight = last(snapshot, "kl_weight")
        train = snapshot.config.train
        st.markdown(f"**{frame.escape_markdown(snapshot.title)}**")
        now = "" if weight is None else f", current KL weight {weight:.2f}"
        if snapshot.status.state == "queued":
            now = ", in the queue"
        st.caption(
            f"KL annealing over {train.anneal_updates:,} updates, {train.free_bits:g} free nats"
            f"{now}"
        )
        with st.grid(2):
            st.metric(
                "Above the exact NLL",
                dash if bound is None else f"{bound - exact:.3f}",
                help=f"The valid bound minus the exact NLL, which is {exact:.3f} nats per frame.",
            )
            st.metric(
                "Dimensions in use",
                dash if kl is None else f"{int((kl > IN_USE).sum())} of {len(kl)}",
                help=f"The number of latent dimensions with a kl above {IN_USE:g} nats per frame. "
                f"{terms.KL}",
            )


def _kl(snapshot: TrainingSnapshot) -> np.ndarray | None:
    """Return the kl of every dimension in nats per frame over some test sequences, (z_dim,)."""
    loaded = newest_model(snapshot.run)
    if loaded is None:
        return None
    return _kl_of(loaded.model, loaded.key, snapshot.config.data.name)


@st.cache_data(max_entries=24, show_spinner=False)
def _kl_of(_model: DMM, key: str, data: str) -> np.ndarray:
    x = simulation(data, "test").x[:_SEQUENCES].astype(np.float32)
    found = [posterior_moments(_model, one, seed=0, draws=_DRAWS).kl for one in x]
    return np.concatenate(found).mean(0)


LESSON = Lesson(
    title="Posterior collapse",
    question="Using the latent state has a cost, the kl, from the first update on, but a benefit "
    "only after the emission has learned to use it. **Does a model use its latent state if it can "
    "explain most of the data without it?** Change the annealing and compare.",
    experiment="collapse",
    explanation="""
The data are noisy observations of a latent state with ten dimensions; the exact NLL is known. The
emission of this model also sees the previous frame, so it can predict a frame fairly well without
z. At the start of training, z is only noise for the emission, so the fastest way to reduce the
bound is to reduce **kl** to zero: q becomes equal to the prior, and z carries no information. This
is **posterior collapse**. The training without annealing shows it: the kl of almost all dimensions
is close to zero, and it rarely recovers.

With **KL annealing**, the kl has a small weight at first, so the emission learns to use z while
the kl costs little. In the chart of nll and kl, the training first moves to the right, where z
carries much information, and then to the left along the diagonals of constant bound, on which it
removes the information that does not reduce the bound. **Free nats** do not penalise the kl of a
frame below a threshold. Both methods reach a lower bound, with more dimensions in use. If the
annealing takes too many updates for this short training, the training ends before it has
converged: set the slider to its maximum to see this.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    parameters=("anneal", "free"),
    defaults=_defaults,
)
