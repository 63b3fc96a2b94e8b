import numpy as np
import pytest
import torch
from models import small_model
from torch.distributions import Bernoulli

from dmm_core.errors import DataError
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.nn.constraints import Constraint
from dmm_core.nn.distributions import as_frame, constrained

EMISSIONS = [
    dict(),
    dict(emission="nade", nade_hidden=5),
    dict(emission="nade", nade_hidden=5, x_to_z=True, x_to_x=True),
]
ALLOWED = np.array([False, True, True, False])
START = (np.arange(20).reshape(5, 4) % 3 == 0).astype(np.uint8)


@pytest.mark.parametrize("changes", EMISSIONS)
@pytest.mark.parametrize("x_temperature", [0.0, 0.05, 1.0, 2.0])
def test_no_note_is_drawn_that_is_not_allowed(changes, x_temperature):
    model = small_model(**changes)
    settings = dict(seed=0, constraint=Constraint(ALLOWED, 4.0))
    drawn = sample(model, count=20, frames=30, x_temperature=x_temperature, **settings)
    assert not drawn.x[..., ~ALLOWED].any() and not drawn.mean[..., ~ALLOWED].any()
    assert drawn.x[..., ALLOWED].any()
    after = continuation(model, START, count=3, frames=9, x_temperature=x_temperature, **settings)
    assert not after.x[..., ~ALLOWED].any()
    assert not reconstruct(model, START, **settings)[..., ~ALLOWED].any()


@pytest.mark.parametrize("changes", EMISSIONS)
def test_what_allows_everything_changes_nothing(changes):
    model = small_model(**changes)
    plain = sample(model, count=2, frames=9, seed=0)
    same = sample(model, count=2, frames=9, seed=0, constraint=Constraint(np.ones(4, bool)))
    assert all(torch.equal(a, b) for a, b in zip(plain, same, strict=True))


@pytest.mark.parametrize("changes", EMISSIONS)
def test_a_shift_moves_the_expected_number_of_notes(changes):
    model = small_model(**changes)
    notes = [
        float(
            sample(model, count=50, frames=9, seed=0, constraint=Constraint(None, shift)).x.mean()
        )
        for shift in (-20.0, -1.0, 0.0, 1.0, 20.0)
    ]
    assert notes == sorted(notes) and notes[0] < 0.01 and notes[-1] > 0.99


def test_a_shift_is_added_to_every_logit():
    emission = Bernoulli(logits=torch.tensor([0.5, -1.0]))
    shifted = constrained(emission, Constraint(np.array([True, False]), 0.25))
    assert shifted.logits.tolist() == [0.75, -torch.inf]
    unchanged = as_frame(emission)
    assert constrained(unchanged, None) is unchanged


@pytest.mark.parametrize(
    ("constraint", "sentence"),
    [
        (lambda: Constraint(np.zeros(4, bool)), "No note is left"),
        (lambda: Constraint(None, 21.0), "-20 to 20"),
        (lambda: Constraint(None, float("nan")), "-20 to 20"),
        (
            lambda: sample(
                small_model(), count=1, frames=1, seed=0, constraint=Constraint(ALLOWED[:3])
            ),
            "draws 4 notes",
        ),
        (
            lambda: sample(
                small_model(kind="real"), count=1, frames=1, seed=0, constraint=Constraint()
            ),
            "model of notes",
        ),
    ],
)
def test_a_constraint_that_cannot_be_kept_is_one_plain_sentence(constraint, sentence):
    with pytest.raises(DataError, match=sentence):
        constraint()
