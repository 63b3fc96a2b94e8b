"""The data set `medical`: simulated diabetic patients whose true response to drugs is known.

The cohort of Krishnan, Shalit, Sontag (AAAI 2017, arXiv 1609.09869, section 6.6) is private. This
simulation has the same form: 18 quarters, binary labs and diagnoses with many missing values, and
eight anti-diabetic drugs as actions. It contains no data of real patients.

The latent state is z = (g, b, c): glycaemia, loss of beta cells, cardiorenal burden. With s the
logistic function, u the drugs of a quarter and the second argument of N a variance,

    z_1     ~ N((0.6, 0.3, 0), diag(0.81, 0.09, 0.16))
    effect  = 1 - exp(-(s(3 - 2 b) sum_k w_k u_k + 0.8 u_insulin))
    g_{t+1} ~ N(1.4 tanh(1.8 g) + 0.15 + 0.35 b - effect, 0.16)
    b_{t+1} ~ N(b + 0.05 s(3 g) (2 - b), 0.0025)
    c_{t+1} ~ N(0.95 c + 0.15 s(3 g) - 0.12 (u_liraglutide + u_empagliflozin), 0.0225)
    x_t     ~ Bernoulli(s(W z_t + w)), feature by feature

where the sum is over all drugs except insulin, and w, W are the tables below. Three properties
cannot be represented by a linear transition: glycaemia is attracted to one of two levels,
controlled or not; the joint effect of several drugs is less than the sum of their effects; and all
drugs except insulin act through the remaining beta cells.

A quarter has a visit with probability 0.8; without a visit nothing is observed. At a visit all
diagnoses are recorded, and each lab is ordered with its own probability. Neither depends on the
state. The doctor sees the chart, which holds the last known value of each lab, and decides only on
the chart and the current drugs. Sicker patients therefore receive more drugs, and treated patients
look worse. However, everything that a decision depends on is in the data, so a model of x given u
can identify the effect of the drugs.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits

__all__ = [
    "DRUGS",
    "FEATURES",
    "LABS",
    "SCALE",
    "STEPS",
    "Patients",
    "emission_probability",
    "load_medical",
    "next_state",
    "simulate_cohort",
    "simulate_patients",
]

STEPS = 18
"""Number of quarters per patient: four and a half years."""

_LABS = {
    # name: (weights of g, b, c; intercept; probability that it is ordered at a visit)
    "A1c high": ((4.0, 0.0, 0.0), -0.6, 0.65),
    "glucose high": ((3.5, 0.0, 0.0), -0.3, 0.75),
    "triglycerides high": ((1.2, 0.0, 0.6), -0.8, 0.40),
    "LDL high": ((0.2, 0.0, 0.8), -0.6, 0.40),
    "HDL low": ((0.4, 0.0, 0.8), -0.8, 0.40),
    "creatinine high": ((0.0, 0.6, 1.6), -2.6, 0.55),
    "urine albumin high": ((0.6, 0.8, 1.4), -2.6, 0.30),
    "potassium high": ((0.0, 0.2, 1.0), -2.6, 0.55),
}
_DIAGNOSES = {
    # name: (weights of g, b, c; intercept)
    "thirst and polyuria": ((2.5, 0.0, 0.0), -2.2),
    "hypertension": ((0.0, 0.2, 1.2), -0.2),
    "obesity": ((0.8, -0.6, 0.4), -0.4),
    "coronary artery disease": ((0.0, 0.3, 1.5), -2.6),
    "heart failure": ((0.0, 0.3, 1.8), -3.4),
    "chronic kidney disease": ((0.0, 0.8, 1.8), -3.4),
    "retinopathy": ((0.5, 2.2, 0.0), -3.8),
    "neuropathy": ((0.7, 1.8, 0.3), -3.2),
}
_DRUGS = {
    # name: (strength w; intercept and weights of A1c, glucose, triglycerides in the doctor's log
    # odds; drugs that it usually follows)
    "metformin": (0.55, -2.6, (1.6, 0.8, 0.0), ()),
    "glipizide": (0.45, -4.2, (1.4, 0.8, 0.0), ("metformin",)),
    "pioglitazone": (0.35, -4.8, (1.2, 0.4, 0.8), ("metformin",)),
    "acarbose": (0.20, -4.8, (0.6, 1.2, 0.0), ()),
    "sitagliptin": (0.30, -4.4, (1.4, 0.4, 0.0), ("metformin",)),
    "liraglutide": (0.45, -5.0, (1.4, 0.4, 0.6), ("metformin", "sitagliptin")),
    "empagliflozin": (0.40, -4.8, (1.4, 0.4, 0.0), ("metformin",)),
    "insulin": (0.80, -5.2, (1.8, 0.8, 0.0), ("glipizide", "liraglutide")),
}
_CONTINUED = 4.6
"""Added to the log odds of a drug that was taken in the previous quarter."""
_FOLLOWS = 0.9
"""Added to the log odds of a drug for each current drug that it usually follows."""
_VISIT = 0.8
"""Probability of a visit in a quarter."""

SCALE = np.array([0.4, 0.05, 0.15])
"""(3,) standard deviations of the transition noise of g, b and c."""
LABS: tuple[str, ...] = tuple(_LABS)
"""Names of the features that are observed only if ordered; they are the first columns of x."""
FEATURES: tuple[str, ...] = (*_LABS, *_DIAGNOSES)
"""Names of the columns of x."""
DRUGS: tuple[str, ...] = tuple(_DRUGS)
"""Names of the columns of u."""

_WEIGHTS = np.array([row[0] for row in (*_LABS.values(), *_DIAGNOSES.values())])
_INTERCEPT = np.array([row[1] for row in (*_LABS.values(), *_DIAGNOSES.values())])
_ORDERED = np.array([row[2] for row in _LABS.values()] + [1.0] * len(_DIAGNOSES))
_STRENGTH = np.array([row[0] for row in _DRUGS.values()])
_START = np.array([row[1] for row in _DRUGS.values()])
_NEED = np.array([row[2] for row in _DRUGS.values()])
_AFTER = np.array([[drug in row[3] for drug in _DRUGS] for row in _DRUGS.values()])
_INSULIN = np.array([drug == "insulin" for drug in DRUGS])
_PROTECTS = np.isin(DRUGS, ("liraglutide", "empagliflozin"))

_INITIAL_LOC = np.array([0.6, 0.3, 0.0])
_INITIAL_SCALE = np.array([0.9, 0.3, 0.4])
_SIZES = {"train": 4000, "valid": 500, "test": 500}


class Patients(NamedTuple):
    """Simulated patients with their latent states and complete features.

    Attributes:
        z: (N, T, 3) float64 latent states.
        x: (N, T, 16) uint8 features, including those that were not observed.
        observed: (N, T, 16) uint8, 1 where a feature was observed.
        u: (N, T, 8) uint8 drugs; u[:, t] acts on the step from t to t + 1.
    """

    z: np.ndarray
    x: np.ndarray
    observed: np.ndarray
    u: np.ndarray


def next_state(z: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the mean (..., 3) of the next state, given states (..., 3) and drugs (..., 8)."""
    g, b, c = np.moveaxis(z, -1, 0)
    beta_cells = _logistic(3.0 - 2.0 * b)  # share of beta cells that still work
    dose = beta_cells * (u @ (_STRENGTH * ~_INSULIN)) + u @ (_STRENGTH * _INSULIN)
    effect = 1.0 - np.exp(-dose)
    toxic = _logistic(3.0 * g)
    return np.stack(
        [
            1.4 * np.tanh(1.8 * g) + 0.15 + 0.35 * b - effect,
            b + 0.05 * toxic * (2.0 - b),
            0.95 * c + 0.15 * toxic - 0.12 * (u @ _PROTECTS),
        ],
        axis=-1,
    )


def emission_probability(z: np.ndarray) -> np.ndarray:
    """Return the probability (..., 16) of each feature, given states (..., 3)."""
    return _logistic(z @ _WEIGHTS.T + _INTERCEPT)


def simulate_cohort(count: int, seed: int) -> Patients:
    """Simulate `count` patients over all `STEPS` quarters."""
    rng = np.random.default_rng(seed)
    z = _INITIAL_LOC + _INITIAL_SCALE * rng.standard_normal((count, 3))
    chart, u = np.zeros((count, len(LABS))), np.zeros((count, len(DRUGS)))
    quarters = []
    for _ in range(STEPS):
        # 1. Features, and which of them are observed.
        x = rng.random((count, len(FEATURES))) < emission_probability(z)
        visit = rng.random((count, 1)) < _VISIT
        observed = visit & (rng.random(x.shape) < _ORDERED)
        # 2. The doctor updates the chart and decides on the drugs; without a visit they stay.
        chart = np.where(observed[:, : len(LABS)], x[:, : len(LABS)], chart)
        log_odds = (
            _START + chart[:, : _NEED.shape[1]] @ _NEED.T + _CONTINUED * u + _FOLLOWS * u @ _AFTER.T
        )
        u = np.where(visit, rng.random(u.shape) < _logistic(log_odds), u)
        quarters.append((z, x, observed, u))
        # 3. Transition to the next quarter.
        z = next_state(z, u) + SCALE * rng.standard_normal(z.shape)
    z, x, observed, u = (np.stack(part, axis=1) for part in zip(*quarters, strict=True))
    return Patients(z, x.astype(np.uint8), observed.astype(np.uint8), u.astype(np.uint8))


def simulate_patients(seed: int) -> dict[str, Patients]:
    """Return the patients of each split of `medical`, with latent states and complete features."""
    cohort = simulate_cohort(sum(_SIZES.values()), seed)
    bounds = np.cumsum(list(_SIZES.values()))[:-1]
    parts = zip(*(np.split(part, bounds) for part in cohort), strict=True)
    return {split: Patients(*part) for split, part in zip(_SIZES, parts, strict=True)}


def load_medical(seed: int) -> Splits:
    """Load `medical`: the records of `simulate_patients`, with 0 for features not observed."""
    first, splits = 1, {}
    for split, patients in simulate_patients(seed).items():
        numbers = range(first, first + len(patients.x))
        splits[split] = Sequences(
            tuple(patients.x * patients.observed),
            tuple(f"Patient {number}" for number in numbers),
            tuple(patients.u.astype(np.float32)),
            tuple(patients.observed),
        )
        first = numbers.stop
    return Splits(name="medical", kind="binary", features=FEATURES, actions=DRUGS, **splits)


def _logistic(logit: np.ndarray) -> np.ndarray:
    # The form with tanh cannot overflow.
    return 0.5 * (1.0 + np.tanh(0.5 * logit))
