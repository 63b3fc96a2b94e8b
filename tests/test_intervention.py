import numpy as np
import pytest
from models import small_model

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.intervention import means_under
from dmm_core.inference.sampling import continuation


def records(count=3, steps=5, seed=0):
    rng = np.random.default_rng(seed)
    x = tuple((rng.random((steps, 4)) < 0.4).astype(np.uint8) for _ in range(count))
    u = tuple(rng.standard_normal((steps, 2)).astype(np.float32) for _ in range(count))
    observed = tuple((rng.random((steps, 4)) < 0.7).astype(np.uint8) for _ in range(count))
    x = tuple(a * o for a, o in zip(x, observed, strict=True))
    return Sequences(x, tuple("abc"[:count]), u, observed)


def test_it_is_the_mean_of_continuations():
    model, data = small_model(u_dim=2, missing=True), records()
    u = np.random.default_rng(1).standard_normal((3, 2, 2)).astype(np.float32)
    found = means_under(model, data, u, frame=3, seed=0, particles=4000)
    assert found.shape == (3, 2, 4)
    for i in range(3):
        # The last frame's action is the first that is set.
        acted = np.concatenate([data.u[i][:2], u[i], np.zeros((1, 2), np.float32)])
        drawn = continuation(
            model,
            data.x[i][:3],
            count=4000,
            particles=4000,
            frames=2,
            seed=1,
            u=acted,
            observed=data.observed[i][:3],
        )
        assert np.abs(found[i] - drawn.mean.mean(0).numpy()).max() < 0.04


def test_what_comes_after_the_moment_changes_nothing():
    model, data = small_model(u_dim=2, missing=True), records()
    other = Sequences(
        tuple(np.concatenate([x[:3], 0 * x[3:]]) for x in data.x),
        data.names,
        tuple(np.concatenate([u[:2], 0 * u[2:]]) for u in data.u),
        data.observed,
    )
    u = np.ones((3, 2, 2), np.float32)
    one, two = (means_under(model, d, u, frame=3, seed=0, particles=5) for d in (data, other))
    np.testing.assert_array_equal(one, two)


def test_the_same_actions_are_the_same_course_and_others_are_not():
    model, data = small_model(u_dim=2, missing=True), records()
    one, two, three = (
        means_under(model, data, np.full((3, 2, 2), a, np.float32), frame=3, seed=0, particles=5)
        for a in (1, 1, -1)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - three).max() > 1e-3


@pytest.mark.parametrize(("shape", "frame"), [((3, 2, 1), 3), ((2, 2, 2), 3), ((3, 2, 2), 6)])
def test_what_does_not_fit_is_refused(shape, frame):
    with pytest.raises(DataError, match=r"Actions are|needs records"):
        means_under(
            small_model(u_dim=2, missing=True),
            records(),
            np.zeros(shape, np.float32),
            frame=frame,
            seed=0,
        )
