import numpy as np
import pytest
import torch
from models import INFERENCE, small_model

from dmm_core.errors import DataError
from dmm_core.inference.morphing import interpolate, morph, stretched
from dmm_core.inference.seeded_sampling import batch_of
from dmm_core.nn.constraints import Constraint

A = (np.arange(24).reshape(6, 4) % 3 == 0).astype(np.uint8)
B = (np.arange(40).reshape(10, 4) % 7 == 0).astype(np.uint8)
ENDS = np.array([[0.0] * 8, [1.0] * 8])


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("inference", INFERENCE)
def test_the_ends_are_the_posterior_paths_of_the_pieces(inference, spherical):
    model = small_model(inference=inference)
    drawn = morph(model, A, B, weights=ENDS, seed=0, spherical=spherical, z_temperature=0.0)
    for x, z in zip((A, B), drawn.z, strict=True):
        noise = torch.zeros(1, len(x), 3, dtype=torch.float64)
        with torch.no_grad():
            path = model.posterior(batch_of(model, x), noise).z[0]
        torch.testing.assert_close(z, stretched(path, 8))
        torch.testing.assert_close(z[[0, -1]], path[[0, -1]])
    assert drawn.x.shape == drawn.mean.shape == (2, 8, 4)


def test_an_arc_keeps_the_length_of_its_states_and_a_line_does_not():
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    weight = torch.linspace(0, 1, 5)[:, None, None]
    arc = interpolate(a, b, weight, spherical=True)
    torch.testing.assert_close(arc.norm(dim=-1), torch.full((5, 1), 2.0))
    torch.testing.assert_close(arc[2, 0], torch.tensor([2.0, 2.0]) / 2**0.5)
    assert interpolate(a, b, weight, spherical=False)[2, 0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("b", [[1.0, 1.0], [2.0, 2.0], [-1.0, -1.0]])
def test_states_with_no_arc_between_them_are_joined_by_a_line(b):
    a, b = torch.tensor([[1.0, 1.0]]), torch.tensor([b])
    half = torch.full((1, 1, 1), 0.5)
    found = interpolate(a, b, half, spherical=True)[0]
    assert found.isfinite().all()
    torch.testing.assert_close(found, (a + b) / 2)


def test_a_path_is_stretched_between_its_ends():
    path = torch.tensor([[0.0], [1.0], [4.0]])
    assert stretched(path, 5).flatten().tolist() == [0.0, 0.5, 1.0, 2.5, 4.0]
    assert torch.equal(stretched(path, 3), path)
    assert stretched(path, 1).tolist() == [[0.0]]
    assert stretched(path[:1], 3).tolist() == [[0.0]] * 3


@pytest.mark.parametrize(
    "changes",
    [dict(), dict(emission="nade", nade_hidden=5), dict(x_to_z=True, x_to_x=True)],
)
def test_a_morph_is_decided_by_its_seed_and_keeps_to_its_constraint(changes):
    model = small_model(**changes)
    allowed = np.array([True, False, True, True])
    settings = dict(weights=ENDS, constraint=Constraint(allowed, 2.0))
    drawn, again = (morph(model, A, B, seed=0, **settings) for _ in range(2))
    assert all(torch.equal(one, two) for one, two in zip(drawn, again, strict=True))
    assert not torch.equal(drawn.z, morph(model, A, B, seed=1, **settings).z)
    assert not drawn.x[..., 1].any() and drawn.x.any()


@pytest.mark.parametrize(
    "weights", [np.zeros(3), np.full((1, 3), 1.5), np.zeros((2, 0)), np.full((1, 1), np.nan)]
)
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(DataError, match="from 0 to 1"):
        morph(small_model(), A, B, weights=weights, seed=0)
