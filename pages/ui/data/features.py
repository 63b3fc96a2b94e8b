"""Charts of a sequence that is not music: its features, missing values and actions."""

from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
import streamlit as st

from dmm_core.data.catalogue import DATASETS
from dmm_core.data.medical import FEATURES, simulate_patients
from dmm_core.data.sequences import Sequences, Splits, WholeSeries
from dmm_core.data.spec import DataSpec
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.treatment import Effect, drug_effect
from pages.ui import charts, frame
from pages.ui.datasets import splits

__all__ = ["draw", "draw_sequence"]

_MAX_LINES = 8
"""Number of features that `charts.real_sequence` draws."""
_INTERVENTION, _QUARTERS = 9, 8
_HIGH = "A1c high"


class _FeatureShares(NamedTuple):
    """Statistics of the binary features of a split.

    Attributes:
        shares: (x_dim,) share of ones among the observed values of each feature.
        observed: (x_dim,) share of frames in which each feature is observed.
    """

    shares: np.ndarray
    observed: np.ndarray


def draw(data: Splits, split: str, index: int) -> None:
    """Draw the sequence at `index` of a split that is not music, and statistics of the split."""
    draw_sequence(data[split], index, data.spec)
    if frame.presenting():
        return
    if data.whole is not None and data.kind in ("real", "count"):
        _draw_whole(data, data.whole, split, index)
    if data.kind == "binary":
        found = _feature_shares(data.name, split)
        figure = charts.feature_shares(
            found.shares, found.observed if data.spec.missing else None, data.features
        )
        alt = "For each feature, the share of ones among its observed values, and the share of "
        alt += "frames in which it is observed."
        frame.chart(figure, key="shares", alt=alt)
    if data.name == "medical":
        _draw_true_effect()


def draw_sequence(sequences: Sequences, index: int, spec: DataSpec) -> None:
    """Draw one sequence that is not a piano-roll, with its missing values and its actions.

    Args:
        sequences: the sequences that contain it.
        index: its index in `sequences`.
        spec: description of its frames, with the names of features and the times.
    """
    spec = _with_names(spec)
    x, title = sequences.x[index], sequences.names[index]
    observed = None if sequences.observed is None else sequences.observed[index]
    time = _times(spec.time, sequences, index)
    if spec.kind == "binary":
        u = None if sequences.u is None else sequences.u[index]
        figure = charts.record(
            x,
            observed=observed,
            u=u,
            features=spec.features,
            actions=spec.actions,
            **time,
        )
        frame.chart(figure, key="record", alt=f"{title}: features and actions at every frame.")
        caption = "A coloured cell is 1 and a grey cell is 0."
        if observed is not None:
            caption += f" A blank cell was not observed ({1 - observed.mean():.0%} of the cells)."
        if u is not None:
            caption += " The actions of a frame affect the transition to the next frame."
        st.caption(caption)
    else:
        shown = _with_gaps(x, observed)
        figure = charts.real_sequence(shown, names=spec.features, **time)
        frame.chart(figure, key="real", alt=f"The features of {title} over time.")
        if x.shape[1] > _MAX_LINES:
            st.caption(f"The chart shows the first {_MAX_LINES} of {x.shape[1]} features.")
        if observed is not None and (missing := observed.size - int(observed.sum())):
            st.caption(f"Gaps are missing values ({missing:,} of {observed.size:,}).")
        if sequences.u is not None:
            st.caption("The actions of a frame affect the transition to the next frame:")
            figure = charts.real_sequence(
                sequences.u[index], names=spec.actions, letter="u", **time
            )
            frame.chart(figure, key="actions", alt=f"The actions on {title} over time.")
    if sequences.c is not None:
        st.caption("The covariates of a frame are known in advance:")
        figure = charts.real_sequence(sequences.c[index], names=spec.covariates, letter="c", **time)
        frame.chart(figure, key="covariates", alt=f"The covariates of {title} over time.")


class _TimeArguments(TypedDict):
    """Arguments of charts: the times of the frames, or None, and the title of the x axis."""

    times: np.ndarray | None
    time_title: str


def _times(time: TimeAxis | None, sequences: Sequences, index: int) -> _TimeArguments:
    if time is None or sequences.starts is None:
        return {"times": None, "time_title": "Frame"}
    times = time.values(sequences.starts[index], len(sequences.x[index]))
    return {"times": times, "time_title": time.title}


def _with_gaps(x: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
    """Return the values with NaN where they are missing."""
    return x if observed is None else np.where(observed > 0, x, np.float32("nan"))


def _draw_whole(data: Splits, whole: WholeSeries, split: str, index: int) -> None:
    """Draw the uncut series of a window, with the splits as regions."""
    series = whole.sequences
    title = data[split].names[index]
    at = next((i for i, name in enumerate(series.names) if title.startswith(f"{name}: ")), 0)
    observed = None if series.observed is None else series.observed[at]
    window = None
    starts = data[split].starts
    if starts is not None and series.starts is not None:
        first = round((starts[index] - series.starts[at]) / series.step)
        window = (first, first + len(data[split].x[index]))
    st.subheader("The whole series", anchor=False)
    figure = charts.split_series(
        _with_gaps(series.x[at], observed),
        valid_from=whole.valid_from[at],
        test_from=whole.test_from[at],
        window=window,
        names=data.features,
        **_times(data.time, series, at),
    )
    frame.chart(figure, key="whole", alt="The whole series, with its splits in time as regions.")
    st.caption(
        "The splits are successive parts of the series, cut into windows; no frame is in two of "
        "them." + (" The dotted frame marks the window above." if window else "")
    )


def _draw_true_effect() -> None:
    st.subheader("The true effect of the drugs", anchor=False)
    effect = _true_effect()
    column = FEATURES.index(_HIGH)
    curves = [
        charts.ShareCurve(name, shares.loc[:, column], shares.error[:, column])
        for name, shares in (
            ("All patients continue the drugs of frame 9", effect.factual),
            ("All patients stop all drugs", effect.counterfactual),
        )
    ]
    figure = charts.shares_over_time(
        curves, title=f"Patients with {_HIGH}", x_title="Quarters after frame 9"
    )
    frame.chart(
        figure,
        key="truth",
        alt="The share of patients with a high A1c if all continue or all stop their drugs.",
    )
    st.caption(
        "The shares are computed from the equations of the simulator, for the 500 patients of the "
        "test split. The records alone suggest the opposite effect: sicker patients receive more "
        "drugs, so patients who take drugs are in a worse state (confounding)."
    )


def _with_names(spec: DataSpec) -> DataSpec:
    """Return a description with the names of the catalogue, if it has none of its own.

    Runs of earlier versions have descriptions without names.
    """
    info = DATASETS.get(spec.name)
    if spec.features or info is None or info.spec.x_dim != spec.x_dim:
        return spec
    if info.spec.u_dim != spec.u_dim:
        return replace(spec, features=info.spec.features)
    return replace(spec, features=info.spec.features, actions=info.spec.actions)


@st.cache_data(max_entries=32, show_spinner=False)
def _feature_shares(name: str, split: str) -> _FeatureShares:
    sequences = splits(name)[split]
    x = np.concatenate(sequences.x)
    observed = np.ones_like(x) if sequences.observed is None else np.concatenate(sequences.observed)
    count = observed.sum(axis=0)
    shares = x.sum(axis=0) / np.where(count > 0, count, np.nan)
    return _FeatureShares(shares, count / len(x))


@st.cache_data(show_spinner="Simulating the patients")
def _true_effect() -> Effect:
    """Return the effect of stopping all drugs in the test split with data seed 0."""
    patients = simulate_patients(0)["test"]
    keep = np.repeat(patients.u[:, _INTERVENTION : _INTERVENTION + 1], _QUARTERS, axis=1)
    return drug_effect(patients.z[:, _INTERVENTION], factual=keep, counterfactual=0 * keep)
