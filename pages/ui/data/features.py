"""Charts of a sequence that is not music: its features, missing values and actions."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.catalogue import DATASETS
from dmm_core.data.medical import FEATURES, simulate_patients
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import Kind
from dmm_core.data.treatment import Effect, drug_effect
from pages.ui import charts, frame
from pages.ui.datasets import splits

__all__ = ["draw", "draw_sequence"]

_MAX_LINES = 8
"""Number of features that `charts.real_sequence` draws."""
_INTERVENTION, _QUARTERS = 9, 8
_HIGH = "A1c high"


class _Names(NamedTuple):
    """Names of a data set's features and actions; empty if they have no names."""

    features: tuple[str, ...]
    actions: tuple[str, ...]


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
    draw_sequence(data[split], index, name=data.name, kind=data.kind)
    if frame.presenting():
        return
    if data.kind == "binary":
        found = _feature_shares(data.name, split)
        figure = charts.feature_shares(
            found.shares, found.observed if data.spec.missing else None, _names(data.name).features
        )
        alt = "For each feature, the share of ones among its observed values, and the share of "
        alt += "frames in which it is observed."
        frame.chart(figure, key="shares", alt=alt)
    if data.name == "medical":
        _draw_true_effect()


def draw_sequence(sequences: Sequences, index: int, *, name: str, kind: Kind) -> None:
    """Draw one sequence that is not a piano-roll, with its missing values and its actions.

    Args:
        sequences: the sequences that contain it.
        index: its index in `sequences`.
        name: name of the data set, which determines the names of features and actions.
        kind: whether the features are binary or real.
    """
    x, title = sequences.x[index], sequences.names[index]
    observed = None if sequences.observed is None else sequences.observed[index]
    u = None if sequences.u is None else sequences.u[index]
    if kind == "binary":
        names = _names(name)
        figure = charts.record(
            x, observed=observed, u=u, features=names.features, actions=names.actions
        )
        frame.chart(figure, key="record", alt=f"{title}: features and actions at every frame.")
        caption = "A coloured cell is 1 and a grey cell is 0."
        if observed is not None:
            caption += f" A blank cell was not observed ({1 - observed.mean():.0%} of the cells)."
        if u is not None:
            caption += " The actions of a frame affect the transition to the next frame."
        st.caption(caption)
        return
    if observed is not None:
        x = np.where(observed > 0, x, np.float32("nan"))
    frame.chart(charts.real_sequence(x), key="real", alt=f"The features of {title} over time.")
    if x.shape[1] > _MAX_LINES:
        st.caption(f"The chart shows the first {_MAX_LINES} of {x.shape[1]} features.")
    if u is not None:
        st.caption("The actions of a frame affect the transition to the next frame:")
        figure = charts.real_sequence(u).update_yaxes(title={"text": "u"})
        frame.chart(figure, key="actions", alt=f"The actions on {title} over time.")


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


def _names(name: str) -> _Names:
    info = DATASETS.get(name)
    return _Names(info.spec.features, info.spec.actions) if info else _Names((), ())


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
