"""References are the likelihoods of simple models; the verdict puts a training beside them."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, nbinom, norm, poisson
from statsmodels.tsa.ar_model import AutoReg

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.inference.imputation import hide
from dmm_core.inference.references import INDEPENDENT, reference_nlls
from dmm_core.training.verdict import verdict


def sequences(*arrays):
    return Sequences(tuple(arrays), tuple(f"sequence {i}" for i in range(len(arrays))))


def splits(kind, train, valid, **more):
    return Splits("made", kind, train, valid, valid, **more)


# -- references -----------------------------------------------------------------------------------


def test_gaussian_references_are_the_likelihoods_they_say():
    rng = np.random.default_rng(0)
    x = np.zeros((400, 2))
    for t in range(1, 400):
        x[t] = x[t - 1] @ np.array([[0.8, 0.0], [0.3, -0.5]]) + rng.standard_normal(2)
    x = (10 + 3 * x).astype(np.float32)
    train, valid = x[:300].astype(np.float64), x[300:].astype(np.float64)
    found = reference_nlls(splits("real", sequences(x[:300]), sequences(x[300:])))
    assert list(found) == [INDEPENDENT, "autoregression", "joint autoregression"]
    iid = norm(train.mean(0), train.std(0)).logpdf(valid).sum() / 100
    assert found[INDEPENDENT] == pytest.approx(-iid)
    total = norm(train.mean(0), train.std(0)).logpdf(valid[0]).sum()
    for i in range(2):
        fitted = AutoReg(train[:, i], 1).fit()
        mean = fitted.params[0] + fitted.params[1] * valid[:-1, i]
        total += norm(mean, np.sqrt(fitted.sigma2)).logpdf(valid[1:, i]).sum()
    assert found["autoregression"] == pytest.approx(-total / 100, rel=1e-6)
    design = np.column_stack([np.ones(299), train[:-1]])
    weights = np.linalg.lstsq(design, train[1:], rcond=None)[0]
    rest = train[1:] - design @ weights
    cov = rest.T @ rest / 299
    joint = multivariate_normal(train.mean(0), np.cov(train.T, bias=True)).logpdf(valid[0])
    mean = np.column_stack([np.ones(99), valid[:-1]]) @ weights
    joint += sum(
        multivariate_normal(m, cov).logpdf(v) for m, v in zip(mean, valid[1:], strict=True)
    )
    assert found["joint autoregression"] == pytest.approx(-joint / 100, rel=1e-5)
    assert found["joint autoregression"] < found["autoregression"] < found[INDEPENDENT]


def test_references_change_by_the_log_of_the_unit_only():
    x = np.random.default_rng(0).standard_normal((200, 2)).cumsum(0)
    small, large = (
        reference_nlls(splits("real", *(sequences((s * part).astype(np.float32))
                                        for part in (x[:150], x[150:]))))
        for s in (1e-6, 1e6)
    )  # fmt: skip
    for name, value in small.items():
        assert large[name] - value == pytest.approx(2 * np.log(1e12), abs=1e-3)


def test_binary_references_are_frequencies_and_markov_chains():
    train, valid = np.array([[0, 1, 1, 0, 1]]).T, np.array([[1, 1, 0]]).T
    found = reference_nlls(splits("binary", sequences(train), sequences(valid)))
    one = 3.5 / 6  # three of five, each symbol counted half a time more
    assert found[INDEPENDENT] == pytest.approx(-np.log([one, one, 1 - one]).sum() / 3)
    # Moves 0-1, 1-1, 1-0, 0-1, each row with one more count in total.
    after_one = (1 + one) / 3
    expected = -np.log([one, after_one, 1 - after_one]).sum() / 3
    assert found["Markov chains"] == pytest.approx(expected)


def test_a_frame_that_repeats_is_better_explained_by_a_markov_chain():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.integers(0, 4, (100, 3)), 5, axis=0).astype(np.float32)
    data = splits("categorical", sequences(x[:400]), sequences(x[400:]), categories=4)
    found = reference_nlls(data)
    assert found[INDEPENDENT] == pytest.approx(3 * np.log(4), abs=0.15)
    assert found["Markov chains"] < 0.5 * found[INDEPENDENT]


def test_count_references_are_the_likelihoods_they_say():
    rng = np.random.default_rng(0)
    x = rng.negative_binomial(2, 0.2, (500, 1)).astype(np.float32)
    train, valid = x[:400].astype(float), x[400:].astype(float)
    found = reference_nlls(splits("count", sequences(x[:400]), sequences(x[400:])))
    mean, variance = train.mean(), train.var()
    assert found[INDEPENDENT] == pytest.approx(-poisson(mean).logpmf(valid).mean())
    total = mean**2 / (variance - mean)
    exact = -nbinom(total, total / (total + mean)).logpmf(valid).mean()
    assert found["independent, overdispersed"] == pytest.approx(exact)
    assert np.isfinite(found["autoregression"]) and exact < found[INDEPENDENT]


@pytest.mark.parametrize("kind", ["real", "count", "binary"])
def test_missing_values_are_left_out(kind):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (3, 40, 2))
    data = sequences(*(x if kind == "binary" else (3.0 * x).astype(np.float32)))
    hidden = hide(data, 0.4, seed=0)
    found, whole = (reference_nlls(splits(kind, d, d)) for d in (hidden, data))
    assert found[INDEPENDENT] == pytest.approx(0.6 * whole[INDEPENDENT], rel=0.15)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("kind", ["real", "count"])
def test_constant_and_tiny_data_have_finite_references(kind):
    for x in (np.full((9, 2), 3.0), np.array([[1.0, 2.0]]), np.zeros((5, 2))):
        data = sequences(x.astype(np.float32))
        assert np.isfinite(list(reference_nlls(splits(kind, data, data)).values())).all()


# -- the verdict ----------------------------------------------------------------------------------

REFERENCES = {INDEPENDENT: 10.0, "Markov chains": 8.0, "joint": 6.0}


def curve(valid, *, train=None, kl=1.0):
    train = train or valid
    return [
        {"epoch": i, "train_bound": t, "train_kl": kl, "kl_weight": 1.0, "valid_bound": v}
        for i, (v, t) in enumerate(zip(valid, train, strict=True), 1)
    ]


FALLING = [12.0 - 0.3 * i for i in range(15)]  # to 7.8
FLAT = [12, 10, 9, 8, 7.5, 7.2, 7.1, 7.05, 7.04, 7.04, 7.04, 7.04, 7.04]


@pytest.mark.parametrize(
    ("metrics", "more", "condition", "words"),
    [
        (curve(FALLING), {}, "improving", "below 2 of 3 references (joint: 6.000). The valid"),
        (curve(FALLING), {}, "improving", "still falls by 0.3 nats a validation: train longer"),
        (curve(FLAT), {"ended": True}, "converged", "no longer falls"),
        (curve(FLAT), {"active": 3, "z_dim": 32}, "converged", "3 of 32 latent dimensions"),
        (curve([12, 11, 10.1, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0]), {"ended": True},
         "nothing learned", "is no better than that of independent frames, 10.000. Try a higher"),
        (curve([14, 13, 12, 11]), {"ended": True}, "nothing learned", "Train longer."),
        (curve([14, 13, 12, 11]), {}, "improving", "has to fall further before it is useful"),
        (curve(FLAT, kl=0.004), {}, "collapsed", "The KL is 0.004 nats a frame".lower()),
        (curve(FLAT), {"active": 0, "z_dim": 16}, "collapsed", "0 of 16 latent dimensions"),
        (curve([12, 9, 7, 6.5, 6.6, 6.8, 7.0, 7.3], train=[12, 9, 7, 6.4, 6, 5.5, 5.2, 5]), {},
         "overfitting", "has risen since epoch 4 by 0.8 nats, while the train bound falls"),
        (curve([12, 9, 7, 6.5, 6.5, 50.0, 400.0, 900.0]), {}, "diverged",
         "the valid bound rose from 6.500 to 900.000"),
        ([*curve(FLAT), {"epoch": 14, "train_bound": None}], {}, "diverged", "smaller learning"),
        ([{"epoch": 1, "train_bound": 3.0}], {}, "starting", "no validation yet"),
    ],
)  # fmt: skip
def test_each_condition_gets_its_sentence(metrics, more, condition, words):
    found = verdict(metrics, REFERENCES, **more)
    assert found.condition == condition and words.lower() in found.text.lower()
    assert found.worked == (condition not in ("nothing learned", "collapsed", "diverged"))


def test_a_run_without_references_still_has_a_verdict():
    assert verdict(curve(FLAT)).text.startswith("The best valid bound is 7.040 nats a frame.")


def test_noise_in_the_last_validations_is_not_overfitting():
    noisy = [*FLAT, 7.045, 7.05, 7.04]
    assert verdict(curve(noisy, train=noisy), REFERENCES).condition == "converged"
