import numpy as np
import pytest
from pykalman import AdditiveUnscentedKalmanFilter

from dmm_core.data.synthetic import simulate, simulate_splits
from dmm_core.data.systems import NONLINEAR_GSSM, NONLINEAR_UKF, LinearGaussian, NonlinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.grid_filter import grid_smoother
from dmm_core.exact.kalman import kalman_filter, kalman_smoother
from dmm_core.exact.ukf import unscented_filter, unscented_smoother


def the_same_linear_system_twice():
    transition, offset = np.array([[0.8, 0.3], [-0.2, 0.7]]), np.array([0.1, -0.4])
    unscented = NonlinearGaussian(
        initial_loc=np.array([0.3, -1.0]),
        initial_var=np.array([0.5, 2.0]),
        step=lambda z: z @ transition.T + offset,
        transition_var=np.array([0.4, 1.3]),
        emission=np.array([[1.0, 0.2], [0.0, 0.5], [0.3, 0.3]]),
        emission_var=np.array([0.2, 0.7, 1.0]),
    )
    exact = LinearGaussian(
        initial_loc=unscented.initial_loc,
        initial_cov=np.diag(unscented.initial_var),
        transition=transition,
        transition_offset=offset,
        transition_cov=np.diag(unscented.transition_var),
        emission=unscented.emission,
        emission_offset=np.zeros(3),
        emission_cov=np.diag(unscented.emission_var),
    )
    return unscented, exact


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_on_a_linear_system_it_is_the_kalman_filter_and_smoother(steps):
    unscented, exact = the_same_linear_system_twice()
    x = simulate(exact, 4, steps, seed=1).x
    for approximate, truth in (
        (unscented_filter(unscented, x), kalman_filter(exact, x)),
        (unscented_smoother(unscented, x), kalman_smoother(exact, x)),
    ):
        np.testing.assert_allclose(approximate.loc, truth.loc, atol=1e-10)
        for cov in approximate.cov:
            np.testing.assert_allclose(cov, truth.cov, atol=1e-10)


def test_both_kinds_of_system_draw_the_same_numbers():
    unscented, exact = the_same_linear_system_twice()
    np.testing.assert_allclose(simulate(unscented, 3, 5, 2).x, simulate(exact, 3, 5, 2).x)


@pytest.mark.parametrize("system", [NONLINEAR_UKF, NONLINEAR_GSSM])
def test_it_is_pykalmans_filter_and_smoother(system):
    theirs = AdditiveUnscentedKalmanFilter(
        transition_functions=system.step,
        observation_functions=lambda z: system.emission @ z,
        transition_covariance=np.diag(system.transition_var),
        observation_covariance=np.diag(system.emission_var),
        initial_state_mean=system.initial_loc,
        initial_state_covariance=np.diag(system.initial_var),
    )
    x = simulate(system, 3, 12, seed=3).x
    for ours, one in (
        (unscented_filter(system, x), theirs.filter),
        (unscented_smoother(system, x), theirs.smooth),
    ):
        for sequence, loc, cov in zip(x, *ours, strict=True):
            expected_loc, expected_cov = one(sequence)
            np.testing.assert_allclose(loc, expected_loc, atol=1e-10)
            np.testing.assert_allclose(cov, expected_cov, atol=1e-10)


def rmse(loc, z):
    return float(np.sqrt(((loc - z) ** 2).mean()))


def test_known_figures_of_nonlinear_ukf():
    system, z, x = simulate_splits("nonlinear-ukf", seed=0)["test"]
    best = grid_smoother(system, x, np.arange(-60.0, 60.0, 0.2))
    assert round(rmse(best.loc, z), 3) == 2.320
    assert round(rmse(unscented_smoother(system, x).loc, z), 3) == 2.511
    assert round(rmse(unscented_filter(system, x).loc, z), 3) == 2.964


def test_known_figures_of_nonlinear_gssm():
    system, z, x = simulate_splits("nonlinear-gssm", seed=0)["test"]
    assert round(rmse(unscented_smoother(system, x).loc, z), 3) == 0.522
    assert round(rmse(unscented_filter(system, x).loc, z), 3) == 0.529


@pytest.mark.parametrize("shape", [(4, 25), (4, 25, 2), (0, 25, 1), (4, 0, 1)])
def test_wrong_shapes_are_refused_in_one_sentence(shape):
    for infer in (unscented_filter, unscented_smoother):
        with pytest.raises(
            DataError, match=r"^Observations must have shape \(sequences, frames, 1\), not .*\.$"
        ):
            infer(NONLINEAR_UKF, np.zeros(shape))
