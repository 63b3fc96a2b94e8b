"""What drugs truly do to the patients of `medical`: do(u), by simulating its equations forward.

An intervention replaces the doctor: whatever the chart says, the patients take the drugs they are
given (Pearl, "Causality", 2nd edition, section 3.2). What remains random is the noise of the
transition, over which this averages.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.medical import DRUGS, FEATURES, SCALE, emission_probability, next_state
from dmm_core.errors import DataError

__all__ = ["Effect", "Shares", "drug_effect", "shares_under"]


class Shares(NamedTuple):
    """Expected shares of the patients with each feature, quarter by quarter.

    Attributes:
        loc: (H, 16), between 0 and 1 (a difference: between -1 and 1); columns as `FEATURES`.
        error: Monte Carlo standard error of `loc`, (H, 16).
    """

    loc: np.ndarray
    error: np.ndarray


class Effect(NamedTuple):
    """Two courses of treatment of the same patients.

    Attributes:
        factual: shares under the one.
        counterfactual: shares under the other.
        difference: counterfactual less factual; both met the same noise, so its error is small.
    """

    factual: Shares
    counterfactual: Shares
    difference: Shares


def shares_under(z: np.ndarray, u: np.ndarray, *, draws: int = 100, seed: int = 0) -> Shares:
    """Expected shares of these patients under do(u).

    Args:
        z: true states (N, 3) in the quarter of the intervention, as `Patients.z[:, t]`.
        u: drugs (N, H, 8), each between 0 and 1; u[:, 0] acts on the step out of that quarter, so
            row 0 of the result is the quarter after it.
        draws: simulated courses of every patient, two or more.
        seed: of the noise.

    Raises:
        DataError: if the shapes disagree, or there are fewer than two draws.
    """
    return _summed(_courses(z, u, draws, seed))


def drug_effect(
    z: np.ndarray,
    factual: np.ndarray,
    counterfactual: np.ndarray,
    *,
    draws: int = 100,
    seed: int = 0,
) -> Effect:
    """What a change of treatment does: do(counterfactual) against do(factual).

    Args:
        z: true states (N, 3) in the quarter of the intervention, as `Patients.z[:, t]`.
        factual: drugs (N, H, 8), for instance those of the record, or the present ones kept.
        counterfactual: drugs (N, H, 8), for instance none.
        draws: simulated courses of every patient, two or more.
        seed: of the noise, which both courses meet alike.

    Raises:
        DataError: if the shapes disagree, or there are fewer than two draws.
    """
    if np.shape(factual) != np.shape(counterfactual):
        raise DataError(
            f"Both treatments have one shape, not {np.shape(factual)} and "
            f"{np.shape(counterfactual)}."
        )
    one, other = (_courses(z, u, draws, seed) for u in (factual, counterfactual))
    return Effect(_summed(one), _summed(other), _summed(other - one))


def _courses(z: np.ndarray, u: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Mean probabilities over the patients, (draws, H, 16); the noise depends on the seed alone."""
    z, u = np.asarray(z, dtype=np.float64), np.asarray(u, dtype=np.float64)
    wanted = (len(z), *u.shape[1:2], len(DRUGS))
    if z.ndim != 2 or z.shape[1] != len(SCALE) or u.shape != wanted or 0 in u.shape:
        raise DataError(
            f"States are (patients, {len(SCALE)}) and drugs (patients, quarters, {len(DRUGS)}), "
            f"not {z.shape} and {u.shape}."
        )
    if draws < 2:
        raise DataError(f"An error needs two draws or more, not {draws}.")
    rng = np.random.default_rng(seed)
    result = np.empty((draws, u.shape[1], len(FEATURES)))
    for course in result:
        state = z
        for quarter in range(u.shape[1]):
            noise = SCALE * rng.standard_normal(z.shape)
            state = next_state(state, u[:, quarter]) + noise
            course[quarter] = emission_probability(state).mean(axis=0)
    return result


def _summed(courses: np.ndarray) -> Shares:
    error = courses.std(axis=0, ddof=1) / np.sqrt(len(courses))
    return Shares(courses.mean(axis=0), error)
