import numpy as np
import pytest
import torch
from models import noise_for, random_batch, small_model

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.fixed_points import fixed_points
from dmm_core.inference.latent import (
    active_units,
    fit_projection,
    posterior_moments,
    posterior_of_many,
    vector_field,
)

X = (np.arange(24).reshape(6, 4) % 3 == 0).astype(np.uint8)


def test_moments_are_those_of_drawn_states():
    model = small_model()
    moments = posterior_moments(model, X, seed=0, draws=4000)
    batch = random_batch([6])._replace(x=torch.from_numpy(X)[None].double())
    path = model.posterior(batch, noise_for(batch, draws=(4000,)))
    z = path.z[:, 0].detach().numpy()
    assert np.abs(moments.loc - z.mean(0)).max() < 0.1
    assert np.abs(moments.scale / z.std(0) - 1).max() < 0.1
    evaluation = evaluate(model, Sequences((X,), ("x",)), samples=4000, seed=1)
    assert abs(moments.nll.mean() - evaluation.nll) < 0.05
    assert abs(moments.kl.sum(1).mean() - evaluation.kl) < 0.05


def test_the_projection_is_orthonormal_fixed_in_sign_and_ordered():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 5)) * [1, 5, 1, 3, 1] + 7
    view = fit_projection(z, dims=3)
    np.testing.assert_allclose(view.axes @ view.axes.T, np.eye(3), atol=1e-12)
    assert view.explained[0] > view.explained[1] > view.explained[2] > 0
    assert (view.axes[np.arange(3), np.abs(view.axes).argmax(1)] > 0).all()
    np.testing.assert_allclose(fit_projection(z[::-1], dims=3).axes, view.axes, atol=1e-9)
    points = view.loc(z)
    np.testing.assert_allclose(view.loc(view.lift(points)), points, atol=1e-9)


def test_a_projected_scale_is_the_spread_along_and_between_the_axes():
    rng = np.random.default_rng(0)
    view = fit_projection(rng.normal(size=(50, 3)))
    scale = np.array([0.5, 2.0, 1.0])
    drawn = rng.normal(size=(200_000, 3)) * scale
    np.testing.assert_allclose(view.loc(drawn).std(0), view.scale(scale), rtol=0.01)
    covariance = view.covariance(np.stack([scale, 3 * scale]))
    np.testing.assert_allclose(np.cov(view.loc(drawn).T), covariance[0], rtol=0.01, atol=0.01)
    np.testing.assert_allclose(covariance[1], 9 * covariance[0])


def test_fewer_dimensions_than_asked_for_are_all_shown():
    assert fit_projection(np.arange(4.0)[:, None], dims=2).axes.shape == (1, 1)


def test_the_vector_field_splits_the_step_into_plane_and_residual():
    model = small_model()
    view = fit_projection(np.random.default_rng(0).normal(size=(40, 3)))
    field = vector_field(
        model, view, low=np.array([-1.0, -2.0]), high=np.array([1.0, 2.0]), resolution=5
    )
    assert field.points[0, 0].tolist() == [-1, -2] and field.points[-1, -1].tolist() == [1, 2]
    z = torch.from_numpy(view.lift(field.points))
    move = model.transition(z).loc.detach().numpy() - z.numpy()
    total = np.square(move).sum(-1)
    np.testing.assert_allclose(
        np.square(field.step).sum(-1) + np.square(field.residual), total, rtol=1e-5
    )
    assert field.residual.min() > 0


def test_units_that_do_not_move_are_not_active():
    loc = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 0.05, 0.2]
    assert active_units(loc).tolist() == [True, False, True]


@pytest.mark.parametrize(("slope", "stable"), [(0.6, True), (-0.5, True), (1.7, False)])
def test_a_linear_transition_has_its_one_fixed_point(slope, stable):
    model = small_model(transition="linear", z_dim=2)
    with torch.no_grad():
        model.transition.loc.weight.copy_(torch.tensor([[slope, 0.1], [0.0, slope]]))
        model.transition.loc.bias.copy_(torch.tensor([0.3, -0.2]))
    matrix = model.transition.loc.weight.detach().numpy()
    exact = np.linalg.solve(np.eye(2) - matrix, [0.3, -0.2])
    view = fit_projection(np.random.default_rng(0).normal(size=(40, 2)))
    found = fixed_points(model, view, low=np.array([-9.0, -9.0]), high=np.array([9.0, 9.0]))
    np.testing.assert_allclose(view.lift(found.points), exact[None], atol=1e-3)
    assert found.stable.tolist() == [stable]


def test_many_sequences_together_have_the_moments_that_each_has_alone():
    model = small_model()
    x = tuple(np.roll(X, i, axis=0) for i in range(3))
    found = posterior_of_many(model, Sequences(x, tuple("abc")), seed=0, draws=3000)
    for i in range(3):
        alone = posterior_moments(model, x[i], seed=1, draws=3000)
        assert np.abs(found.loc[i] - alone.loc).max() < 0.1
        assert np.abs(found.scale[i] / alone.scale - 1).max() < 0.1
    with pytest.raises(DataError, match="need the same number"):
        posterior_of_many(model, Sequences((X, X[:2]), tuple("ab")), seed=0)
