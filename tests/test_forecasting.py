"""Forecasts are compared with the Kalman filter, baselines with statsmodels, scores by hand."""

import importlib

import numpy as np
import pytest
import torch
from scipy.stats import norm
from statsmodels.tsa.ar_model import AutoReg

from dmm_core.config.schema import DataConfig, ModelConfig, TrainConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences, Splits, WholeSeries
from dmm_core.data.spec import DataSpec
from dmm_core.data.synthetic import simulate
from dmm_core.data.systems import SYSTEMS, LinearGaussian
from dmm_core.errors import DataError
from dmm_core.exact.kalman import kalman_forecast
from dmm_core.inference.backtest import (
    Backtest,
    ScoredForecast,
    backtest,
    fit_widening,
    rolling_origins,
)
from dmm_core.inference.baselines import filled, fit_baselines, seasonal_period
from dmm_core.inference.calibration import LEAST_VALUES, spread_factor, widen
from dmm_core.inference.forecasting import Forecast, Origin, forecast, forecast_from
from dmm_core.inference.imputation import hide, impute
from dmm_core.inference.predictive import imputed_frames, reconstructed_frames
from dmm_core.inference.sampling import reconstruct
from dmm_core.inference.scores import GaussianForecast, pit, score_gaussian, score_samples
from dmm_core.training.building import build_model
from dmm_core.training.loop import fit

KNOWN = ModelConfig(z_dim=1, emission="gaussian", system="linear-gssm", rnn_size=8)
SMALL = ModelConfig(z_dim=2, emission="gaussian", transition_hidden=6, rnn_size=8)


def linear(count=6, frames=20, seed=0):
    x = simulate(SYSTEMS["linear-gssm"], count, frames, seed).x.astype(np.float32)
    return Sequences(tuple(x), tuple(f"series {i}" for i in range(count)))


def series(*arrays):
    x = tuple(np.asarray(a, np.float32).reshape(len(a), -1) for a in arrays)
    return Sequences(x, tuple(f"series {i}" for i in range(len(x))))


# -- the exact forecast ---------------------------------------------------------------------------


def test_the_kalman_forecast_is_the_conditional_of_the_joint_gaussian():
    rng = np.random.default_rng(0)
    system = LinearGaussian(
        rng.standard_normal(2), np.eye(2), 0.5 * rng.standard_normal((2, 2)),
        rng.standard_normal(2), np.diag([0.5, 0.2]), rng.standard_normal((3, 2)),
        rng.standard_normal(3), np.diag([0.3, 0.1, 0.4]),
    )  # fmt: skip
    steps, horizon = 4, 3
    whole = steps + horizon
    # Mean and covariance of all states, and then of all frames, written out.
    mean, cov = [system.initial_loc], np.zeros((whole, whole, 2, 2))
    cov[0, 0] = system.initial_cov
    for t in range(1, whole):
        mean.append(system.transition @ mean[-1] + system.transition_offset)
        for s in range(t):
            cov[t, s] = system.transition @ cov[t - 1, s]
            cov[s, t] = cov[t, s].T
        cov[t, t] = system.transition @ cov[t - 1, t - 1] @ system.transition.T
        cov[t, t] += system.transition_cov
    big = np.einsum("ai,tsij,bj->tasb", system.emission, cov, system.emission)
    for t in range(whole):
        big[t, :, t] += system.emission_cov
    flat = big.reshape(3 * whole, 3 * whole)
    loc = (np.stack(mean) @ system.emission.T + system.emission_offset).ravel()
    x = rng.standard_normal((1, steps, 3))
    k = 3 * steps
    gain = flat[k:, :k] @ np.linalg.inv(flat[:k, :k])
    found = kalman_forecast(system, x, horizon)
    assert np.allclose(found.loc[0].ravel(), loc[k:] + gain @ (x.ravel() - loc[:k]))
    exact = flat[k:, k:] - gain @ flat[:k, k:]
    for h in range(horizon):
        assert np.allclose(found.cov[h], exact[3 * h : 3 * h + 3, 3 * h : 3 * h + 3])


def test_forecasts_of_a_known_system_are_the_kalman_filters():
    data = linear(count=3)
    model = build_model(KNOWN, DataSpec("real", 1), seed=0)
    found = forecast(model, data, horizon=5, seed=0, samples=20_000, particles=8000)
    exact = kalman_forecast(SYSTEMS["linear-gssm"], np.stack(data.x), 5)
    scale = np.sqrt(exact.cov[:, 0, 0])
    assert np.abs((found.mean[..., 0] - exact.loc[..., 0]) / scale).max() < 0.06
    drawn = found.samples[..., 0]
    assert np.abs(drawn.std(1) / scale - 1).max() < 0.03
    low = exact.loc[..., 0] + norm.ppf(0.05) * scale
    assert np.abs((found.quantiles[:, 0, :, 0] - low) / scale).max() < 0.1


def test_the_backtest_of_a_known_system_scores_as_the_kalman_filter():
    splits = Splits("linear-gssm", "real", linear(400, 25, 1), linear(4, 25, 2), linear(60, 25, 3))
    model = build_model(KNOWN, splits.spec, seed=0)
    found = backtest(model, splits, horizon=5, seed=0, most_origins=150, calibrate=False)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["model", "Kalman filter", "mean", "persistence", "autoregression"]
    ratio = rows["model"].scores.crps / rows["Kalman filter"].scores.crps
    assert ratio == pytest.approx(1, abs=0.01)
    assert rows["model"].scores.coverage_90 == pytest.approx(0.9, abs=0.05)
    assert rows["persistence"].skill == 0 and rows["model"].skill > 0.1
    assert found.calibration.sum() == pytest.approx(1)
    again = backtest(model, splits, horizon=5, seed=0, most_origins=150, calibrate=False)
    assert again.to_json() == found.to_json()


# -- what a forecast may know ---------------------------------------------------------------------


@pytest.mark.parametrize("inference", ["DKS", "ST-L", "ST-LR", "MF-LR"])
def test_a_forecast_does_not_know_what_comes_after_its_origin(inference):
    model = build_model(
        SMALL.model_copy(update={"inference": inference}), DataSpec("real", 1), seed=0
    )
    data = linear(count=2)
    changed = Sequences(tuple(np.concatenate([x[:8], x[8:] + 100]) for x in data.x), data.names)
    origins = [Origin(0, 8), Origin(1, 5)]
    found = [
        forecast_from(model, d, origins, horizon=3, seed=0, samples=5, particles=9).samples
        for d in (data, changed)
    ]
    assert np.array_equal(*found)


def test_rolling_origins_are_every_frame_that_can_be_scored_or_a_thinned_choice():
    found = rolling_origins([5, 0], [10, 4], 3, 100)
    assert found == [(0, 5), (0, 6), (0, 7), (1, 1)]
    few = rolling_origins([0], [1000], 1, 10)
    assert len(few) == 10 and (few[0].frame, few[-1].frame) == (1, 999)
    with pytest.raises(DataError, match="No sequence has 9 held-out frames"):
        rolling_origins([5], [10], 9, 10)


def test_data_split_in_time_are_forecast_from_their_whole_past():
    x = np.cumsum(np.random.default_rng(0).standard_normal(100))
    whole = WholeSeries(series(x), (70,), (85,))
    splits = Splits(
        "made", "real", series(x[:40], x[40:70]), series(x[70:85]), series(x[85:]), whole=whole
    )
    model = build_model(SMALL, splits.spec, seed=0)
    found = backtest(model, splits, horizon=5, seed=0, samples=20, particles=20)
    assert found.origins == 11  # frames 85 to 95
    valid = backtest(model, splits, horizon=5, seed=0, split="valid", samples=20, particles=20)
    assert valid.origins == 11  # frames 70 to 80
    # Persistence repeats the last value, so its error is that of the whole series.
    errors = [abs(x[o + h] - x[o - 1]) for o in range(85, 96) for h in range(5)]
    rows = {row.name: row.scores for row in found.rows}
    assert rows["persistence"].mae == pytest.approx(np.mean(errors), rel=1e-5)


def test_actions_and_covariates_of_the_future_are_used():
    rng = np.random.default_rng(0)
    u, c = (tuple(rng.standard_normal((3, 12, 1)).astype(np.float32)) for _ in range(2))
    x = tuple(rng.standard_normal((3, 12, 1)).astype(np.float32))
    data = Sequences(x, ("a", "b", "c"), u=u, c=c)
    model = build_model(SMALL, DataSpec("real", 1, u_dim=1, c_dim=1), seed=0)
    ones = np.ones((3, 4, 1), np.float32)

    def found(u, c):
        return forecast(model, data, horizon=4, seed=0, samples=6, particles=9, u=u, c=c).samples

    assert not np.array_equal(found(ones, ones), found(ones, -ones))
    acted = found(-ones, ones)
    first = found(ones, ones)
    assert np.array_equal(acted[:, :, 0], first[:, :, 0])  # the last action of the data acts there
    assert not np.array_equal(acted[:, :, 1], first[:, :, 1])
    with pytest.raises(DataError, match=r"needs actions of the future, of shape \(3, 4, 1\)"):
        found(None, ones)
    with pytest.raises(DataError, match=r"Covariates of the future .* not of shape \(3, 2, 1\)"):
        found(ones, ones[:, :2])


@pytest.mark.parametrize(
    ("kind", "emission", "aug"),
    [
        ("binary", "bernoulli", False),
        ("binary", "nade", True),
        ("count", "poisson", False),
        ("count", "negative-binomial", True),
        ("real", "student-t", True),
    ],
)
def test_every_kind_of_data_is_forecast(kind, emission, aug):
    config = SMALL.model_copy(update={"emission": emission, "x_to_z": aug, "x_to_x": aug})
    model = build_model(config, DataSpec(kind, 2), seed=0)
    x = np.random.default_rng(0).integers(0, 2, (9, 2))
    data = Sequences((x if kind == "binary" else x.astype(np.float32),), ("made",))
    found = forecast(model, data, horizon=3, seed=0, samples=50, particles=9, quantiles=(0.1, 0.9))
    assert found.mean.shape == (1, 3, 2) and found.quantiles.shape == (1, 2, 3, 2)
    assert (found.quantiles[:, 0] <= found.quantiles[:, 1]).all()
    if kind != "real":
        assert np.array_equal(found.samples, found.samples.round())
    again = forecast(model, data, horizon=3, seed=0, samples=50, particles=9, quantiles=(0.1, 0.9))
    assert np.array_equal(found.samples, again.samples)


def test_missing_values_are_no_obstacle():
    data = hide(linear(), 0.3, seed=0)
    model = build_model(SMALL, DataSpec("real", 1, missing=True), seed=0)
    splits = Splits("made", "real", data, data, data)
    found = backtest(model, splits, horizon=3, seed=0, samples=20, particles=20, most_origins=20)
    scored = found.rows[0].scores
    assert scored.values < 20 * 3 and np.isfinite(scored.crps)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"samples": 0}, "samples is 0"),
        ({"particles": -1}, "particles is -1"),
        ({"quantiles": (0.1, 1.2)}, "levels from 0 to 1"),
    ],
)
def test_numbers_out_of_bounds_are_refused(changes, words):
    model = build_model(SMALL, DataSpec("real", 1), seed=0)
    with pytest.raises(DataError, match=words):
        forecast(model, linear(1), **{"horizon": 2, "seed": 0} | changes)


@pytest.mark.parametrize(
    ("origins", "words"),
    [
        ([], "no origin"),
        ([Origin(3, 1)], "no sequence 3"),
        ([Origin(0, 21)], "begins after 1 to 20 of them, not after 21"),
        ([Origin(0, 0)], "not after 0"),
    ],
)
def test_an_origin_outside_its_sequence_is_refused(origins, words):
    model = build_model(SMALL, DataSpec("real", 1), seed=0)
    with pytest.raises(DataError, match=words):
        forecast_from(model, linear(1), origins, horizon=2, seed=0)


# -- scores ---------------------------------------------------------------------------------------


def test_the_crps_of_samples_approaches_that_of_their_gaussian():
    rng = np.random.default_rng(0)
    loc, scale = rng.standard_normal((30, 4, 2)), 1 + rng.random((30, 4, 2))
    truth = loc + scale * rng.standard_normal(loc.shape)
    samples = loc[:, None] + scale[:, None] * rng.standard_normal((30, 800, 4, 2))
    exact = score_gaussian(GaussianForecast(loc, scale), truth)
    by_hand = (truth - loc) / scale
    crps = scale * (
        by_hand * (2 * norm.cdf(by_hand) - 1) + 2 * norm.pdf(by_hand) - 1 / np.sqrt(np.pi)
    )
    assert exact.crps == pytest.approx(crps.mean())
    found = score_samples(samples, loc, truth)
    assert found.crps == pytest.approx(exact.crps, rel=0.01)
    assert np.allclose(found.crps_by_feature, crps.mean((0, 1)), rtol=0.02)
    assert found.coverage_90 == pytest.approx(exact.coverage_90, abs=0.02)
    assert found.rmse == pytest.approx(np.sqrt(np.square(truth - loc).mean()))
    # Few samples: the estimate stays unbiased.
    few = score_samples(samples[:, :4], loc, truth)
    assert few.crps == pytest.approx(exact.crps, rel=0.1)


def test_values_that_were_not_observed_do_not_count():
    truth = np.array([[[1.0], [5.0]]])
    made = GaussianForecast(np.zeros((1, 2, 1)), np.full((1, 2, 1), 1e-9))
    seen = np.array([[[1], [0]]])
    scores = score_gaussian(made, truth, seen)
    assert scores.crps == pytest.approx(1.0) and scores.values == 1
    assert np.isnan(scores.crps_by_horizon[1])
    with pytest.raises(DataError, match="None of the values"):
        score_gaussian(made, truth, np.zeros_like(seen))
    with pytest.raises(DataError, match="the shape"):
        score_gaussian(made, truth[:, :1])


def test_the_pit_of_a_calibrated_forecast_is_uniform_also_for_counts():
    rng = np.random.default_rng(0)
    samples, truth = rng.poisson(2.0, (4000, 99, 1, 1)), rng.poisson(2.0, (4000, 1, 1))
    at = pit(samples, truth)
    shares = np.histogram(at, bins=10, range=(0, 1))[0] / len(at.ravel())
    assert np.abs(shares - 0.1).max() < 0.02
    narrow = pit(rng.normal(0, 0.3, (4000, 99, 1, 1)), rng.normal(0, 1, (4000, 1, 1)))
    assert ((narrow < 0.1) | (narrow > 0.9)).mean() > 0.5


# -- simple forecasts -----------------------------------------------------------------------------


def test_the_autoregression_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    x = np.zeros(400)
    for t in range(2, 400):
        x[t] = 1 + 1.2 * x[t - 1] - 0.5 * x[t - 2] + rng.standard_normal()
    data = series(x)
    fitted = fit_baselines(data).autoregressions[0]
    assert len(fitted.weights) == 2
    # All orders are compared on the frames after the largest one, so fit on the same frames.
    most = 30
    other = AutoReg(x, 2, hold_back=most).fit()
    assert np.allclose([fitted.constant, *fitted.weights], other.params, rtol=1e-4)
    forecasts = fit_baselines(data).forecasts([filled(data.x[0], None)], 6)
    prediction = other.get_prediction(400, 405)
    assert np.allclose(
        forecasts["autoregression"].loc[0, :, 0], prediction.predicted_mean, rtol=1e-3
    )
    assert np.allclose(forecasts["autoregression"].scale[0, :, 0], prediction.se_mean, rtol=0.02)


def test_a_season_is_found_and_repeated():
    t = np.arange(120)
    wave = 5 + 2 * np.sin(2 * np.pi * t / 12) + 0.05 * t
    assert seasonal_period(wave[:, None]) == 12
    assert seasonal_period(np.random.default_rng(0).standard_normal((200, 1))) is None
    assert seasonal_period(np.ones((50, 1))) is None and seasonal_period(wave[:5, None]) is None
    found = fit_baselines(series(wave)).forecasts([wave[:, None]], 30)["seasonal naive"]
    assert np.allclose(found.loc[0, :12, 0], wave[-12:])
    assert np.allclose(found.loc[0, 12:24, 0], wave[-12:])
    assert found.scale[0, 12, 0] == pytest.approx(found.scale[0, 0, 0] * np.sqrt(2))
    assert found.scale[0, 0, 0] == pytest.approx(0.6, rel=0.01)  # 12 steps of 0.05


def test_persistence_widens_as_a_random_walk():
    x = np.cumsum(np.ones(50))
    found = fit_baselines(series(x)).forecasts([x[:, None]], 4)["persistence"]
    assert found.loc[0, :, 0].tolist() == [50] * 4
    assert np.allclose(found.scale[0, :, 0], np.sqrt([1, 2, 3, 4]))


def test_constant_and_short_data_have_finite_forecasts():
    for data in (series(np.full(30, 3.0)), series([1.0, 2.0]), series([4.0]), series([1.0] * 3)):
        found = fit_baselines(data).forecasts([filled(data.x[0], None)], 3)
        for made in found.values():
            assert np.isfinite(made.loc).all() and (made.scale > 0).all()


def test_gaps_are_filled_by_the_last_value():
    x = np.array([[0.0], [2.0], [0.0], [0.0], [5.0]])
    seen = np.array([[0], [1], [0], [0], [1]])
    assert filled(x, seen)[:, 0].tolist() == [2, 2, 2, 2, 5]
    assert filled(x, np.zeros_like(seen))[:, 0].tolist() == [0] * 5


# -- calibration ----------------------------------------------------------------------------------


def drawn(spread, seed=0, count=400, x_dim=2):
    """Samples whose spread is `spread` times that of the truth, and the truth."""
    rng = np.random.default_rng(seed)
    centre = 10 * rng.standard_normal((count, 1, 3, x_dim))
    samples = centre + spread * rng.standard_normal((count, 200, 3, x_dim))
    truth = centre[:, 0] + rng.standard_normal((count, 3, x_dim))
    return samples.astype(np.float32), truth


def inside(samples, truth):
    low, high = np.quantile(samples, (0.05, 0.95), axis=1)
    return ((low <= truth) & (truth <= high)).mean((0, 1))


@pytest.mark.parametrize("times", [1.5, 4.0])
def test_the_factor_is_that_by_which_the_spread_is_too_small(times):
    samples, truth = drawn(1 / times)
    factor = spread_factor(samples, truth)
    assert factor == pytest.approx(times, rel=0.1)
    quantiles = np.quantile(samples, (0.05, 0.5, 0.95), axis=1).swapaxes(0, 1)
    made = Forecast(samples.mean(1), quantiles, np.array([0.05, 0.5, 0.95]), samples)
    wide = widen(made, factor)
    # The split on which it was chosen holds its 90 %: at least, and hardly more.
    assert (inside(wide.samples, truth) >= 0.9 - 1e-3).all()
    assert inside(wide.samples, truth) == pytest.approx(0.9, abs=0.002)
    later, then = drawn(1 / times, seed=1)
    wide_later = widen(Forecast(later.mean(1), quantiles, made.levels, later), factor)
    assert inside(wide_later.samples, then) == pytest.approx(0.9, abs=0.03)
    # The quantiles are those of the samples, and the point forecasts are the same.
    exact = np.quantile(wide.samples, made.levels, axis=1).swapaxes(0, 1)
    assert np.allclose(wide.quantiles, exact, atol=1e-4)
    assert np.array_equal(wide.quantiles[:, 1], made.quantiles[:, 1])
    assert np.array_equal(wide.mean, made.mean)


def test_an_interval_is_never_narrowed():
    samples, truth = drawn(3)
    assert np.array_equal(spread_factor(samples, truth), [1, 1])
    made = Forecast(samples.mean(1), np.zeros((400, 1, 3, 2)), np.array([0.5]), samples)
    assert widen(made, np.ones(2)) is made


def test_each_feature_has_its_factor_from_the_values_that_were_observed():
    samples, truth = drawn(0.5, x_dim=3)
    observed = np.ones(truth.shape)
    observed[..., 1] = 0
    observed[: LEAST_VALUES - 1, 0, 1] = 1  # one too few
    observed[::2, :, 2] = 0
    wrong = np.where(observed == 1, truth, 1e6)
    factor = spread_factor(samples, wrong, observed)
    assert factor[0] == spread_factor(samples, truth)[0] > 1.8
    assert factor[1] == 1
    assert factor[2] == spread_factor(samples[1::2], truth[1::2])[2] > 1.8
    observed[LEAST_VALUES - 1, 0, 1] = 1
    assert spread_factor(samples, wrong, observed)[1] > 1


def test_intervals_without_width_stay():
    truth = np.arange(30.0).reshape(30, 1, 1)
    assert spread_factor(np.zeros((30, 5, 1, 1)), truth).tolist() == [1.0]
    assert spread_factor(np.repeat(truth[:, None], 5, 1), truth).tolist() == [1.0]


def larger(count, seed):
    """Sequences of the linear system, twice as large."""
    data = linear(count, 25, seed)
    return Sequences(tuple(2 * x for x in data.x), data.names)


def test_a_backtest_widens_intervals_as_the_valid_split_asks():
    splits = Splits("made", "real", larger(50, 1), larger(20, 2), larger(20, 3))
    model = build_model(KNOWN, splits.spec, seed=0)  # knows the system, but not its size
    few = {"horizon": 4, "seed": 0, "most_origins": 80, "samples": 150, "particles": 100}
    factor = fit_widening(model, splits, **few)
    assert factor == pytest.approx(2, abs=0.5)
    raw = backtest(model, splits, **few, calibrate=False)
    found = backtest(model, splits, **few)
    assert found.to_json() == backtest(model, splits, **few, calibrate=factor).to_json()
    assert found.widened.tolist() == found.to_json()["widened"] == factor.tolist()
    assert f"widened by {factor[0]:.2f}, as the valid split asks. Its 90" in found.verdict
    assert raw.widened is None and "widened" not in raw.verdict
    model_row, raw_row = found.rows[0].scores, raw.rows[0].scores
    assert raw_row.coverage_90 < 0.75
    assert model_row.coverage_90 == pytest.approx(0.9, abs=0.05)
    assert model_row.crps < raw_row.crps
    assert model_row.rmse == raw_row.rmse
    assert model_row.mae == pytest.approx(raw_row.mae, rel=1e-5)  # samples are float32
    assert [row.scores.crps for row in found.rows[1:]] == [row.scores.crps for row in raw.rows[1:]]
    # The split on which the factor is chosen is scored without it.
    valid = backtest(model, splits, **few, split="valid")
    assert valid.widened is None and valid.rows[0].scores.coverage_90 < 0.8


def test_what_cannot_be_calibrated_has_no_factor():
    x = np.random.default_rng(0).poisson(3, (3, 20, 1)).astype(np.float32)
    counts = Sequences(tuple(x), ("a", "b", "c"))
    splits = Splits("made", "count", counts, counts, counts)
    config = SMALL.model_copy(update={"emission": "poisson"})
    model = build_model(config, splits.spec, seed=0)
    few = {"seed": 0, "samples": 5, "particles": 5}
    assert fit_widening(model, splits, horizon=3, **few) is None
    assert backtest(model, splits, horizon=3, **few).widened is None
    short = Splits("made", "real", linear(4), linear(2, 8), linear(4))
    model = build_model(SMALL, short.spec, seed=0)
    assert fit_widening(model, short, horizon=5, **few) is None
    assert fit_widening(model, short, horizon=4, **few).tolist() == [1.0]  # two values


def test_the_numbers_drawn_for_a_factor_are_bounded(monkeypatch):
    asked = []
    module = importlib.import_module("dmm_core.inference.backtest")
    monkeypatch.setattr(
        module,
        "forecast_from",
        lambda model, sequences, origins, **more: (
            asked.append(len(origins)) or forecast_from(model, sequences, origins, **more)
        ),
    )
    monkeypatch.setattr(module, "_MOST_NUMBERS", 60)
    splits = Splits("made", "real", linear(), linear(), linear())
    model = build_model(SMALL, splits.spec, seed=0)
    fit_widening(model, splits, horizon=3, seed=0, samples=4, particles=4)
    assert asked == [5]


# -- the verdict ----------------------------------------------------------------------------------


def verdict(crps, coverage=0.9, others=(("persistence", 1.0), ("mean", 2.0))):
    zero = np.zeros(1)

    def row(name, crps):
        gaussian = GaussianForecast(np.zeros((1, 1, 1)), np.ones((1, 1, 1)))
        scores = score_gaussian(gaussian, np.zeros((1, 1, 1)))
        return ScoredForecast(name, scores._replace(crps=crps, coverage_90=coverage), 1.0, 0.0)

    return Backtest((row("model", crps), *(row(*o) for o in others)), 1, 1, None, zero).verdict


@pytest.mark.parametrize(
    ("crps", "coverage", "words"),
    [
        (0.5, 0.9, "better than persistence and the mean (CRPS 0.5). Its 90 % intervals hold 90 %"),
        (1.5, 0.9, "better than the mean; worse than persistence"),
        (1.001, 0.9, "better than the mean; as well as persistence, within 1 %"),
        (3.0, 0.9, "worse than persistence and the mean (CRPS 3). A simple forecast serves as"),
        (0.5, 0.7, "70 % of the values: its intervals are too narrow."),
        (0.5, 0.99, "99 % of the values: its intervals are too wide."),
        (0.5, 0.9, "its intervals can be trusted."),
    ],
)
def test_the_verdict_says_what_the_model_beats(crps, coverage, words):
    assert words in verdict(crps, coverage)


def test_a_trained_model_beats_persistence_on_a_noisy_wave():
    rng = np.random.default_rng(0)
    t = np.arange(40)
    waves = [
        10 + np.sin(2 * np.pi * (t + rng.integers(12)) / 12) + 0.1 * rng.standard_normal(40)
        for _ in range(40)
    ]
    splits = Splits(
        "waves", "real", series(*waves[:30]), series(*waves[30:33]), series(*waves[33:])
    )
    torch.manual_seed(0)
    model = build_model(SMALL.model_copy(update={"rnn_size": 16, "z_dim": 4}), splits.spec, seed=0)
    list(fit(model, splits, TrainConfig(epochs=80, batch_size=10, lr=0.02, anneal_updates=60)))
    found = backtest(model, splits, horizon=6, seed=0, most_origins=60)
    rows = {row.name: row.scores.crps for row in found.rows}
    assert rows["model"] < 0.5 * rows["persistence"] and found.period == 12
    assert "better than" in found.verdict


def test_the_catalogues_linear_system_has_an_exact_row():
    splits = load_dataset(DataConfig(name="linear-gssm-10"))
    model = build_model(ModelConfig(z_dim=2, emission="gaussian", rnn_size=8), splits.spec, seed=0)
    found = backtest(model, splits, horizon=2, seed=0, most_origins=5, samples=9, particles=9)
    assert found.rows[1].name == "Kalman filter"
    assert found.rows[1].scores.crps < found.rows[0].scores.crps


# -- reconstruction and imputation ----------------------------------------------------------------


def test_a_reconstruction_has_the_mean_of_reconstruct_and_a_band_around_the_frames():
    model = build_model(KNOWN, DataSpec("real", 1), seed=0)
    x = linear(1).x[0]
    found = reconstructed_frames(model, x, seed=0, draws=400)
    assert np.allclose(found.mean, reconstruct(model, x, seed=0, draws=400).numpy(), atol=1e-4)
    width = found.quantiles[4] - found.quantiles[0]
    assert (width > 2 * 1.64 * np.sqrt(20) * 0.8).all()  # the emission alone has variance 20


def test_an_imputation_has_the_mean_of_impute_and_covers_what_was_hidden():
    data = linear(1, 60)
    hidden = hide(data, 0.3, seed=0)
    model = build_model(KNOWN, DataSpec("real", 1, missing=True), seed=0)
    found = imputed_frames(model, hidden, seed=0, draws=2000, particles=400)
    means = impute(model, hidden, seed=0, particles=400)[0]
    assert np.abs(found.mean - means).max() < 0.3
    gone = hidden.observed[0] == 0
    inside = (found.quantiles[0] <= data.x[0]) & (data.x[0] <= found.quantiles[4])
    assert inside[gone].mean() > 0.75
    assert found.samples.shape == (2000, 60, 1)
