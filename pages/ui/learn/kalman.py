"""Lesson 1: a known system, whose exact posterior an inference network has to find."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import DataError
from dmm_core.exact.ukf import unscented_smoother
from pages.ui import charts
from pages.ui.address import choose
from pages.ui.learn import figures
from pages.ui.learn.lesson import Lesson, Watched, chart, hold_place, last, valid_curve
from pages.ui.learn.models import Truth, model_of, posterior, simulation, truth

__all__ = ["LESSON", "usual"]

_WITHIN = 0.6827
"""Of a Gaussian, the share that lies within one standard deviation."""
_MEASURED = 100
"""Test sequences over which errors are measured; the unscented smoother takes 8 ms for each."""
_LINEAR = "linear-gssm"


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    name = choose(
        "System",
        list(experiment.variants),
        key="system",
        format_func=lambda name: experiment.variants[name].title,
        segmented=True,
        resets=("runs",),
    )
    if name is None:
        raise DataError("There is no such system; choose one above.")
    variant = experiment.variants[name]
    return {variant.title: variant.config}


def _before(experiment: Experiment) -> None:
    """The sequence, the states behind it, and what is exactly known of them."""
    variant = experiment.variants.get(st.query_params.get("system", ""))
    variant = variant or next(iter(experiment.variants.values()))
    _draw_sequence(variant.config.data.name, None)


def _draw(watched: Sequence[Watched]) -> None:
    (it,) = watched[:1]
    data = it.config.data.name
    exact = truth(data, "valid").nll
    bound = last(it, "valid_bound")
    updates, bounds = valid_curve(it)
    left, right = st.columns(2)
    with left:
        if len(updates):
            chart(
                charts.runs_overlay(
                    [charts.RunCurve(f"Bound of {it.config.model.inference}", updates, bounds)],
                    x_title="Update",
                    references=[charts.Reference("Exact NLL", exact)],
                ),
                key="bound",
                alt="The bound over the updates, coming down towards the exact NLL.",
            )
        else:
            hold_place("The curve begins with the end of the first epoch.")
    with right:
        _draw_sequence(data, it)
    with st.grid("auto", min_column_width=220):
        st.metric("Negative ELBO (bound)", "–" if bound is None else f"{bound:.4f}")  # noqa: RUF001
        st.metric("Exact NLL", f"{exact:.4f}", help="Of the same sequences; nats per frame.")
        st.metric("Gap", "–" if bound is None else f"{bound - exact:.4f}")  # noqa: RUF001
    if not it.active and model_of(it.run):
        _draw_errors(data, it)


def _draw_sequence(data: str, it: Watched | None) -> None:
    simulated, exact = simulation(data, "test"), truth(data, "test")
    loaded = it and model_of(it.run)
    shown = usual(simulated.z, exact)
    found = posterior(loaded, simulated.x[shown : shown + 1]) if loaded else None
    name = "Kalman smoother" if data == _LINEAR else "Exact posterior"
    bands = [figures.Band(name, exact.loc[shown, :, 0], exact.scale[shown, :, 0])]
    if it and found:
        bands.append(
            figures.Band(it.config.model.inference, found.loc[0, :, 0], found.scale[0, :, 0])
        )
    chart(
        figures.bands(bands, truth=simulated.z[shown, :, 0]),
        key="sequence",
        alt="One sequence's latent state: the truth, the exact posterior, and the network's.",
    )


def usual(z: np.ndarray, exact: Truth) -> int:
    """The sequence of z (N, T, 1) that lies in the exact band as often as it should.

    On a single short sequence the share may be anything, and a student would doubt the smoother.
    Of several, the one whose mean squared error is closest to the variance.
    """
    error = (z - exact.loc) / exact.scale
    share, square = (np.abs(error) <= 1).mean((1, 2)), np.square(error).mean((1, 2))
    return int(np.lexsort((np.abs(square - 1), np.abs(share - _WITHIN)))[0])


def _draw_errors(data: str, it: Watched) -> None:
    """How far each smoother's mean is from the true state."""
    loaded = model_of(it.run)
    if loaded is None:
        return
    _, z, x = simulation(data, "test")
    z, x = z[:_MEASURED], x[:_MEASURED]
    errors = {
        it.config.model.inference: posterior(loaded, x).loc,
        "Exact posterior": truth(data, "test").loc[:_MEASURED],
    }
    if data != _LINEAR:
        errors["Unscented Kalman smoother"] = _unscented(data)
    with st.grid("auto", min_column_width=180):
        for name, loc in errors.items():
            error = float(np.sqrt(np.square(loc - z).mean()))
            st.metric(
                f"Error of {name[0].lower() + name[1:] if ' ' in name else name}", f"{error:.3f}"
            )
    st.caption(
        f"Root of the mean squared distance from the true state, over {_MEASURED} test sequences; "
        "the exact posterior's mean cannot be beaten on average."
    )


@st.cache_data(max_entries=2, show_spinner="Smoothing for comparison")
def _unscented(data: str) -> np.ndarray:
    system, _, x = simulation(data, "test")
    return unscented_smoother(system, x[:_MEASURED]).loc  # pyright: ignore[reportArgumentType]


LESSON = Lesson(
    title="Kalman",
    question="In a linear system the Kalman smoother knows the exact posterior of the latent "
    "state. **Does an inference network find the same posterior by minimising the negative ELBO "
    "alone?**",
    experiment="kalman",
    explains="""
The data come from a system whose every number is known, and the generative model is that very
system: only the inference network q learns. Its **bound** can never be lower than the **exact
NLL**, $-\\log p(x)$, which the Kalman filter computes; the gap between them is
$\\mathrm{KL}(q\\,\\|\\,p(z \\mid x))$, how far q is from the exact posterior. Watch the curve
come down towards the dotted line: with no gap at all, q would *be* the posterior. So short a
training stops a little above it, by the gap that is shown below the curve: on the linear system
about a hundredth of a nat per frame. To the right, on a sequence that training never sees, the
band of the network approaches the band of the smoother, in its mean and in its width. A band is one
standard deviation to either side: it contains the true state in about two frames of three, and the
sequence shown is one where it does so.

The network is a **DKS**: it conditions on the previous state and sees the future. That is all
the exact posterior depends on, $p(z_t \\mid z_{t-1}, x_{t:T})$, so its bound can become tight. It
writes q as the transition's Gaussian times a Gaussian that the RNN gives for the future, which
is the exact form here. Lesson 3 uses a more general combiner, and ends about 0.1 above the exact
NLL.

**The nonlinear system** (figures 8 and 9 of the paper) has no Kalman smoother. The unscented
one takes every distribution for a Gaussian bent a little; the network learns what really
happens, and comes closer to the truth. The exact answer beside it is a sum over a fine grid of
states, which only a system of one dimension allows.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
    parameters=("system",),
)
