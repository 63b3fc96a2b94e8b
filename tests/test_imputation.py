import numpy as np
import pytest
from models import small_model

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.imputation import hide, impute

X = tuple((np.random.default_rng(i).random((6, 4)) < 0.4).astype(np.uint8) for i in range(3))
DATA = Sequences(X, tuple("abc"))


def test_sequences_together_are_what_each_is_alone():
    model, holes = small_model(missing=True), hide(DATA, 0.5, seed=0)
    found = impute(model, holes, seed=0, particles=1000)
    for i in range(3):
        alone = impute(model, holes.one(i), seed=1, particles=1000)
        assert np.abs(found[i] - alone[0]).max() < 0.08  # the scatter of 1000 particles


def test_hiding_more_hides_the_same_and_more():
    some, most = hide(DATA, 0.3, seed=0), hide(DATA, 0.8, seed=0)
    for i in range(3):
        assert (most.observed[i] <= some.observed[i]).all()
        assert not most.x[i][most.observed[i] == 0].any()
    hidden = 1 - np.mean([o.mean() for o in most.observed])
    assert 0.6 < hidden < 0.95
    again = hide(some, 0.0, seed=1)
    assert all((a == b).all() for a, b in zip(again.observed, some.observed, strict=True))


def test_what_is_hidden_is_not_looked_at():
    model = small_model(missing=True)
    flipped = Sequences(tuple(1 - x for x in X), DATA.names)
    one, two = (impute(model, hide(d, 1.0, seed=0), seed=0, particles=3) for d in (DATA, flipped))
    np.testing.assert_array_equal(one, two)


def test_different_lengths_are_refused():
    with pytest.raises(DataError, match="need the same number"):
        impute(small_model(missing=True), Sequences((X[0], X[1][:2]), tuple("ab")), seed=0)
