import numpy as np
import pytest

from dmm_core.data.synthetic import simulate
from dmm_core.data.systems import LINEAR_GSSM, NONLINEAR_GSSM, NonlinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.grid_filter import grid_smoother
from dmm_core.exact.kalman import kalman_filter, kalman_smoother


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_on_a_linear_system_it_is_the_kalman_smoother(steps):
    x = simulate(LINEAR_GSSM, 3, steps, seed=0).x
    linear = NonlinearGaussian(
        initial_loc=LINEAR_GSSM.initial_loc,
        initial_var=np.diag(LINEAR_GSSM.initial_cov),
        step=lambda z: z + 0.05,
        transition_var=np.diag(LINEAR_GSSM.transition_cov),
        emission=LINEAR_GSSM.emission,
        emission_var=np.diag(LINEAR_GSSM.emission_cov),
    )
    found = grid_smoother(linear, x, np.arange(-60.0, 60.0, 0.2))
    exact = kalman_smoother(LINEAR_GSSM, x)
    np.testing.assert_allclose(found.loc, exact.loc, atol=1e-8)
    np.testing.assert_allclose(found.cov, np.broadcast_to(exact.cov, found.cov.shape), atol=1e-8)
    likelihood = kalman_filter(LINEAR_GSSM, x).log_likelihood.sum(1)
    np.testing.assert_allclose(found.log_likelihood, likelihood, atol=1e-8)


def test_more_than_one_dimension_is_refused():
    x = simulate(NONLINEAR_GSSM, 2, 3, seed=0).x
    with pytest.raises(DataError, match="observations"):
        grid_smoother(NONLINEAR_GSSM, x, np.arange(-5.0, 5.0, 0.5))
