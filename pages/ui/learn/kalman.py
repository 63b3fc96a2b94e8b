"""Lesson 1: an inference network learns the exact posterior of a known system."""

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
from pages.ui.learn.lesson import (
    Lesson,
    TrainingSnapshot,
    chart,
    draw_placeholder,
    last,
    valid_curve,
)
from pages.ui.learn.models import (
    ExactPosterior,
    exact_posterior,
    newest_model,
    posterior,
    simulation,
)

__all__ = ["LESSON", "typical_sequence"]

_WITHIN = 0.6827
"""Probability mass of a Gaussian within one standard deviation of its mean."""
_MEASURED = 100
"""Test sequences for the errors. The unscented smoother takes 8 ms for each of them."""
_LINEAR = "linear-gssm"


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    name = choose(
        "System",
        list(experiment.variants),
        key="system",
        format_func=lambda name: experiment.variants[name].title,
        segmented=True,
        resets=("runs",),
    )
    if name is None:
        raise DataError("There is no such system. Choose one above.")
    variant = experiment.variants[name]
    return {variant.title: variant.config}


def _draw_preview(experiment: Experiment) -> None:
    """Draw the true states of one sequence and their exact posterior."""
    variant = experiment.variants.get(st.query_params.get("system", ""))
    variant = variant or next(iter(experiment.variants.values()))
    _draw_sequence(variant.config.data.name, None)


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    (snapshot,) = snapshots[:1]
    data = snapshot.config.data.name
    exact = exact_posterior(data, "valid").nll
    bound = last(snapshot, "valid_bound")
    updates, bounds = valid_curve(snapshot)
    left, right = st.columns(2)
    with left:
        if len(updates):
            chart(
                charts.runs_overlay(
                    [
                        charts.RunCurve(
                            f"Bound of {snapshot.config.model.inference}", updates, bounds
                        )
                    ],
                    x_title="Update",
                    references=[charts.Reference("Exact NLL", exact)],
                ),
                key="bound",
                alt="The bound over the updates, which decreases towards the exact NLL.",
            )
        else:
            draw_placeholder("The curve will appear here after the first epoch.")
    with right:
        _draw_sequence(data, snapshot)
    with st.grid("auto", min_column_width=220):
        st.metric("Negative ELBO (bound)", "–" if bound is None else f"{bound:.4f}")  # noqa: RUF001
        st.metric(
            "Exact NLL", f"{exact:.4f}", help="The exact NLL of the valid split, in nats per frame."
        )
        st.metric("Gap", "–" if bound is None else f"{bound - exact:.4f}")  # noqa: RUF001
    if not snapshot.active and newest_model(snapshot.run):
        _draw_errors(data, snapshot)


def _draw_sequence(data: str, snapshot: TrainingSnapshot | None) -> None:
    simulated, exact = simulation(data, "test"), exact_posterior(data, "test")
    loaded = snapshot and newest_model(snapshot.run)
    shown = typical_sequence(simulated.z, exact)
    found = posterior(loaded, simulated.x[shown : shown + 1]) if loaded else None
    name = "Kalman smoother" if data == _LINEAR else "Exact posterior"
    bands = [figures.Band(name, exact.loc[shown, :, 0], exact.scale[shown, :, 0])]
    if snapshot and found:
        bands.append(
            figures.Band(snapshot.config.model.inference, found.loc[0, :, 0], found.scale[0, :, 0])
        )
    chart(
        figures.posterior_bands(bands, truth=simulated.z[shown, :, 0]),
        key="sequence",
        alt="The true states of one sequence, the exact posterior, and the network's posterior.",
    )


def typical_sequence(z: np.ndarray, exact: ExactPosterior) -> int:
    """Return the index of a sequence of z (N, T, 1) on which the exact posterior is calibrated.

    This is the sequence whose share of states within one standard deviation is closest to 68 %.
    Ties are resolved by the mean squared error, relative to the variance. On an arbitrary short
    sequence the share may be far from 68 %, which would suggest that the smoother is wrong.
    """
    error = (z - exact.loc) / exact.scale
    share, square = (np.abs(error) <= 1).mean((1, 2)), np.square(error).mean((1, 2))
    return int(np.lexsort((np.abs(square - 1), np.abs(share - _WITHIN)))[0])


def _draw_errors(data: str, snapshot: TrainingSnapshot) -> None:
    """Draw the root-mean-square error of the posterior mean of each smoother."""
    loaded = newest_model(snapshot.run)
    if loaded is None:
        return
    _, z, x = simulation(data, "test")
    z, x = z[:_MEASURED], x[:_MEASURED]
    errors = {
        snapshot.config.model.inference: posterior(loaded, x).loc,
        "Exact posterior": exact_posterior(data, "test").loc[:_MEASURED],
    }
    if data != _LINEAR:
        errors["Unscented Kalman smoother"] = _unscented(data)
    with st.grid("auto", min_column_width=180):
        for name, loc in errors.items():
            error = float(np.sqrt(np.square(loc - z).mean()))
            st.metric(f"Error: {name}", f"{error:.3f}")
    st.caption(
        "The error is the root-mean-square distance between the posterior mean and the true state "
        f"over {_MEASURED} test sequences. No estimator has a smaller expected error than the mean "
        "of the exact posterior."
    )


@st.cache_data(max_entries=2, show_spinner="Running the unscented Kalman smoother")
def _unscented(data: str) -> np.ndarray:
    system, _, x = simulation(data, "test")
    return unscented_smoother(system, x[:_MEASURED]).loc  # pyright: ignore[reportArgumentType]


LESSON = Lesson(
    title="Kalman",
    question="In a linear system the Kalman smoother computes the exact posterior of the latent "
    "state. **Does an inference network find the same posterior by minimising the negative ELBO "
    "alone?**",
    experiment="kalman",
    explanation="""
All parameters of the system that generated the data are known, and the generative model is equal
to this system. Only the inference network q is trained. Its **bound** cannot be lower than the
**exact NLL**, $-\\log p(x)$, which the Kalman filter computes. The gap between them is
$\\mathrm{KL}(q\\,\\|\\,p(z \\mid x))$, the KL divergence between q and the exact posterior. The
curve on the left decreases towards the dotted line; if there were no gap, q would be equal to the
posterior. This short training ends slightly above the line, by the gap that is shown below the
curve: about 0.01 nats per frame on the linear system. The chart on the right shows a test
sequence. The band of the network approaches the band of the smoother, both in its mean and in its
width. A band extends one standard deviation to either side of the mean, so it should contain the
true state in about two of three frames; the sequence shown was chosen such that it does.

The network is a **DKS**: it conditions on the previous state and sees the future. The exact
posterior $p(z_t \\mid z_{t-1}, x_{t:T})$ depends on nothing else, so the bound can become tight.
The combiner of this lesson computes q as the product of the transition's Gaussian and a Gaussian
that the RNN computes from the future, which is the exact form of the posterior here. Lesson 3 uses
a more general combiner, whose bound ends about 0.1 above the exact NLL.

**The nonlinear system** (figures 8 and 9 of the paper) has no exact Kalman smoother. The unscented
Kalman smoother approximates every distribution by a Gaussian. The network learns from the data
and is closer to the true states. The exact posterior is computed by numerical integration over a
fine grid of states, which is feasible for a system with one dimension only.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
    parameters=("system",),
)
