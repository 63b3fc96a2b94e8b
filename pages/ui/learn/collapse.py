"""Lesson 4: a posterior that falls back onto its prior, and the dial that keeps it from it."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.inference.latent import posterior_moments
from dmm_core.nn.dmm import DMM
from pages.ui import frame, terms
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, Watched, chart, column, hold_place, last
from pages.ui.learn.models import model_of, simulation, truth

__all__ = ["IN_USE", "LESSON"]

IN_USE = 0.05
"""Nats a frame above which a latent dimension is counted as used."""

_MOST_UPDATES, _MOST_FREE = 400, 5.0
_SEQUENCES = 20
_DRAWS = 10
_DIAL = "dial"


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
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
            help="The KL's weight grows from 0.01 to 1 over so many updates; 0 starts at 1.",
        )
        free = st.slider(
            "Free nats",
            0.0,
            _MOST_FREE,
            start.free_bits,
            step=0.25,
            key="free",
            bind="query-params",
            help="KL of a frame that costs nothing: less of it gains nothing.",
        )
    plans = {}
    for name, variant in experiment.variants.items():
        train = variant.config.train
        if name == _DIAL:
            train = train.model_copy(update={"anneal_updates": int(updates), "free_bits": free})
        plans[variant.title] = variant.config.model_copy(update={"train": train})
    return plans


def _draw(watched: Sequence[Watched]) -> None:
    exact = truth(watched[0].config.data.name, "valid").nll
    _draw_charts(watched, exact)
    with st.grid("auto", min_column_width=330):
        for w in watched:
            _draw_numbers(w, exact)


def _draw_charts(watched: Sequence[Watched], exact: float) -> None:
    paths = [
        figures.CostPath(w.title, column(w, "train_kl"), column(w, "train_nll"))
        for w in watched
        if w.metrics
    ]
    if not paths:
        hold_place("The paths begin with the end of the first epoch.")
        return
    left, right = st.columns(2)
    with left:
        chart(
            figures.nll_against_kl(paths, exact=exact),
            key="costs",
            alt="nll against kl of both trainings, epoch by epoch; diagonals are equal bounds.",
        )
    with right:
        bars = {w.title: kl for w in watched if (kl := _kl(w)) is not None}
        if bars:
            chart(
                figures.kl_by_rank(bars, threshold=IN_USE),
                key="dimensions",
                alt="kl of every latent dimension, largest first, for both trainings.",
            )


def _draw_numbers(w: Watched, exact: float) -> None:
    bound, kl = last(w, "valid_bound"), _kl(w)
    dash = "–"  # noqa: RUF001
    with st.container(border=True):
        weight = last(w, "kl_weight")
        train = w.config.train
        st.markdown(f"**{frame.escape_markdown(w.title)}**")
        now = "" if weight is None else f", KL weight now {weight:.2f}"
        if w.status.state == "queued":
            now = ", waits"
        st.caption(
            f"annealing over {train.anneal_updates:,} updates, {train.free_bits:g} free nats{now}"
        )
        with st.grid(2):
            st.metric(
                "Above the exact NLL",
                dash if bound is None else f"{bound - exact:.3f}",
                help=f"The valid bound less the exact NLL, {exact:.3f} nats per frame.",
            )
            st.metric(
                "Dimensions in use",
                dash if kl is None else f"{int((kl > IN_USE).sum())} of {len(kl)}",
                help=f"Those with a kl above {IN_USE:g} nats per frame. {terms.KL}",
            )


def _kl(w: Watched) -> np.ndarray | None:
    """(z_dim,) nats a frame of every dimension, over some test sequences."""
    loaded = model_of(w.run)
    if loaded is None:
        return None
    return _kl_of(loaded.model, loaded.key, w.config.data.name)


@st.cache_data(max_entries=24, show_spinner=False)
def _kl_of(_model: DMM, key: str, data: str) -> np.ndarray:
    x = simulation(data, "test").x[:_SEQUENCES].astype(np.float32)
    found = [posterior_moments(_model, one, seed=0, draws=_DRAWS).kl for one in x]
    return np.concatenate(found).mean(0)


LESSON = Lesson(
    title="Posterior collapse",
    question="A latent state costs kl before it helps. **Will a model use it, when it could nearly "
    "do without?** Turn the dial and see.",
    experiment="collapse",
    explains="""
The data are a hidden state of ten dimensions seen through noise; the exact NLL is known. This
model's emission sees the frame before, so it can say something sensible without any z. At the
start z is only noise to the emission, so the quickest way to a small bound is to push **kl** to
zero: q becomes the prior, and the latent state is dead. That is **posterior collapse**, and the
training without annealing shows it: nearly all dimensions lie on the floor, and it is hard to
come back.

**Annealing** lets the kl count little at first, so the emission learns to read z while z is
cheap. In the plane of kl and nll, a training moves to the right, where z says much, and then
back to the left along the diagonals of equal bound, giving up only what does not pay. **Free
nats** never charge for the first nats of a frame. Both end lower, with more dimensions in use.
Too long an annealing for so short a training has not settled when it ends: turn the dial to its
end and see.
""",
    draw=_draw,
    ask=_ask,
    parameters=("anneal", "free"),
)
