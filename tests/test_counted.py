import itertools

import numpy as np
import pytest
import torch
from models import small_model
from scipy.stats import chisquare
from torch.distributions import Bernoulli

from dmm_core.errors import DataError
from dmm_core.inference.infilling import infill
from dmm_core.inference.morphing import morph
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.nn.constraints import Constraint, Counts, room
from dmm_core.nn.distributions import constrained
from dmm_core.nn.nade import NADE
from dmm_core.nn.note_counts import CountedBernoulli

D = 7
FRAMES = torch.tensor(list(itertools.product((0.0, 1.0), repeat=D)), dtype=torch.float64)
CONDITIONS = [
    Constraint(least=2, most=2),
    Constraint(most=3),
    Constraint(least=3),
    Constraint(apart=True),
    Constraint(least=3, most=3, apart=True),
    Constraint(least=1, most=2, apart=True, shift=-1.5),
    Constraint(np.array([1, 1, 0, 1, 1, 1, 0], bool), 0.7, least=2, most=3, apart=True),
]
DRAWS = 40_000


def logits():
    return torch.tensor([0.3, 1.5, -0.7, 0.9, -2.0, 0.1, -0.4], dtype=torch.float64)


def meets(frames, constraint):
    ones = frames.sum(-1)
    most = D if constraint.most is None else constraint.most
    good = (ones >= constraint.least) & (ones <= most)
    if constraint.apart:
        good &= (frames[..., 1:] * frames[..., :-1]).sum(-1) == 0
    if constraint.allowed is not None:
        good &= frames[..., torch.as_tensor(~constraint.allowed)].sum(-1) == 0
    return good


def enumerated(log_weights, constraint):
    """The probability of every frame, from the weight of every frame."""
    return torch.where(meets(FRAMES, constraint), log_weights, -torch.inf).softmax(0)


def shares(x):
    """How often each frame was drawn."""
    number = (x.long() * 2 ** torch.arange(D - 1, -1, -1)).sum(-1)
    return torch.bincount(number.flatten(), minlength=2**D)


@pytest.mark.parametrize("constraint", CONDITIONS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_bernoullis_are_drawn_exactly(constraint, temperature):
    emission = constrained(Bernoulli(logits=logits().expand(DRAWS, D)), constraint)
    noise = emission.noise(torch.Generator().manual_seed(0))
    drawn = emission.draw(noise, temperature)
    shifted = logits() + constraint.shift
    exact = enumerated(FRAMES @ shifted / temperature, constraint)
    found, possible = shares(drawn.x), exact > 0
    assert found[~possible].sum() == 0
    expected = (DRAWS * exact[possible]).numpy()
    often = expected > 5  # the chi-square approximation needs counts
    pooled = [expected[often], [expected[~often].sum() + 1e-9]]
    counted = found[possible].numpy()
    seen = [counted[often], [counted[~often].sum() + 1e-9]]
    assert chisquare(np.concatenate(seen), np.concatenate(pooled)).pvalue > 1e-4
    usual = enumerated(FRAMES @ shifted, constraint)
    assert torch.allclose(drawn.mean[0], usual @ FRAMES) and torch.allclose(
        emission.mean[0], usual @ FRAMES
    )


@pytest.mark.parametrize("constraint", CONDITIONS)
def test_temperature_zero_takes_the_most_likely_frame(constraint):
    emission = constrained(Bernoulli(logits=logits()), constraint)
    drawn = emission.draw(torch.rand(D, dtype=torch.float64), 0.0)
    best = FRAMES[enumerated(FRAMES @ (logits() + constraint.shift), constraint).argmax()]
    assert torch.equal(drawn.x, best)


def test_a_condition_that_is_met_anyway_changes_no_probability():
    emission = CountedBernoulli(logits(), Counts(0, D, False))
    assert torch.allclose(emission.mean, torch.sigmoid(logits()))


def nade(seed=0, draws=()):
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.randn(shape, generator=generator).double() for shape in (3, D, (D, 3), (D, 3))]
    start, bias = (part.expand(*draws, -1) for part in parts[:2])
    return NADE(start, bias, parts[2], parts[3])


@pytest.mark.parametrize("constraint", CONDITIONS)
def test_a_nade_is_drawn_closely_and_always_meets_the_condition(constraint, monkeypatch):
    single = constrained(nade(), Constraint(constraint.allowed, constraint.shift))
    exact = enumerated(
        NADE(single.start.expand(2**D, -1), single.bias.expand(2**D, -1), single.read, single.write)
        .log_prob(FRAMES)
        .nan_to_num(0.0)
        .sum(-1),
        constraint,
    )
    distances = []
    for candidates in (1, 16):
        monkeypatch.setattr("dmm_core.nn.note_counts._CANDIDATES", candidates)
        emission = constrained(nade(draws=(10_000,)), constraint)
        noise = emission.noise(torch.Generator().manual_seed(0))
        x = emission.draw(noise, 1.0).x
        assert meets(x, constraint).all()
        distances.append(float((shares(x) / len(x) - exact).abs().sum() / 2))
    assert distances[1] < 0.05 and (distances[0] > distances[1] or distances[0] < 0.03)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 2.0])
def test_a_nade_meets_the_condition_at_any_temperature(temperature):
    constraint = Constraint(least=3, most=3, apart=True)
    emission = constrained(nade(draws=(500,)), constraint)
    noise = emission.noise(torch.Generator().manual_seed(0))
    drawn = emission.draw(noise, temperature)
    assert meets(drawn.x, constraint).all() and drawn.mean.isfinite().all()


@pytest.mark.parametrize(
    "changes", [{}, {"x_to_x": True}, {"emission": "nade", "nade_hidden": 5, "x_to_z": True}]
)
def test_all_that_composes_keeps_to_the_condition(changes):
    model = small_model(x_dim=D, **changes)
    constraint = Constraint(CONDITIONS[-1].allowed, 0.0, 2, 2, True)
    start = np.zeros((6, D), np.uint8)
    start[:, 2] = 1  # the start itself need not meet it
    settings = dict(seed=0, constraint=constraint, x_temperature=0.7)
    assert meets(sample(model, count=3, frames=9, **settings).x, constraint).all()
    assert meets(continuation(model, start, count=3, frames=9, **settings).x, constraint).all()
    weights = np.linspace(0, 1, 6)[None]
    assert meets(morph(model, start, start, weights=weights, **settings).x, constraint).all()
    filled = infill(model, start, first=2, after=4, count=3, particles=16, **settings)
    assert (
        meets(filled.region.x, constraint).all() and (filled.x[:, [0, 1, 4, 5]] == start[0]).all()
    )
    seen = reconstruct(model, start, seed=0, constraint=constraint)
    assert seen.sum(-1) == pytest.approx(2.0 * np.ones(6), abs=1.0)
    assert not seen[:, ~constraint.allowed].any()


@pytest.mark.parametrize("apart", [False, True])
def test_room_is_what_a_search_finds(apart):
    for allowed in itertools.product((False, True), repeat=6):
        for first in range(7):
            rest = allowed[first:]
            best = max(
                sum(ones)
                for ones in itertools.product((0, 1), repeat=len(rest))
                if all(a or not one for a, one in zip(rest, ones, strict=True))
                and not (apart and any(a and b for a, b in itertools.pairwise(ones)))
            )
            assert room(allowed, apart)[first] == best


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: Constraint(np.array([1, 1, 0], bool), least=2, apart=True), "At most 1 notes fit"),
        (lambda: Constraint(least=3, most=2), "at least 3 and at most 2"),
        (lambda: Constraint(most=0), "the most is 1 or higher"),
        (lambda: Constraint(least=-1), "at least -1"),
        (lambda: constrained(Bernoulli(logits=logits()), Constraint(least=8)), "At most 7 notes"),
        (lambda: constrained(nade(), Constraint(least=5, apart=True)), "At most 4 notes fit"),
    ],
)
def test_an_impossible_condition_is_one_plain_sentence(ask, sentence):
    with pytest.raises(DataError, match=sentence):
        ask()
