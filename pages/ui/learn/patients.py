"""The simulated patients of lessons 5 and 6, true treatment effects, and imputation."""

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
from pages.ui.learn.models import LessonModel

__all__ = [
    "KNOWN_QUARTERS",
    "TREATMENTS",
    "ImputationResult",
    "RecordShares",
    "imputation",
    "predicted_shares",
    "record_shares",
    "records",
    "test_patients",
    "true_effect",
]

KNOWN_QUARTERS = 10
"""Number of observed quarters before the treatment changes."""

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
"""Name of a treatment -> its title, and a function from present actions to changed actions."""


class RecordShares(NamedTuple):
    """Shares of patients with a feature in the records, without and with treatment before."""

    treated: float
    untreated: float


class ImputationResult(NamedTuple):
    """Imputed records of N patients, and their mean NLL in nats per missing or hidden value.

    Attributes:
        truth: (N, T, 16) true values.
        observed: (N, T, 16) 1 where the model saw the value.
        probability: (N, T, 16) imputed probability that the value is 1.
        model: NLL of the model.
        frequency: NLL of each feature's frequency in the training records.
        best: NLL of the emission probabilities given the true states, the lowest possible one.
        correct: share of the values whose more probable value is the true one.
    """

    truth: np.ndarray
    observed: np.ndarray
    probability: np.ndarray
    model: float
    frequency: float
    best: float
    correct: float


@st.cache_resource(max_entries=1, show_spinner="Simulating the patients")
def _all_patients() -> dict[str, Patients]:
    return simulate_patients(_SEED)


def test_patients() -> Patients:
    """Return the first patients of the test split. The result must not be modified."""
    return Patients(*(part[:_PATIENTS] for part in _all_patients()["test"]))


def records() -> Sequences:
    """Return the records of `test_patients`, in which missing values are 0."""
    _, x, observed, u = test_patients()
    names = tuple(f"Patient {number}" for number in range(1, len(x) + 1))
    return Sequences(tuple(x * observed), names, tuple(u.astype(np.float32)), tuple(observed))


def _present_actions() -> np.ndarray:
    """Return actions (N, H, 8) with which all patients continue their present drugs."""
    present = test_patients().u[:, KNOWN_QUARTERS - 1 : KNOWN_QUARTERS]
    return np.repeat(present, _HORIZON, axis=1).astype(np.float32)


@st.cache_data(max_entries=8, show_spinner="Simulating both treatments")
def true_effect(treatment: str) -> Effect:
    """Return the true effect of a treatment, compared with continuing the present drugs."""
    keep = _present_actions()
    return drug_effect(
        test_patients().z[:, KNOWN_QUARTERS - 1], keep, TREATMENTS[treatment][1](keep)
    )


def predicted_shares(loaded: LessonModel, treatment: str | None) -> np.ndarray:
    """Return the shares (H, 16) that the model predicts for a treatment.

    Args:
        loaded: the model.
        treatment: one of `TREATMENTS`, or None to continue the present drugs.
    """
    return _predicted_shares(loaded.model, loaded.key, treatment)


@st.cache_data(max_entries=64, show_spinner=False)
def _predicted_shares(_model: object, key: str, treatment: str | None) -> np.ndarray:
    keep = _present_actions()
    u = keep if treatment is None else TREATMENTS[treatment][1](keep)
    means = means_under(_model, records(), u, frame=KNOWN_QUARTERS, seed=_SEED)  # pyright: ignore[reportArgumentType]
    return means.mean(0)


@st.cache_data(max_entries=32, show_spinner=False)
def record_shares(feature: str) -> RecordShares:
    """Return the shares of patients with a feature, among treated and among untreated patients.

    The shares are computed from the training records in which the feature is observed. A patient is
    treated if any drug was taken in the previous quarter.
    """
    _, x, observed, u = _all_patients()["train"]
    column = FEATURES.index(feature)
    treated = u[:, KNOWN_QUARTERS - 1].any(1)
    known = observed[:, KNOWN_QUARTERS, column] > 0
    values = x[:, KNOWN_QUARTERS, column]
    return RecordShares(
        float(values[known & treated].mean()), float(values[known & ~treated].mean())
    )


def imputation(loaded: LessonModel, share: float) -> ImputationResult:
    """Hide a share of the observed values, and impute all missing and hidden values."""
    return _imputation(loaded.model, loaded.key, share)


@st.cache_data(max_entries=24, show_spinner=False)
def _imputation(_model: object, key: str, share: float) -> ImputationResult:
    patients, masked = test_patients(), hide(records(), share, seed=_SEED)
    probability = impute(_model, masked, seed=_SEED)  # pyright: ignore[reportArgumentType]
    observed = np.stack(masked.observed or ())
    hidden = observed == 0
    truth = patients.x.astype(np.float64)
    _, x, mask, _ = _all_patients()["train"]
    frequency = (x * mask).sum((0, 1)) / mask.sum((0, 1))
    return ImputationResult(
        truth=patients.x,
        observed=observed,
        probability=probability.astype(np.float32),
        model=_nll(probability, truth)[hidden].mean(),
        frequency=_nll(np.broadcast_to(frequency, truth.shape), truth)[hidden].mean(),
        best=_nll(emission_probability(patients.z), truth)[hidden].mean(),
        correct=float(((probability > 0.5) == (truth > 0.5))[hidden].mean()),
    )


def _nll(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return -np.log(np.where(truth > 0.5, probability, 1.0 - probability).clip(1e-12))
