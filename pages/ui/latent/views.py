"""The views of the Latent page: paths, prior against posterior, transition, dimensions."""

import numpy as np
import streamlit as st

from dmm_core.inference.fixed_points import FixedPoints, fixed_points
from dmm_core.inference.latent import ACTIVE_VARIANCE, Projection, active_units, vector_field
from dmm_core.nn.dmm import DMM
from pages.ui import charts, frame, terms
from pages.ui.address import choose
from pages.ui.latent import figures
from pages.ui.latent.numbers import (
    axis_titles,
    filtered,
    moments,
    plane,
    prior_states,
    surroundings,
)
from pages.ui.latent.subject import Subject
from pages.ui.models import LoadedModel
from pages.ui.pieces import pick_others

__all__ = ["draw_dimensions", "draw_filter", "draw_paths", "draw_prior", "draw_transition"]

_BESIDE = 5
_RESOLUTION = 20
_KL_IN_USE = 0.01
_NO_PLANE = "The latent state of this model has one dimension, so there is no plane to look at."


def draw_paths(subject: Subject) -> None:
    """The path of z behind the sequence, and behind others beside it."""
    found = moments(subject)
    if subject.trained.model.z_dim == 1:
        frame.chart(
            figures.over_time(found.loc[:, 0], found.scale[:, 0]),
            key="over_time",
            alt="The latent state over time, within one standard deviation.",
        )
        _explain(
            "The line is the posterior mean of the latent state z at every frame, given the whole "
            "sequence; the band is one posterior standard deviation."
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dims = "2"
        if subject.trained.model.z_dim > 2:
            dims = choose(
                "Dimensions", ["2", "3"], key="dims", format_func="{}-D".format, segmented=True
            )
        beside = pick_others(subject.sequences, subject.number, most=_BESIDE)
    view = plane(subject, int(dims or 2))
    if view is None:
        st.info(_NO_PLANE, icon=":material/info:")
        return
    paths = [_projected(view, subject.title, found.loc, found.scale)]
    for number in beside:
        other = moments(subject, number)
        paths.append(_projected(view, subject.sequences.names[number], other.loc, other.scale))
    first, second, *third = axis_titles(view)
    frame.chart(
        charts.latent_path_3d(paths, axes=(first, second, third[0]))
        if third
        else charts.latent_path_2d(paths, axes=(first, second)),
        key=f"paths_{dims}",
        alt="The path of the latent state in its principal axes, with its uncertainty.",
    )
    _explain(
        "Every point is a frame: the posterior mean of the latent state z, given the whole "
        "sequence. The ellipses, or the tube, are one posterior standard deviation. The axes are "
        "the principal components of z; the percentage in their titles is the share of the "
        "variance along them. Sequences that begin or end in a similar way meet there; an abrupt "
        "change in the sequence is a jump of the path."
    )


def draw_prior(subject: Subject) -> None:
    """States drawn from the prior against those that the posterior finds."""
    view = plane(subject)
    if view is None:
        st.info(_NO_PLANE, icon=":material/info:")
        return
    around = surroundings(subject)
    first, second = axis_titles(view)
    frame.chart(
        figures.clouds(
            view.loc(prior_states(subject)), view.loc(around.drawn), axes=(first, second)
        ),
        key="clouds",
        alt="States of prior samples and of the posterior, in the first two principal axes.",
    )
    st.caption(
        f"{around.sequences} sequences of {subject.name}, and as many samples of the same length."
    )
    _explain(
        "Circles are states that the model infers from real sequences; crosses are states of "
        "sequences that it samples from the prior. Where they overlap, samples resemble the data. "
        "Circles without crosses are data that the model can explain but rarely samples; crosses "
        "without circles are samples that resemble no data."
    )


def draw_filter(subject: Subject) -> None:
    """What the past alone says of z, beside what the whole sequence says."""
    past = filtered(subject)
    frames = len(past.loc)
    found = moments(subject)
    both = (
        ("Smoothing: given the whole sequence", found.loc[:frames], found.scale[:frames]),
        ("Filtering: given the past", past.loc, past.scale),
    )
    with st.grid("auto", min_column_width=170):
        for name, _, scale in both:
            doubt = float(np.sqrt(np.square(scale).sum(1)).mean())
            kind, known = name.split(": ")
            st.metric(
                f"Uncertainty, {kind.lower()}",
                f"{doubt:.2f}",
                help=f"Posterior standard deviation of z, {known}: over all dimensions, averaged "
                "over the frames.",
            )
        st.metric(
            "Effective particles",
            f"{float(np.median(past.effective)):.0f}",
            help="Median over the frames. With only a few of them, filtering is a rough estimate.",
        )
    view = plane(subject)
    places = st.columns(2) if view is not None else [st.container()]
    with places[-1]:
        frame.chart(
            figures.doubts({name: np.sqrt(np.square(s).sum(1)) for name, _, s in both}),
            key="doubts",
            alt="The posterior's standard deviation over the frames, filtering and smoothing.",
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
    if frames < len(subject.x):
        st.caption(f"The first {frames:,} frames.")
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


def draw_transition(subject: Subject) -> None:
    """Where the transition leads, in the plane of the posterior's principal axes."""
    view = plane(subject)
    if view is None:
        st.info(_NO_PLANE, icon=":material/info:")
        return
    low, high = _corners(view, surroundings(subject).loc)
    trained = subject.trained
    field = vector_field(trained.model, view, low=low, high=high, resolution=_RESOLUTION)
    rest = _fixed_points(trained, view, low, high)
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
        alt="Arrows from each state of the plane to the mean of the next.",
    )
    inside = float(np.median(np.linalg.norm(field.step, axis=-1)))
    with st.grid("auto", min_column_width=150):
        st.metric("Attracting points", int(rest.stable.sum()))
        st.metric("Other fixed points", int((~rest.stable).sum()))
        st.metric("Step in the plane", f"{inside:.2f}", help="Median over the arrows.")
        st.metric(
            "Step out of it",
            f"{float(np.median(field.residual)):.2f}",
            help="Median length of the part of the step that the plane does not show.",
        )
    _explain(
        "An arrow goes from a state z in this plane towards the mean of the next state, shortened "
        "so that arrows do not cross. The colour is the length of the part of the step that leaves "
        "the plane; where it is large, the picture shows little of the movement. At a fixed point "
        "nothing moves within the plane. A path near an attracting fixed point converges to it "
        "when every step is the mean."
    )


def draw_dimensions(subject: Subject) -> None:
    """What every latent dimension costs, and which are in use."""
    around = surroundings(subject)
    active = active_units(around.loc)
    with st.grid("auto", min_column_width=150):
        st.metric(
            "Active units",
            f"{int(active.sum())} of {len(active)}",
            help=f"Dimensions whose posterior mean varies over the data, by more than "
            f"{ACTIVE_VARIANCE:g}. The line in the chart counts something else, mean kl: a "
            "dimension that varies just as the prior predicted has almost none.",
        )
        st.metric("kl", f"{float(around.kl.sum()):.2f} nats", help=f"{terms.KL} Per frame.")
        st.metric("nll", f"{around.nll:.2f} nats", help=f"{terms.NLL} Per frame.")
    frame.chart(
        charts.kl_per_dimension(around.kl, threshold=_KL_IN_USE),
        key="dimensions",
        alt="The kl of every latent dimension, the largest first.",
    )
    st.caption(f"Over {around.sequences} sequences of {subject.name}.")
    found = moments(subject)
    frame.chart(
        figures.kl_map(found.kl),
        key="kl_map",
        alt="The kl of every frame and latent dimension of this sequence.",
    )
    st.caption(
        f"Of {frame.escape_markdown(subject.title)}: the dimensions that cost most, frame by frame."
    )
    _explain(
        "A dimension of z has a kl above 0 where the sequence changes what the transition "
        "predicted. The dimensions whose bars are above the line carry information, and the map "
        "below shows at which frames. A unit is active if its posterior mean varies over the data; "
        "a dimension can also vary just as the transition predicted, without any kl. If no unit is "
        "active, the model explains the data without its latent state, which is called posterior "
        "collapse. kl and nll add up to the bound that training minimises."
    )


def _explain(text: str) -> None:
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(text)


def _projected(
    view: Projection, name: str, loc: np.ndarray, scale: np.ndarray
) -> charts.ProjectedPath:
    return charts.ProjectedPath(name, view.loc(loc), view.covariance(scale))


def _corners(view: Projection, loc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the plane where the posterior is, and a fifth more on each side."""
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
    trained: LoadedModel, view: Projection, low: np.ndarray, high: np.ndarray
) -> FixedPoints:
    return _fixed(trained.model, trained.key, view, low, high)
