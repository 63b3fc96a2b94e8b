"""Completing against enumeration, and what it must never touch."""

import itertools

import numpy as np
import pytest
import torch
from brute import brute
from models import small_model

from dmm_core.config.schema import ModelConfig
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.completing import complete, fixed
from dmm_core.training.building import build_model

AUG = dict(x_to_z=True, x_to_x=True)
MODELS = {
    "bernoulli": dict(),
    "bernoulli-aug": AUG,
    "nade": dict(emission="nade", nade_hidden=5, **AUG),
    "categorical": dict(emission="categorical", nade_hidden=5, **AUG),
}
T, SLOTS = 2, 3


def tiny(name, x_dim=SLOTS):
    """A model of one latent dimension and three slots, whose emission says something."""
    changes = MODELS[name]
    if name != "categorical":
        model = small_model(x_dim=x_dim, z_dim=1, **changes)
    else:
        config = ModelConfig(
            z_dim=1, emission_hidden=5, transition_hidden=6, rnn_size=7, rnn_dropout=0.0, **changes
        )
        model = build_model(config, DataSpec("categorical", x_dim, categories=3), seed=0).double()
    with torch.no_grad():
        for parameter in model.emission.parameters():
            parameter.mul_(2.0)
    return model


def exact(model, allowed):
    """Every sequence in the sets, and the log-probability of each."""
    choices = [np.flatnonzero(slot) for slot in allowed.reshape(-1, allowed.shape[-1])]
    x = np.array(list(itertools.product(*choices))).reshape(-1, *allowed.shape[:2])
    return x, np.array([brute(model, one).log_likelihood.sum() for one in x])


def sets(*frames):
    """The sets of frames written as "01 1 012": the symbols of each slot."""
    slots = [[set(map(int, slot)) for slot in frame.split()] for frame in frames]
    symbols = range(1 + max(max(slot) for frame in slots for slot in frame))
    return np.array([[[s in slot for s in symbols] for slot in frame] for frame in slots])


CASES = [
    ("bernoulli", ["01 1 01", "01 01 0"]),
    ("bernoulli-aug", ["1 0 1", "01 01 01"]),
    ("nade", ["01 01 1", "01 1 0"]),
    ("nade", ["1 01 01", "1 0 01"]),
    ("categorical", ["2 0 1", "012 02 2"]),
    ("categorical", ["012 0 1", "2 02 0"]),
    ("categorical", ["01 12 12", "1 02 0"]),
]


def frequencies(found, x, weights):
    """How often each of the sequences `x` was drawn, if the alternatives have these weights."""
    base = 3 ** np.arange(T * SLOTS)
    index = {code: i for i, code in enumerate(x.reshape(len(x), -1) @ base)}
    codes = [index[code] for code in found.x.reshape(len(found.x), -1).astype(int) @ base]
    return np.bincount(codes, weights, minlength=len(x)) / weights.sum()


def variation(p, q):
    return np.abs(p - q).sum() / 2


@pytest.mark.parametrize(("name", "frames"), CASES)
def test_weighted_draws_have_the_distribution_of_the_model_given_the_sets(name, frames):
    """With their weights, the draws of few particles have it too."""
    model, allowed = tiny(name), sets(*frames)
    x, log_p = exact(model, allowed)
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    assert variation(p, 1 / len(x)) > 0.1  # there is something to see
    found = complete(model, allowed, count=12_000, seed=0, particles=10)
    assert (np.diff(found.log_weight) <= 0).all()
    weights = np.exp(found.log_weight)
    assert variation(frequencies(found, x, weights), p) < 0.02
    error = weights.std() / len(weights) ** 0.5
    assert abs(weights.mean() - np.exp(log_p).sum()) < 4 * error


@pytest.mark.parametrize(("name", "frames"), CASES[1::2])
def test_draws_of_many_particles_have_it_without_their_weights(name, frames):
    model, allowed = tiny(name), sets(*frames)
    x, log_p = exact(model, allowed)
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    found = complete(model, allowed, count=10_000, seed=0, particles=60)
    assert variation(frequencies(found, x, np.ones(10_000)), p) < 0.02


@pytest.mark.parametrize("name", MODELS)
def test_fixed_slots_are_identical_to_the_last_bit(name):
    """1,000 random masks, one for each frame of a long sequence."""
    rng = np.random.default_rng(0)
    categories = 3 if name == "categorical" else 2
    x = rng.integers(0, categories, (250, 4))
    given = rng.random((250, 4)) < rng.random((250, 1)) * 1.2
    found = complete(tiny(name, 4), fixed(x, given, categories), count=2, seed=0, particles=3)
    assert found.x.shape == (2, 250, 4) and found.z.shape == found.scale.shape == (2, 250, 1)
    assert (found.x == x)[:, given].all() and not (found.x == x)[:, ~given].all()
    assert found.x.dtype == (np.float32 if name == "categorical" else np.uint8)
    assert ((found.mean > 0) & (found.mean < 1)).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_gives_the_same_alternatives_and_they_differ(name):
    allowed = (
        sets("01 012 012", "012 012 1") if name == "categorical" else sets("01 01 1", "0 1 01")
    )
    settings = dict(count=20, particles=5)
    first, again = (complete(tiny(name), allowed, seed=3, **settings) for _ in range(2))
    assert np.array_equal(first.x, again.x) and torch.equal(first.z, again.z)
    assert np.array_equal(first.log_weight, again.log_weight)
    assert len({x.tobytes() for x in first.x}) > 1
    other = complete(tiny(name), allowed, seed=4, **settings)
    assert not torch.equal(first.z, other.z)


def test_a_temperature_of_zero_takes_the_likeliest_symbol_of_the_set():
    model, allowed = tiny("categorical"), sets("01 12 012", "012 02 12")
    found = complete(model, allowed, count=4, seed=0, particles=1, x_temperature=0.0)
    for x, z in zip(found.x, found.z, strict=True):
        before = None
        for t, frame in enumerate(torch.as_tensor(x).double()):
            log_p = model.frame(z[t], before).log_symbols(frame, slice(None))
            best = log_p.masked_fill(~torch.as_tensor(allowed[t]), -torch.inf).argmax(-1)
            assert torch.equal(best, frame.long())
            before = frame


def test_progress_is_reported_after_each_frame():
    reported = []
    complete(tiny("nade"), sets("01 1 01", "1 1 1"), count=1, seed=0, progress=reported.append)
    assert reported == [0.5, 1.0]


def test_what_cannot_be_completed_is_refused():
    model = tiny("categorical")
    settings = dict(count=2, seed=0)
    good = sets("012 01 2", "0 012 1")
    with pytest.raises(DataError, match=r"3 slots, 3 symbols.*\(2, 3, 2\)"):
        complete(model, good[..., :2], **settings)
    with pytest.raises(DataError, match="true or false"):
        complete(model, good.astype(float), **settings)
    empty = good.copy()
    empty[1, 2] = False
    with pytest.raises(DataError, match="Slot 3 of frame 2"):
        complete(model, empty, **settings)
    with pytest.raises(DataError, match="more than 100,000,000"):
        complete(model, np.tile(good, (500, 1, 1)), count=1000, seed=0, particles=100)
    with pytest.raises(DataError, match="infill for whole frames"):
        complete(small_model(kind="real"), good, **settings)
    with pytest.raises(DataError, match="from 0 to 2"):
        fixed(np.array([[0, 3]]), np.array([[True, True]]), 3)
    with pytest.raises(DataError, match="not \\(1, 3\\)"):
        fixed(np.array([[0, 3]]), np.ones((1, 3)), 3)
    with torch.no_grad():
        model.emission.slots.offset[0, 1:] = -1e9
    with pytest.raises(DataError, match="kept in frame 2"):
        complete(model, sets("0 012 2", "2 1 012"), **settings)
