"""True effects of drugs on the patients of `medical`, computed by simulating interventions do(u).

An intervention replaces the doctor's decisions: the patients take the given drugs, whatever their
charts show (Pearl, "Causality", 2nd edition, section 3.2). The results are averages over the noise
of the transition.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.medical import DRUGS, FEATURES, SCALE, emission_probability, next_state
from dmm_core.errors import DataError

__all__ = ["Effect", "Shares", "drug_effect", "shares_under"]


class Shares(NamedTuple):
    """Expected share of the patients with each feature in each quarter, or a difference of shares.

    Attributes:
        loc: (H, 16) shares between 0 and 1, or differences between -1 and 1; columns as
            `FEATURES`.
        error: (H, 16) Monte Carlo standard error of `loc`.
    """

    loc: np.ndarray
    error: np.ndarray


class Effect(NamedTuple):
    """Results of two treatments of the same patients.

    Attributes:
        factual: shares under the factual treatment.
        counterfactual: shares under the counterfactual treatment.
        difference: counterfactual minus factual. Both use the same noise, so its error is small.
    """

    factual: Shares
    counterfactual: Shares
    difference: Shares


def shares_under(z: np.ndarray, u: np.ndarray, *, draws: int = 100, seed: int = 0) -> Shares:
    """Estimate the expected shares of patients with each feature under do(u).

    Args:
        z: (N, 3) true states in the quarter of the intervention, such as `Patients.z[:, t]`.
        u: (N, H, 8) drugs, each between 0 and 1; u[:, 0] acts on the step after that quarter, so
            row 0 of the result is the next quarter.
        draws: number of simulations of every patient, at least 2.
        seed: seed of the noise.

    Raises:
        DataError: if the shapes are inconsistent, or `draws` is less than 2.
    """
    return _mean_and_error(_simulated(z, u, draws, seed))


def drug_effect(
    z: np.ndarray,
    factual: np.ndarray,
    counterfactual: np.ndarray,
    *,
    draws: int = 100,
    seed: int = 0,
) -> Effect:
    """Estimate the effect of a change of treatment, do(counterfactual) compared with do(factual).

    Args:
        z: (N, 3) true states in the quarter of the intervention, such as `Patients.z[:, t]`.
        factual: (N, H, 8) drugs, for example those of the record, or the current ones continued.
        counterfactual: (N, H, 8) drugs, for example none.
        draws: number of simulations of every patient, at least 2.
        seed: seed of the noise, which is the same under both treatments.

    Raises:
        DataError: if the shapes are inconsistent, or `draws` is less than 2.
    """
    if np.shape(factual) != np.shape(counterfactual):
        raise DataError(
            f"Both treatments must have the same shape, not {np.shape(factual)} and "
            f"{np.shape(counterfactual)}."
        )
    one, other = (_simulated(z, u, draws, seed) for u in (factual, counterfactual))
    return Effect(_mean_and_error(one), _mean_and_error(other), _mean_and_error(other - one))


def _simulated(z: np.ndarray, u: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return (draws, H, 16) probabilities, averaged over patients; only the seed sets the noise."""
    z, u = np.asarray(z, dtype=np.float64), np.asarray(u, dtype=np.float64)
    wanted = (len(z), *u.shape[1:2], len(DRUGS))
    if z.ndim != 2 or z.shape[1] != len(SCALE) or u.shape != wanted or 0 in u.shape:
        raise DataError(
            f"States are (patients, {len(SCALE)}) and drugs (patients, quarters, {len(DRUGS)}), "
            f"not {z.shape} and {u.shape}."
        )
    if draws < 2:
        raise DataError(f"A standard error needs at least 2 draws, not {draws}.")
    rng = np.random.default_rng(seed)
    result = np.empty((draws, u.shape[1], len(FEATURES)))
    for course in result:
        state = z
        for quarter in range(u.shape[1]):
            noise = SCALE * rng.standard_normal(z.shape)
            state = next_state(state, u[:, quarter]) + noise
            course[quarter] = emission_probability(state).mean(axis=0)
    return result


def _mean_and_error(values: np.ndarray) -> Shares:
    """Return mean and standard error over the first axis."""
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return Shares(values.mean(axis=0), error)
