"""The simulated patients of the last two lessons, with the truth behind their records."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.medical import (
    DRUGS,
    FEATURES,
    Patients,
    emission_probability,
    simulate_patients,
)
from dmm_core.data.sequences import Sequences
from dmm_core.data.treatment import Effect, drug_effect
from dmm_core.inference.imputation import hide, impute
from dmm_core.inference.intervention import means_under
from pages.ui.learn.models import Loaded

__all__ = [
    "QUARTER",
    "TREATMENTS",
    "Counted",
    "Imputed",
    "counted",
    "course",
    "imputed",
    "records",
    "test_patients",
    "true_effect",
]

QUARTER = 10
"""Quarters that are known before the treatment changes."""

_HORIZON = 8
_PATIENTS = 250
_SEED = 0


def _stop(keep: np.ndarray) -> np.ndarray:
    return np.zeros_like(keep)


def _with(drug: str, keep: np.ndarray) -> np.ndarray:
    changed = keep.copy()
    changed[..., DRUGS.index(drug)] = 1
    return changed


TREATMENTS = {
    "stop": ("Stop all drugs", _stop),
    "insulin": ("Insulin for everybody", lambda keep: _with("insulin", keep)),
    "metformin": ("Metformin for everybody", lambda keep: _with("metformin", keep)),
}
"""What is done otherwise: a title, and the drugs that are then taken."""


class Counted(NamedTuple):
    """What the bare records say: shares with a feature in the next quarter, by treatment."""

    treated: float
    untreated: float


class Imputed(NamedTuple):
    """What was hidden, and what the model makes of it; N patients.

    Attributes:
        truth: (N, T, 16) what every cell would have shown.
        observed: (N, T, 16) 1 where the model was shown it.
        chance: (N, T, 16) the model's probability that it is 1.
        model: nats a hidden cell that the model needs.
        share: nats that each feature's share in the training records needs.
        best: nats that who knows the true state needs: nobody can do better.
        right: share of the hidden cells whose more likely value is the true one.
    """

    truth: np.ndarray
    observed: np.ndarray
    chance: np.ndarray
    model: float
    share: float
    best: float
    right: float


@st.cache_resource(max_entries=1, show_spinner="Simulating the patients")
def _everyone() -> dict[str, Patients]:
    return simulate_patients(_SEED)


def test_patients() -> Patients:
    """The patients of the test split that are looked at; not to be changed."""
    return Patients(*(part[:_PATIENTS] for part in _everyone()["test"]))


def records() -> Sequences:
    """Their records: what was not observed is 0."""
    _, x, observed, u = test_patients()
    names = tuple(f"Patient {number}" for number in range(1, len(x) + 1))
    return Sequences(tuple(x * observed), names, tuple(u.astype(np.float32)), tuple(observed))


def _kept() -> np.ndarray:
    """(N, H, 8): everybody keeps the drugs of the last known quarter."""
    present = test_patients().u[:, QUARTER - 1 : QUARTER]
    return np.repeat(present, _HORIZON, axis=1).astype(np.float32)


@st.cache_data(max_entries=8, show_spinner="Simulating both treatments")
def true_effect(treatment: str) -> Effect:
    """What the treatment truly does, against keeping the present drugs."""
    keep = _kept()
    return drug_effect(test_patients().z[:, QUARTER - 1], keep, TREATMENTS[treatment][1](keep))


def course(loaded: Loaded, treatment: str | None) -> np.ndarray:
    """(H, 16): shares that the model expects under a treatment; None keeps the present drugs."""
    return _course(loaded.model, loaded.key, treatment)


@st.cache_data(max_entries=64, show_spinner=False)
def _course(_model: object, key: str, treatment: str | None) -> np.ndarray:
    keep = _kept()
    u = keep if treatment is None else TREATMENTS[treatment][1](keep)
    means = means_under(_model, records(), u, frame=QUARTER, seed=_SEED)  # pyright: ignore[reportArgumentType]
    return means.mean(0)


@st.cache_data(max_entries=32, show_spinner=False)
def counted(feature: str) -> Counted:
    """Shares with a feature among those treated in the quarter before, and among the others.

    Over the training records, where the feature was seen.
    """
    _, x, observed, u = _everyone()["train"]
    column = FEATURES.index(feature)
    treated = u[:, QUARTER - 1].any(1)
    seen = observed[:, QUARTER, column] > 0
    values = x[:, QUARTER, column]
    return Counted(float(values[seen & treated].mean()), float(values[seen & ~treated].mean()))


def imputed(loaded: Loaded, share: float) -> Imputed:
    """Hide a share of what was observed, and let the model fill in all that it does not see."""
    return _imputed(loaded.model, loaded.key, share)


@st.cache_data(max_entries=24, show_spinner=False)
def _imputed(_model: object, key: str, share: float) -> Imputed:
    patients, holes = test_patients(), hide(records(), share, seed=_SEED)
    chance = impute(_model, holes, seed=_SEED)  # pyright: ignore[reportArgumentType]
    observed = np.stack(holes.observed or ())
    hidden = observed == 0
    truth = patients.x.astype(np.float64)
    _, x, seen, _ = _everyone()["train"]
    usual = (x * seen).sum((0, 1)) / seen.sum((0, 1))
    return Imputed(
        truth=patients.x,
        observed=observed,
        chance=chance.astype(np.float32),
        model=_nats(chance, truth)[hidden].mean(),
        share=_nats(np.broadcast_to(usual, truth.shape), truth)[hidden].mean(),
        best=_nats(emission_probability(patients.z), truth)[hidden].mean(),
        right=float(((chance > 0.5) == (truth > 0.5))[hidden].mean()),
    )


def _nats(chance: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return -np.log(np.where(truth > 0.5, chance, 1.0 - chance).clip(1e-12))
