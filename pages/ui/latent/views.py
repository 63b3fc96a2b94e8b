"""Views of the Latent page: paths, prior and posterior, filtering, transition, dimensions."""

import numpy as np
import streamlit as st

from dmm_core.inference.fixed_points import FixedPoints, fixed_points
from dmm_core.inference.latent import ACTIVE_VARIANCE, Projection, active_units, vector_field
from dmm_core.nn.dmm import DMM
from pages.ui import charts, frame, terms
from pages.ui.address import choose
from pages.ui.latent import figures
from pages.ui.latent.computations import (
    axis_titles,
    filtered,
    moments,
    plane,
    prior_states,
    split_posterior,
)
from pages.ui.latent.selection import Selection
from pages.ui.models import LoadedModel
from pages.ui.pieces import pick_others

__all__ = ["draw_dimensions", "draw_filter", "draw_paths", "draw_prior", "draw_transition"]

_MAX_OTHERS = 5
_RESOLUTION = 20
_KL_IN_USE = 0.01
_ONE_DIMENSION = "The latent state of this model has one dimension, so this view is not available."


def draw_paths(selection: Selection) -> None:
    """Draw the posterior path of z of the selected sequence, and of others for comparison."""
    found = moments(selection)
    if selection.loaded.model.z_dim == 1:
        frame.chart(
            figures.posterior_over_time(found.loc[:, 0], found.scale[:, 0]),
            key="posterior_over_time",
            alt="The posterior of the latent state over time, with one standard deviation.",
        )
        _explain(
            "The line is the posterior mean of the latent state z at every frame, given the whole "
            "sequence; the band is one posterior standard deviation."
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dims = "2"
        if selection.loaded.model.z_dim > 2:
            dims = choose(
                "Dimensions", ["2", "3"], key="dims", format_func="{}-D".format, segmented=True
            )
        beside = pick_others(selection.sequences, selection.number, most=_MAX_OTHERS)
    view = plane(selection, int(dims or 2))
    if view is None:
        st.info(_ONE_DIMENSION, icon=":material/info:")
        return
    paths = [_projected(view, selection.title, found.loc, found.scale)]
    for number in beside:
        other = moments(selection, number)
        paths.append(_projected(view, selection.sequences.names[number], other.loc, other.scale))
    first, second, *third = axis_titles(view)
    frame.chart(
        charts.latent_path_3d(paths, axes=(first, second, third[0]))
        if third
        else charts.latent_path_2d(paths, axes=(first, second)),
        key=f"paths_{dims}",
        alt="The posterior path of the latent state in its principal axes, with its uncertainty.",
    )
    _explain(
        "Every point is a frame: the posterior mean of the latent state z, given the whole "
        "sequence. The ellipses, or the tube, are one posterior standard deviation. The axes are "
        "the principal components of z; the percentage in their titles is the share of the "
        "variance along them. Sequences that begin or end in a similar way meet there; an abrupt "
        "change in the sequence is a jump of the path."
    )


def draw_prior(selection: Selection) -> None:
    """Draw states sampled from the prior and states sampled from the posterior."""
    view = plane(selection)
    if view is None:
        st.info(_ONE_DIMENSION, icon=":material/info:")
        return
    split = split_posterior(selection)
    first, second = axis_titles(view)
    frame.chart(
        figures.prior_and_posterior(
            view.loc(prior_states(selection)), view.loc(split.sampled), axes=(first, second)
        ),
        key="prior_and_posterior",
        alt="States of prior samples and of the posterior, in the first two principal axes.",
    )
    st.caption(
        f"The chart shows {split.sequences} sequences of {selection.name}, and the same number of "
        "samples of the same length."
    )
    _explain(
        "Circles are states that the model infers from real sequences; crosses are states of "
        "sequences that it samples from the prior. Where they overlap, samples resemble the data. "
        "Circles without crosses are data that the model can explain but rarely samples; crosses "
        "without circles are samples that resemble no data."
    )


def draw_filter(selection: Selection) -> None:
    """Draw the filtering and the smoothing distribution of z."""
    past = filtered(selection)
    frames = len(past.loc)
    found = moments(selection)
    both = (
        ("Smoothing: given the whole sequence", found.loc[:frames], found.scale[:frames]),
        ("Filtering: given the past", past.loc, past.scale),
    )
    with st.grid("auto", min_column_width=170):
        for name, _, scale in both:
            uncertainty = float(np.sqrt(np.square(scale).sum(1)).mean())
            kind, known = name.split(": ")
            st.metric(
                f"Uncertainty, {kind.lower()}",
                f"{uncertainty:.2f}",
                help=f"Posterior standard deviation of z, {known}: over all dimensions, averaged "
                "over the frames.",
            )
        st.metric(
            "Effective particles",
            f"{float(np.median(past.effective)):.0f}",
            help="The effective number of particles, median over the frames. If it is small, the "
            "filtering result is inaccurate.",
        )
    view = plane(selection)
    places = st.columns(2) if view is not None else [st.container()]
    with places[-1]:
        frame.chart(
            figures.standard_deviations(
                {name: np.sqrt(np.square(s).sum(1)) for name, _, s in both}
            ),
            key="standard_deviations",
            alt="The standard deviation of z over time, for filtering and for smoothing.",
        )
    if view is not None:
        first, second = axis_titles(view)
        with places[0]:
            frame.chart(
                charts.latent_path_2d(
                    [_projected(view, name.split(":")[0], loc, scale) for name, loc, scale in both],
                    axes=(first, second),
                ),
                key="filter_paths",
                alt="The paths of filtering and smoothing in the first two principal axes.",
            )
    if frames < len(selection.x):
        st.caption(f"The charts show the first {frames:,} frames.")
    _explain(
        "**Smoothing** estimates z given the whole sequence; **filtering** estimates it at every "
        "frame given the frames up to it. Where both agree, the later frames added no information; "
        "where they differ, later frames changed the estimate. Uncertainty is the standard "
        "deviation over all dimensions. The inference network of most models sees the future, so "
        "filtering uses a particle filter: many samples of z, moved by the transition and weighted "
        "by the observations. The number of effective particles says how many of them carry "
        "weight; with a state of many dimensions it is small, and the filter is then only a rough "
        "estimate."
    )


def draw_transition(selection: Selection) -> None:
    """Draw the vector field of the transition in the plane of the first two principal axes."""
    view = plane(selection)
    if view is None:
        st.info(_ONE_DIMENSION, icon=":material/info:")
        return
    low, high = _corners(view, split_posterior(selection).loc)
    loaded = selection.loaded
    field = vector_field(loaded.model, view, low=low, high=high, resolution=_RESOLUTION)
    rest = _fixed_points(loaded, view, low, high)
    first, second = axis_titles(view)
    frame.chart(
        charts.vector_field_chart(
            field.points.reshape(-1, 2),
            field.step.reshape(-1, 2),
            field.residual.ravel(),
            fixed_points=rest.points,
            stable=rest.stable,
            axes=(first, second),
        ),
        key="field",
        alt="Vector field of the transition: arrows from states to the mean of the next state.",
    )
    inside = float(np.median(np.linalg.norm(field.step, axis=-1)))
    with st.grid("auto", min_column_width=150):
        st.metric("Stable fixed points", int(rest.stable.sum()))
        st.metric("Other fixed points", int((~rest.stable).sum()))
        st.metric(
            "Step in the plane",
            f"{inside:.2f}",
            help="The length of the step within the plane, median over the arrows.",
        )
        st.metric(
            "Step out of the plane",
            f"{float(np.median(field.residual)):.2f}",
            help="The length of the part of the step that leaves the plane, median over the "
            "arrows. The chart does not show this part.",
        )
    _explain(
        "An arrow goes from a state z in this plane towards the mean of the next state, shortened "
        "so that arrows do not cross. The colour is the length of the part of the step that leaves "
        "the plane; where it is large, the chart shows only a small part of the movement. At a "
        "fixed point, the step within the plane is zero. If every step is the mean, a path near a "
        "stable fixed point converges to it."
    )


def draw_dimensions(selection: Selection) -> None:
    """Draw the kl of every latent dimension, and the number of active units."""
    split = split_posterior(selection)
    active = active_units(split.loc)
    with st.grid("auto", min_column_width=150):
        st.metric(
            "Active units",
            f"{int(active.sum())} of {len(active)}",
            help="Dimensions whose posterior mean has a variance above "
            f"{ACTIVE_VARIANCE:g} over the data. The chart below uses another criterion, the mean "
            "kl, which is almost zero for a dimension that varies as the prior predicts.",
        )
        st.metric("kl", f"{float(split.kl.sum()):.2f} nats", help=f"{terms.KL} Per frame.")
        st.metric("nll", f"{split.nll:.2f} nats", help=f"{terms.NLL} Per frame.")
    frame.chart(
        charts.kl_per_dimension(split.kl, threshold=_KL_IN_USE),
        key="dimensions",
        alt="The mean kl of every latent dimension, in descending order.",
    )
    st.caption(f"The mean is over {split.sequences} sequences of {selection.name}.")
    found = moments(selection)
    frame.chart(
        figures.kl_heatmap(found.kl),
        key="kl_heatmap",
        alt="The kl of every frame and latent dimension of this sequence.",
    )
    st.caption(
        "The heatmap shows the dimensions with the largest kl for every frame of "
        f"{frame.escape_markdown(selection.title)}."
    )
    _explain(
        "The kl of a dimension of z is above 0 where its posterior differs from the prediction of "
        "the transition. The dimensions whose bars are above the line carry information, and the "
        "heatmap shows at which frames. A unit is active if its posterior mean varies over the "
        "data; it can also vary exactly as the transition predicts, in which case its kl is 0. If "
        "no unit is active, the model explains the data without its latent state, which is called "
        "posterior collapse. The sum of kl and nll is the bound that training minimises."
    )


def _explain(text: str) -> None:
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(text)


def _projected(
    view: Projection, name: str, loc: np.ndarray, scale: np.ndarray
) -> charts.ProjectedPath:
    return charts.ProjectedPath(name, view.loc(loc), view.covariance(scale))


def _corners(view: Projection, loc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the bounding box of the posterior, with a margin of 20 %."""
    points = view.loc(loc)
    low, high = points.min(0), points.max(0)
    margin = 0.2 * np.maximum(high - low, 1e-6)
    return low - margin, high + margin


@st.cache_data(max_entries=8, show_spinner=False)
def _fixed(
    _model: DMM, key: str, view: Projection, low: np.ndarray, high: np.ndarray
) -> FixedPoints:
    return fixed_points(_model, view, low=low, high=high)


def _fixed_points(
    loaded: LoadedModel, view: Projection, low: np.ndarray, high: np.ndarray
) -> FixedPoints:
    return _fixed(loaded.model, loaded.key, view, low, high)
