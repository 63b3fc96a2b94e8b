import numpy as np
import pytest

from dmm_core.data.synthetic import simulate, simulate_splits
from dmm_core.data.systems import LINEAR_GSSM, LinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.kalman import expected_nll, kalman_filter, kalman_smoother


def random_system(seed, z_dim, x_dim):
    rng = np.random.default_rng(seed)

    def covariance(dim):
        root = rng.normal(size=(dim, dim))
        return root @ root.T + 0.5 * np.eye(dim)

    return LinearGaussian(
        initial_loc=rng.normal(size=z_dim),
        initial_cov=covariance(z_dim),
        transition=rng.normal(size=(z_dim, z_dim)),
        transition_offset=rng.normal(size=z_dim),
        transition_cov=covariance(z_dim),
        emission=rng.normal(size=(x_dim, z_dim)),
        emission_offset=rng.normal(size=x_dim),
        emission_cov=covariance(x_dim),
    )


def joint(system, steps):
    """Mean and covariance of all z, and the map from all z to all x, written out whole."""
    z_dim = len(system.initial_loc)
    loc, cov = [system.initial_loc], np.zeros((steps, z_dim, steps, z_dim))
    cov[0, :, 0] = system.initial_cov
    for t in range(1, steps):
        loc.append(system.transition @ loc[-1] + system.transition_offset)
        for s in range(t):
            cov[t, :, s] = system.transition @ cov[t - 1, :, s]
            cov[s, :, t] = cov[t, :, s].T
        cov[t, :, t] = (
            system.transition @ cov[t - 1, :, t - 1] @ system.transition.T + system.transition_cov
        )
    size = steps * z_dim
    return np.concatenate(loc), cov.reshape(size, size), np.kron(np.eye(steps), system.emission)


def condition(system, x, steps):
    """Mean and covariance of all `steps` latent states given the frames of one sequence x."""
    loc, cov, emission = joint(system, steps)
    emission = emission[: x.size]
    residual = x.ravel() - emission @ loc - np.tile(system.emission_offset, len(x))
    observed = emission @ cov @ emission.T + np.kron(np.eye(len(x)), system.emission_cov)
    gain = np.linalg.solve(observed, emission @ cov).T
    log_likelihood = -0.5 * (
        residual @ np.linalg.solve(observed, residual)
        + np.linalg.slogdet(observed)[1]
        + x.size * np.log(2 * np.pi)
    )
    return loc + gain @ residual, cov - gain @ emission @ cov, log_likelihood


@pytest.mark.parametrize(("z_dim", "x_dim"), [(1, 1), (2, 3), (3, 2)])
def test_filter_and_smoother_equal_the_dense_joint_gaussian(z_dim, x_dim):
    steps = 5
    system = random_system(z_dim, z_dim, x_dim)
    x = simulate(system, 3, steps, seed=1).x
    filtered, smoothed = kalman_filter(system, x), kalman_smoother(system, x)
    for i in range(len(x)):
        loc, cov, log_likelihood = condition(system, x[i], steps)
        np.testing.assert_allclose(smoothed.loc[i].ravel(), loc, atol=1e-10)
        np.testing.assert_allclose(filtered.log_likelihood[i].sum(), log_likelihood, atol=1e-10)
        for t in range(steps):
            now = slice(t * z_dim, (t + 1) * z_dim)
            np.testing.assert_allclose(smoothed.cov[t], cov[now, now], atol=1e-10)
            past_loc, past_cov, _ = condition(system, x[i, : t + 1], steps)
            np.testing.assert_allclose(filtered.loc[i, t], past_loc[now], atol=1e-10)
            np.testing.assert_allclose(filtered.cov[t], past_cov[now, now], atol=1e-10)


def test_log_likelihood_of_a_step_is_conditional_on_the_past():
    system = random_system(7, 2, 2)
    x = simulate(system, 2, 6, seed=2).x
    whole = kalman_filter(system, x).log_likelihood
    np.testing.assert_allclose(kalman_filter(system, x[:, :4]).log_likelihood, whole[:, :4])


def test_expected_nll_is_the_entropy_of_the_dense_joint_gaussian():
    steps, x_dim = 4, 3
    system = random_system(3, 2, x_dim)
    _, cov, emission = joint(system, steps)
    observed = emission @ cov @ emission.T + np.kron(np.eye(steps), system.emission_cov)
    entropy = np.linalg.slogdet(2 * np.pi * np.e * observed)[1] / 2
    assert expected_nll(system, steps) == pytest.approx(entropy / steps, abs=1e-10)


def test_known_figures_of_linear_gssm():
    x = np.zeros((1, 25, 1))
    assert round(expected_nll(LINEAR_GSSM, 25), 4) == 3.0758
    assert round(float(np.sqrt(kalman_filter(LINEAR_GSSM, x).cov.mean())), 3) == 4.647
    assert round(float(np.sqrt(kalman_smoother(LINEAR_GSSM, x).cov.mean())), 3) == 3.698


def test_linear_gssm_sample_agrees_with_its_expectations():
    system, z, x = simulate(LINEAR_GSSM, 5000, 25, seed=0)
    filtered, smoothed = kalman_filter(system, x), kalman_smoother(system, x)
    nll = -filtered.log_likelihood.mean(axis=1)
    assert abs(nll.mean() - expected_nll(system, 25)) < 4 * nll.std() / np.sqrt(len(nll))
    for posterior in (filtered, smoothed):
        squares = ((posterior.loc - z) ** 2).mean(axis=(1, 2))
        expected = posterior.cov.mean()
        assert abs(squares.mean() - expected) < 4 * squares.std() / np.sqrt(len(squares))


def test_known_figures_of_linear_toy():
    valid = simulate_splits("linear-toy", seed=0)["valid"]
    assert round(expected_nll(valid.system, 10), 3) == 8.425
    # The published code reports a bound of 8.442 on this very draw: no bound goes below the NLL.
    assert 8.440 < -kalman_filter(valid.system, valid.x).log_likelihood.mean() < 8.442


@pytest.mark.parametrize("shape", [(4, 25), (4, 25, 2), (0, 25, 1), (4, 0, 1)])
def test_wrong_shapes_are_refused_in_one_sentence(shape):
    with pytest.raises(
        DataError, match=r"^Observations must have shape \(sequences, frames, 1\), not .*\.$"
    ):
        kalman_smoother(LINEAR_GSSM, np.zeros(shape))
