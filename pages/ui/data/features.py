"""One sequence that is no music: its features, what was seen of them, and what acted on it."""

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

_DRAWN = 8
"""Lines in one figure of real values: `real_sequence` draws no more."""
_INTERVENTION, _QUARTERS = 9, 8
_HIGH = "A1c high"


class _Names(NamedTuple):
    """Names of a data set's features and actions; empty where they have none."""

    features: tuple[str, ...]
    actions: tuple[str, ...]


class _Seen(NamedTuple):
    """Of each feature of a split, (x_dim,): how often it is 1 where seen, how often it is seen."""

    shares: np.ndarray
    observed: np.ndarray


def draw(data: Splits, split: str, index: int) -> None:
    """Draw the sequence at `index` of a split without piano-rolls, and figures of the split."""
    draw_sequence(data[split], index, name=data.name, kind=data.kind)
    if frame.presenting():
        return
    if data.kind == "binary":
        seen = _seen(data.name, split)
        figure = charts.feature_shares(
            seen.shares, seen.observed if data.spec.missing else None, _names(data.name).features
        )
        alt = "How often each feature is 1 where it was seen, and how often it was seen."
        frame.chart(figure, key="shares", alt=alt)
    if data.name == "medical":
        _draw_truth()


def draw_sequence(sequences: Sequences, index: int, *, name: str, kind: Kind) -> None:
    """Draw one sequence that is no piano-roll, with what was not observed and what acted on it.

    Args:
        sequences: those it stands among.
        index: which one.
        name: of the data set, whose features and actions may have names.
        kind: what the features are.
    """
    x, title = sequences.x[index], sequences.names[index]
    observed = None if sequences.observed is None else sequences.observed[index]
    u = None if sequences.u is None else sequences.u[index]
    if kind == "binary":
        names = _names(name)
        figure = charts.record(
            x, observed=observed, u=u, features=names.features, actions=names.actions
        )
        frame.chart(figure, key="record", alt=f"{title}: features and actions, frame by frame.")
        words = "A strong cell is 1, a pale one 0"
        if observed is not None:
            words += f", a blank one was not observed ({1 - observed.mean():.0%} here)"
        if u is not None:
            words += "; actions act on the step to the next frame"
        st.caption(f"{words}.")
        return
    if observed is not None:
        x = np.where(observed > 0, x, np.float32("nan"))
    frame.chart(charts.real_sequence(x), key="real", alt=f"{title}, feature by feature.")
    if x.shape[1] > _DRAWN:
        st.caption(f"The first {_DRAWN} of {x.shape[1]} features.")
    if u is not None:
        st.caption("Its actions; those of a frame act on the step to the next.")
        figure = charts.real_sequence(u).update_yaxes(title={"text": "u"})
        frame.chart(figure, key="actions", alt=f"What acts on {title}, action by action.")


def _draw_truth() -> None:
    st.subheader("What the drugs truly do", anchor=False)
    effect = _truth()
    column = FEATURES.index(_HIGH)
    curves = [
        charts.ShareCurve(name, shares.loc[:, column], shares.error[:, column])
        for name, shares in (
            ("Everybody keeps the drugs of frame 9", effect.factual),
            ("Everybody stops all drugs", effect.counterfactual),
        )
    ]
    figure = charts.shares_over_time(
        curves, title=f"Patients with {_HIGH}", x_title="Quarters after that frame"
    )
    frame.chart(figure, key="truth", alt="The share with a high A1c if all keep or stop drugs.")
    st.caption(
        "Computed from the simulator's own equations, for the 500 patients of the test split. The "
        "records alone say the opposite at first sight: the sicker are treated more, so those who "
        "take drugs look worse."
    )


def _names(name: str) -> _Names:
    info = DATASETS.get(name)
    return _Names(info.spec.features, info.spec.actions) if info else _Names((), ())


@st.cache_data(max_entries=32, show_spinner=False)
def _seen(name: str, split: str) -> _Seen:
    sequences = splits(name)[split]
    x = np.concatenate(sequences.x)
    observed = np.ones_like(x) if sequences.observed is None else np.concatenate(sequences.observed)
    often = observed.sum(axis=0)
    shares = x.sum(axis=0) / np.where(often > 0, often, np.nan)
    return _Seen(shares, often / len(x))


@st.cache_data(show_spinner="Simulating the patients")
def _truth() -> Effect:
    """Stopping all drugs against keeping them, in the test split with data seed 0."""
    patients = simulate_patients(0)["test"]
    keep = np.repeat(patients.u[:, _INTERVENTION : _INTERVENTION + 1], _QUARTERS, axis=1)
    return drug_effect(patients.z[:, _INTERVENTION], factual=keep, counterfactual=0 * keep)
