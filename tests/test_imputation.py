import numpy as np
import pytest
from models import small_model

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.imputation import hide, impute
from dmm_core.sampling import reconstruct

X = tuple((np.random.default_rng(i).random((6, 4)) < 0.4).astype(np.uint8) for i in range(3))
DATA = Sequences(X, tuple("abc"))


def test_it_is_what_each_sequence_alone_is_reconstructed_to():
    model, holes = small_model(missing=True), hide(DATA, 0.5, seed=0)
    found = impute(model, holes, seed=0, draws=4000)
    for i in range(3):
        alone = reconstruct(model, holes.x[i], seed=1, draws=4000, observed=holes.observed[i])
        assert np.abs(found[i] - alone.numpy()).max() < 0.02


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
    one, two = (impute(model, hide(d, 1.0, seed=0), seed=0, draws=3) for d in (DATA, flipped))
    np.testing.assert_array_equal(one, two)


def test_different_lengths_are_refused():
    with pytest.raises(DataError, match="one by one"):
        impute(small_model(missing=True), Sequences((X[0], X[1][:2]), tuple("ab")), seed=0)
