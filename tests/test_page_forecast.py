"""The Forecast page shows what the library computes, for every kind of data."""

import csv
import io

import numpy as np
import pytest
import streamlit as st
from page_models import SMALL, finished, music_run, page, real_run, shown

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences, Splits, WholeSeries
from dmm_core.data.time_axis import TimeAxis
from dmm_core.inference.backtest import backtest, fit_widening
from dmm_core.inference.calibration import widen
from dmm_core.inference.forecasting import forecast
from dmm_core.inference.imputation import hide
from dmm_core.runs.loading import load_run
from pages.ui import charts
from pages.ui.forecast import computations
from pages.ui.forecast.selection import Selection

FORECAST = "pages/6_Forecast.py"
VIEWS = ("forecast", "reconstruct", "impute", "simulate")


@pytest.fixture(autouse=True)
def fresh_caches(dmm_home):
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def made(monkeypatch, kind, emission, **more):
    """A finished run on made data of a kind."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, more.get("categories") or 2, (6, 30, 3))
    x = tuple(x.astype(np.uint8 if kind == "binary" else np.float32))
    c = tuple(rng.standard_normal((6, 30, 1)).astype(np.float32)) if more.pop("driven", 0) else None
    data = Sequences(x, tuple(f"series {i}" for i in range(6)), c=c)
    if more.pop("gaps", 0):
        data = hide(data, 0.3, seed=0)
    name = "nonlinear-gssm"
    train, valid, test = more.pop("parts", (data,) * 3)
    splits = Splits(name, kind, train, valid, test, **more)
    for module in ("pages.ui.models.splits", "pages.ui.datasets.splits"):
        monkeypatch.setattr(module, lambda name: splits)
    config = ModelConfig(z_dim=2, emission=emission, **SMALL)
    return finished(RunConfig(data=DataConfig(name=name), model=config), splits.spec)


def test_the_default_is_a_model_of_data_other_than_music():
    music_run()
    assert "no trained model of data other than music" in page(FORECAST).info[0].value
    run = real_run()
    at = page(FORECAST)
    assert at.query_params["run"] == run.id and not at.error


def test_a_model_of_music_leads_to_compose_and_back():
    music, real = music_run(), real_run()
    at = page(FORECAST, run=music.id)
    assert "model of music" in at.info[0].value and not at.get("plotly_chart")
    at = page("pages/5_Compose.py", run=real.id)
    assert "not a model of music" in at.info[0].value and not at.error


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("kind", "emission", "more"),
    [
        ("real", "gaussian", {}),
        ("real", "gaussian", {"gaps": True}),
        ("real", "student-t", {"driven": True}),
        ("binary", "bernoulli", {}),
        ("count", "poisson", {"features": ("a", "b", "c")}),
        ("categorical", "categorical", {"categories": 4}),
    ],
)
def test_every_view_shows_every_kind_of_data(monkeypatch, view, kind, emission, more):
    run = made(monkeypatch, kind, emission, **more)
    at = page(FORECAST, run=run.id, view=view, feature="2", horizon="3", origin="20")
    if (kind, view) == ("categorical", "impute"):  # a slot cannot be left out
        assert "no such view" in at.error[0].value
        return
    assert not at.error, [error.value for error in at.error]
    assert at.get("plotly_chart")
    text = shown(at)
    assert "note" not in text.replace("notes", "note").split()
    if more.get("features"):
        assert "2. b" in at.selectbox(key="choose.feature").options


@pytest.mark.parametrize("calibrate", [True, False])
def test_the_scores_are_those_of_the_command(calibrate):
    run = real_run()
    at = page(FORECAST, run=run.id, horizon="4", calibrate=str(calibrate).lower())
    loaded = load_run(run.id)
    exact = backtest(
        loaded.model, load_dataset(loaded.config.data), horizon=4, seed=0, most_origins=100,
        samples=200, particles=200, calibrate=calibrate,
    )  # fmt: skip
    assert (exact.widened is not None) == calibrate
    (table,) = (t.value for t in at.table)
    assert [f"{row.scores.crps:.4g}" for row in exact.rows] == [
        text.strip("*") for text in table["CRPS"]
    ]
    said = " ".join(e.value for e in (*at.info, *at.success)).replace("\\", "")
    assert exact.verdict in said
    assert at.code[0].value == (
        f"dmm forecast {run.id} --backtest --horizon 4 --origins 100 --samples 200 --particles 200"
        + ("" if calibrate else " --raw")
    )


def test_the_download_is_the_forecast(monkeypatch):
    given = []
    monkeypatch.setattr(
        "pages.ui.forecast.views.st.download_button", lambda label, data, **_: given.append(data)
    )
    run = real_run()
    page(FORECAST, run=run.id, horizon="4", origin="25", score="false", split="test")
    loaded = load_run(run.id)
    data = load_dataset(loaded.config.data).test.one(0)
    numbers = {"horizon": 4, "seed": 0, "samples": 200, "particles": 200}
    made = forecast(loaded.model, data, **numbers)
    factor = fit_widening(
        loaded.model, load_dataset(loaded.config.data), most_origins=100, **numbers
    )
    assert factor[0] > 1
    made = widen(made, factor)
    rows = list(csv.DictReader(io.StringIO(given[0].decode())))
    for i, level in enumerate(made.levels):
        assert [float(row[f"q{level:g}"]) for row in rows] == made.quantiles[0, i, :, 0].tolist()
    assert [row["Frame"] for row in rows] == ["25", "26", "27", "28"]


def test_a_series_that_is_split_in_time_is_drawn_over_its_dates(monkeypatch):
    drawn, fan_chart = [], charts.fan_chart
    monkeypatch.setattr(
        "pages.ui.forecast.views.charts.fan_chart",
        lambda *given, **more: drawn.append((given, more)) or fan_chart(*given, **more),
    )
    x = np.random.default_rng(0).standard_normal((80, 3)).astype(np.float32)
    whole = Sequences((x,), ("co2",), starts=(-120.0,))
    parts = [whole.between(*ends) for ends in ((0, 56), (56, 68), (68, 80))]
    time = TimeAxis("date", "month")
    run = made(
        monkeypatch, "real", "gaussian", parts=parts, time=time,
        whole=WholeSeries(whole, (56,), (68,)),
    )  # fmt: skip
    at = page(FORECAST, run=run.id, horizon="5", score="false")
    assert not at.error, at.error[0].value
    assert at.number_input(key="origin").value == 68
    (times, values, fan), more = drawn[0]
    assert str(times[0]) == "1960-01" and str(fan.times[0]) == "1965-09"
    assert len(fan.times) == 5 and more["x_title"] == "date (every month)"
    assert len(values) == 73 and more["truth"] == slice(68, None)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ({"view": "nonsense"}, "no such view"),
        ({"piece": "9999"}, "does not exist"),
        ({"feature": "7"}, ""),
        ({"horizon": "1e400"}, ""),
        ({"origin": "-5"}, ""),
        ({"horizon": "99999999"}, ""),
    ],
)
def test_an_address_out_of_bounds_is_a_sentence_or_ignored(address, words):
    at = page(FORECAST, run=real_run().id, score="false", **address)
    if words:
        assert words in at.error[0].value
    else:
        assert not at.error and at.get("plotly_chart")


def test_a_horizon_beyond_the_covariates_is_a_sentence(monkeypatch):
    run = made(monkeypatch, "real", "gaussian", driven=True)
    at = page(FORECAST, run=run.id, origin="28", horizon="9", score="false")
    assert "needs the covariates of all 9 frames" in at.error[0].value


@pytest.mark.parametrize("page_file", ["pages/4_Latent.py", "pages/3_Runs.py", "pages/2_Train.py"])
@pytest.mark.parametrize(
    ("kind", "emission", "more"),
    [
        ("real", "gaussian", {"gaps": True}),
        ("real", "student-t", {"driven": True}),
        ("binary", "bernoulli", {}),
        ("count", "negative-binomial", {"features": ("a", "b", "c")}),
        ("categorical", "categorical", {"categories": 4}),
    ],
)
def test_the_other_pages_show_every_kind_of_data(monkeypatch, page_file, kind, emission, more):
    run = made(monkeypatch, kind, emission, **more)
    views = ("listen", "paths", "filter", "transition", "dimensions")
    for view in views if "Latent" in page_file else ("",):
        at = page(page_file, run=run.id, **({"view": view} if view else {}))
        assert not at.error, [error.value for error in at.error]
        words = shown(at).lower().replace(".", " ").split()
        assert not {"notes", "note", "play", "chord", "grid"} & set(words), view


@pytest.mark.parametrize(
    ("x_dim", "frames", "origins"),
    [(1, 300, 100), (20, 300, 100), (1024, 300, 20), (1, 100_000, 0), (1000, 3000, 0)],
)
def test_the_work_of_the_page_is_bounded(x_dim, frames, origins):
    data = Sequences((np.zeros((frames, x_dim), np.float32),), ("one",))
    splits = Splits("made", "real", data, data, data)
    selection = Selection(None, splits, data, 0, 0, "", None)
    assert computations.origins_for(selection, 4) == origins
    most = 200 * x_dim * max(computations.most_read(x_dim), computations.most_horizon(x_dim))
    assert most <= 2**24 and computations.most_horizon(x_dim) >= 12


def test_a_data_set_that_is_too_long_to_score_gets_the_command(monkeypatch):
    monkeypatch.setattr("pages.ui.forecast.computations._MOST_STEPS", 10)
    run = real_run()
    at = page(FORECAST, run=run.id, horizon="4")
    assert "takes too long for a page" in at.info[0].value and not at.table
    assert "--origins 100" in at.code[0].value and at.get("plotly_chart")
    assert "takes too long for a page. `dmm forecast` does it." in at.caption[0].value
