import numpy as np
import pytest
import torch

from dmm_core.data.batching import ResidentSequences, batch_indices, in_order
from dmm_core.data.sequences import Sequences, Splits, split_by_seed
from dmm_core.errors import DataError


def ragged(lengths, seed=0):
    rng = np.random.default_rng(seed)
    x = tuple(rng.integers(0, 2, (t, 3)).astype(np.uint8) for t in lengths)
    return Sequences(x, tuple(f"piece {t}" for t in lengths))


def test_a_batch_holds_its_sequences_and_zeros():
    data = ragged([4, 1, 6])
    batch = ResidentSequences(data, "cpu").batch(np.array([2, 1]))
    assert batch.x.shape == (2, 6, 3) and batch.x.dtype == torch.float32
    assert batch.lengths.tolist() == [6, 1]
    assert batch.mask.tolist() == [[1] * 6, [1, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(batch.x[0].numpy(), data.x[2])
    np.testing.assert_array_equal(batch.x[1, :1].numpy(), data.x[1])
    assert not batch.x[1, 1:].any()


@pytest.mark.parametrize("count", [1, 7, 20, 41])
def test_every_sequence_is_in_one_batch_among_its_like(count):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 300, count)
    batches = batch_indices(lengths, 5, np.random.default_rng(1))
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert max(map(len, batches)) <= 5
    padded = sum(len(b) * lengths[b].max() for b in batches)
    assert padded <= 2.0 * lengths.sum()


def test_batches_differ_between_epochs():
    lengths = np.full(40, 10)
    a, b = (batch_indices(lengths, 5, np.random.default_rng(s)) for s in (0, 1))
    assert {tuple(sorted(x)) for x in a} != {tuple(sorted(x)) for x in b}


def test_in_order_keeps_to_its_budget():
    lengths = np.array([30, 5, 100, 7, 6])
    batches = list(in_order(lengths, 40))
    assert sorted(np.concatenate(batches)) == [0, 1, 2, 3, 4]
    assert all(len(b) * lengths[b].max() <= 40 or len(b) == 1 for b in batches)
    assert [list(b) for b in batches] == [[1, 4, 3], [0], [2]]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([np.zeros((0, 3), np.uint8)], "not empty"),
        ([np.zeros(3, np.uint8)], r"\(frames, features\)"),
        ([np.zeros((2, 3), np.uint8), np.zeros((2, 4), np.uint8)], "4 features"),
        ([np.full((2, 3), 2, np.uint8)], "holds 0 and 1, not 2"),
        ([np.zeros((2, 3), complex)], "numbers, not complex128"),
        ([np.array([["a"]])], "numbers, not <U1"),
        ([np.array([[1e300]])], "1e\\+300 is too large for float32"),
        ([np.array([[2**24 + 1]])], "whole numbers may not exceed"),
        ([np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32)], "all uint8 or all float32"),
        ([np.array([[0.0], [np.nan]], np.float32)], "frame 1 holds a value that is not finite"),
    ],
)
def test_faulty_sequences_are_refused_by_name(x, message):
    with pytest.raises(DataError, match=message) as caught:
        Sequences(tuple(x), tuple(f"piece {i}" for i in range(len(x))))
    assert "piece" in str(caught.value)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint16])
def test_zeros_and_ones_of_any_whole_type_are_binary(dtype):
    x = np.array([[0, 1], [1, 0], [1, 1]])
    found = Sequences((x.astype(dtype),), ("a",), observed=(np.ones((3, 2), dtype),))
    assert found.x[0].dtype == found.observed[0].dtype == np.uint8
    np.testing.assert_array_equal(found.x[0], x)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.int64])
def test_other_numbers_are_real(dtype):
    x = np.array([[0, 1], [1, 7]]).astype(dtype)
    found = Sequences([x, x[:1]], ["a", "b"], u=(x, x[:1]))
    assert all(a.dtype == np.float32 for a in (*found.x, *found.u))
    np.testing.assert_array_equal(found.x[0], x)
    assert found.u_dim == 2 and found.lengths.tolist() == [2, 1]


def test_actions_of_zero_and_one_are_real():
    found = Sequences((np.ones((2, 1), bool),), ("a",), u=(np.ones((2, 1), np.int64),))
    assert found.x[0].dtype == np.uint8 and found.u[0].dtype == np.float32


def test_each_sequence_has_its_actions_and_its_mask():
    x = (np.zeros((2, 1), np.uint8),) * 2
    for part in ({"u": x[:1]}, {"observed": x[:1]}):
        with pytest.raises(DataError, match=r"There are 1 (arrays of actions|masks) but 2 names"):
            Sequences(x, ("a", "b"), **part)


def test_splits_by_seed_are_disjoint_and_cover():
    for count in (3, 10, 57):
        parts = split_by_seed(count, seed=4)
        assert sorted(np.concatenate(parts)) == list(range(count))
        assert all(len(part) for part in parts)
    assert [list(p) for p in split_by_seed(1, 0)] == [[0], [0], [0]]
    assert not np.array_equal(split_by_seed(20, 0)[0], split_by_seed(20, 1)[0])


def test_a_split_is_found_by_its_name_only():
    data = ragged([3])
    splits = Splits("tiny", "binary", data, data, data)
    assert splits["valid"] is data
    with pytest.raises(DataError, match="train, valid and test"):
        splits["name"]


def with_actions_and_gaps():
    data = ragged([4, 1, 6])
    u = tuple(np.arange(2 * len(x), dtype=np.float32).reshape(-1, 2) for x in data)
    observed = tuple((np.arange(x.size).reshape(x.shape) % 2).astype(np.uint8) for x in data)
    x = tuple(x * seen for x, seen in zip(data.x, observed, strict=True))
    return Sequences(x, data.names, u, observed)


def test_actions_and_what_was_observed_come_with_the_batch():
    data = with_actions_and_gaps()
    batch = ResidentSequences(data, "cpu").batch(np.array([2, 0]))
    np.testing.assert_array_equal(batch.u[0].numpy(), data.u[2])
    np.testing.assert_array_equal(batch.u[1, :4].numpy(), data.u[0])
    np.testing.assert_array_equal(batch.observed[1, :4].numpy(), data.observed[0])
    assert not batch.u[1, 4:].any() and not batch.observed[1, 4:].any()
    assert data.one(2).u_dim == 2
    np.testing.assert_array_equal(data.one(2).observed[0], data.observed[2])


@pytest.mark.parametrize(
    ("u", "observed", "message"),
    [
        (np.zeros((3, 1), np.float32), None, "actions are finite float32 of shape"),
        (np.full((4, 1), np.nan, np.float32), None, "actions are finite"),
        (None, np.ones((4, 2), np.uint8), "what was observed is 0 or 1"),
        (None, np.full((4, 3), 2, np.uint8), "what was observed is 0 or 1"),
        (None, np.zeros((4, 3), np.uint8), "not observed is 0"),
    ],
)
def test_actions_and_gaps_that_do_not_fit_are_refused(u, observed, message):
    x = np.ones((4, 3), np.uint8)
    with pytest.raises(DataError, match=message):
        Sequences(
            (x,), ("a",), None if u is None else (u,), None if observed is None else (observed,)
        )
