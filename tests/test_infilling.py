"""Infilling against exact answers, and what it must never touch."""

import itertools
import math

import numpy as np
import pytest
import torch
from models import INFERENCE, small_model
from test_exact import A, B, C, D, Q, R, linear_gaussian

from dmm_core.data.batching import SequenceBatch
from dmm_core.data.systems import LinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.kalman import kalman_filter, kalman_smoother
from dmm_core.inference.infilling import infill
from dmm_core.nn.constraints import Constraint

__all__ = ["linear_gaussian"]  # a fixture, from the tests of exact answers

PIECE = (np.arange(48).reshape(12, 4) % 5 == 0).astype(np.uint8)
MODELS = [dict(inference=name) for name in INFERENCE] + [
    dict(x_to_z=True, x_to_x=True),
    dict(emission="nade", nade_hidden=5),
    dict(emission="nade", nade_hidden=5, x_to_z=True, x_to_x=True),
    dict(combiner="prior"),
    dict(flows=2, flow_hidden=4),
]


def exact_gap(x, first, after):
    """Mean and variance of z in the gap given the rest: a filter, a smoother, and what joins them.

    The gap is one long step of a linear system, so the frames after it are those of a system whose
    first state has been predicted across; the smoothed state there is carried back through the gap.
    """
    a, q = np.diag(A.numpy()), np.diag(Q.numpy())
    system = LinearGaussian(
        initial_loc=np.zeros(2),
        initial_cov=np.eye(2),
        transition=a,
        transition_offset=B.numpy(),
        transition_cov=q,
        emission=np.diag(C.numpy()),
        emission_offset=D.numpy(),
        emission_cov=np.diag(R.numpy()),
    )
    if first:
        before = kalman_filter(system, x[None, :first])
        locs, covs = [before.loc[0, -1]], [before.cov[-1]]
        for _ in range(first, after + 1):
            locs.append(a @ locs[-1] + B.numpy())
            covs.append(a @ covs[-1] @ a.T + q)
        locs, covs = locs[1:], covs[1:]
    else:
        locs, covs = [system.initial_loc], [system.initial_cov]
        for _ in range(after):
            locs.append(a @ locs[-1] + B.numpy())
            covs.append(a @ covs[-1] @ a.T + q)
    if after == len(x):
        return np.stack(locs[:-1]), np.stack([np.diag(cov) for cov in covs[:-1]])
    behind = system._replace(initial_loc=locs[-1], initial_cov=covs[-1])
    smoothed = kalman_smoother(behind, x[None, after:])
    loc, cov, found = smoothed.loc[0, 0], smoothed.cov[0], []
    for t in range(len(locs) - 2, -1, -1):
        gain = covs[t] @ a.T @ np.linalg.inv(covs[t + 1])
        loc = locs[t] + gain @ (loc - locs[t + 1])
        cov = covs[t] + gain @ (cov - covs[t + 1]) @ gain.T
        found.append((loc, np.diag(cov)))
    locs, variances = zip(*reversed(found), strict=True)
    return np.stack(locs), np.stack(variances)


@torch.no_grad()
def log_likelihood(model, batch, *, paths):
    """log p(x) of each sequence, up to 5 % or so."""
    generator = torch.Generator().manual_seed(0)
    z, total = None, 0.0
    for t in range(batch.x.shape[1]):
        prior = model.prior_of_step(batch, t, z)
        shape = (paths, len(batch.x), model.z_dim)
        z = prior.loc + prior.scale * torch.randn(shape, generator=generator).double()
        total = total + model.frame(z, batch.x_before[:, t]).log_prob(batch.x[:, t]).sum(-1)
    return torch.logsumexp(total, 0) - math.log(paths)


@pytest.mark.parametrize(("first", "after"), [(4, 7), (0, 3), (6, 12)])
def test_a_linear_gaussian_gap_is_that_of_the_kalman_smoother(linear_gaussian, first, after):
    x = np.random.default_rng(2).normal(0, 2, (12, 2)).astype(np.float32)
    count = 400
    drawn = infill(linear_gaussian, x, first=first, after=after, count=count, seed=0, particles=60)
    loc, variance = exact_gap(x.astype(np.float64), first, after)
    z = drawn.region.z.numpy()
    error = np.sqrt(variance / count)
    assert (np.abs(z.mean(0) - loc) < 4.5 * error).all()
    # The variance of count normal draws scatters by variance * sqrt(2 / count).
    assert (np.abs(z.var(0) / variance - 1) < 4.5 * math.sqrt(2 / count)).all()
    emitted = C.numpy() * loc + D.numpy()
    spread = C.numpy() ** 2 * variance + R.numpy()
    frames = drawn.region.x.numpy()
    assert (np.abs(frames.mean(0) - emitted) < 4.5 * np.sqrt(spread / count)).all()
    assert (np.abs(frames.var(0) / spread - 1) < 4.5 * math.sqrt(2 / count)).all()


@pytest.mark.parametrize(
    "changes",
    [
        dict(inference="DKS"),
        dict(inference="ST-L"),
        dict(x_to_z=True, x_to_x=True),
        dict(emission="nade", nade_hidden=5, x_to_z=True, x_to_x=True),
    ],
)
def test_notes_are_drawn_as_often_as_the_model_holds_them_likely(changes):
    """Against p(fill given the rest), from the mean of p(x given z) over the prior's paths."""
    model = small_model(x_dim=2, **changes)
    with torch.no_grad():  # the emission of a new model says little; this one says more
        for parameter in model.emission.parameters():
            parameter.mul_(2.0)
    x = np.array([[1, 0], [1, 1], [0, 0], [0, 0], [1, 0], [0, 1]], np.uint8)
    fills = np.array(list(itertools.product([0, 1], repeat=4)), np.uint8).reshape(-1, 2, 2)
    pieces = np.repeat(x[None], len(fills), 0)
    pieces[:, 2:4] = fills
    rows = torch.as_tensor(pieces).double()
    batch = SequenceBatch(rows, torch.ones(len(fills), 6).double(), torch.full((len(fills),), 6))
    exact = torch.softmax(log_likelihood(model, batch, paths=10_000), 0).numpy()
    count = 500
    drawn = infill(model, x, first=2, after=4, count=count, seed=3, particles=150)
    code = drawn.x[:, 2:4].reshape(count, -1) @ np.array([8, 4, 2, 1])
    frequency = np.bincount(code, minlength=16) / count
    assert (
        exact.max() > 1.5 * exact.min()
    )  # not the uniform distribution, so that there is something to see
    error = np.sqrt(exact * (1 - exact) / count)
    assert (np.abs(frequency - exact) < 4.5 * error + 0.1 * exact).all()


@pytest.mark.parametrize("changes", MODELS)
@pytest.mark.parametrize(("first", "after"), [(3, 6), (0, 2), (9, 12), (0, 12)])
def test_everything_outside_the_region_is_identical_to_the_last_bit(changes, first, after):
    model = small_model(**changes)
    drawn = infill(model, PIECE, first=first, after=after, count=3, seed=0, particles=20)
    assert drawn.x.shape == (3, 12, 4) and drawn.x.dtype == PIECE.dtype
    for x in drawn.x:
        assert np.array_equal(x[:first], PIECE[:first])
        assert np.array_equal(x[after:], PIECE[after:])
    assert np.array_equal(drawn.x[:, first:after], drawn.region.x.numpy().astype(np.uint8))
    assert drawn.region.z.shape == drawn.region.scale.shape == (3, after - first, 3)
    again = infill(model, PIECE, first=first, after=after, count=3, seed=0, particles=20)
    assert np.array_equal(drawn.x, again.x) and torch.equal(drawn.region.z, again.region.z)
    other = infill(model, PIECE, first=first, after=after, count=3, seed=1, particles=20)
    assert not torch.equal(drawn.region.z, other.region.z)


@pytest.mark.parametrize("changes", MODELS)
def test_what_stood_in_the_region_is_never_read(changes):
    other = PIECE.copy()
    other[3:6] = 1 - other[3:6]
    drawn = [
        infill(small_model(**changes), x, first=3, after=6, count=2, seed=0, particles=20)
        for x in (PIECE, other)
    ]
    assert np.array_equal(drawn[0].x, drawn[1].x)


def test_both_sides_decide():
    """With the frames of either side turned over, the same chances lead elsewhere."""
    model = small_model()
    plain = infill(model, PIECE, first=4, after=6, count=2, seed=0, particles=20).region.z
    for side in (slice(0, 4), slice(6, 12)):
        other = PIECE.copy()
        other[side] = 1 - other[side]
        turned = infill(model, other, first=4, after=6, count=2, seed=0, particles=20).region.z
        assert not torch.equal(plain, turned)


def test_alternatives_are_distinct():
    z = infill(small_model(), PIECE, first=3, after=9, count=8, seed=0, particles=20).region.z
    assert len({tuple(path.flatten().tolist()) for path in z}) == 8


def test_actions_and_missing_features_are_taken_into_account():
    model = small_model(u_dim=2, missing=True)
    u = np.random.default_rng(0).random((12, 2)).astype(np.float32)
    settings = dict(first=3, after=6, count=4, seed=0, particles=30)
    drawn = infill(model, PIECE, u=u, **settings)
    assert not torch.equal(drawn.region.z, infill(model, PIECE, u=1 - u, **settings).region.z)
    observed = np.ones_like(PIECE)
    observed[7, 1] = 0
    without = infill(model, PIECE * observed, u=u, observed=observed, **settings)
    assert not torch.equal(drawn.region.z, without.region.z)
    with pytest.raises(DataError, match="2 actions a frame"):
        infill(model, PIECE, **settings)


def test_a_z_temperature_of_zero_follows_the_mean():
    model = small_model()
    z = infill(model, PIECE, first=0, after=5, count=3, seed=0, z_temperature=0.0).region.z
    mean = model.initial().loc
    for t in range(5):
        torch.testing.assert_close(z[:, t], mean.expand(3, -1))
        mean = model.transition(mean).loc


@pytest.mark.parametrize("changes", MODELS)
def test_only_allowed_notes_are_drawn(changes):
    allowed = np.array([True, False, True, False])
    constraint = Constraint(allowed, 3.0)
    drawn = infill(
        small_model(**changes),
        PIECE,
        first=3,
        after=9,
        count=8,
        seed=0,
        particles=20,
        constraint=constraint,
    )
    assert not drawn.x[:, 3:9][..., ~allowed].any() and drawn.x[:, 3:9].any()
    assert np.array_equal(drawn.x[0, :3], PIECE[:3])  # what is locked keeps to nothing


@pytest.mark.parametrize(("first", "after"), [(-1, 3), (3, 3), (5, 4), (3, 13)])
def test_a_region_that_is_not_there_is_refused(first, after):
    with pytest.raises(DataError, match="region"):
        infill(small_model(), PIECE, first=first, after=after, count=1, seed=0)
