"""`dmm forecast`: a forecast as text, JSON and CSV, and a backtest equal to the library's."""

import csv
import json

import numpy as np
import pytest

from dmm_core.cli.main import main
from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from dmm_core.errors import DataError
from dmm_core.inference.backtest import backtest, fit_widening
from dmm_core.inference.calibration import widen
from dmm_core.inference.forecasting import forecast
from dmm_core.runs.loading import load_run

TINY = (
    "--data.name=linear-gssm --model.emission=gaussian --model.z-dim=2 --model.rnn-size=8 "
    "--model.emission-hidden=6 --model.transition-hidden=6 --train.batch-size=200 "
    "--train.epochs=1 --train.device=cpu"
).split()
FEW = ["--samples=20", "--particles=20"]


@pytest.fixture
def run(dmm_home, capsys):
    assert main(["train", "--json", *TINY]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[0])["run"]


def printed(capsys, *arguments, status=0):
    assert main(["forecast", *arguments]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_a_forecast_is_that_of_the_library(run, capsys, tmp_path):
    out = tmp_path / "made" / "forecast.csv"
    options = ["--horizon=3", "--sequence=2", f"--out={out}", *FEW, "--quantiles", "0.1", "0.9"]
    found = json.loads(printed(capsys, run, *options, "--json"))
    loaded = load_run(run)
    data = load_dataset(loaded.config.data).test.one(1)
    made = forecast(
        loaded.model, data, horizon=3, seed=0, samples=20, particles=20, quantiles=(0.1, 0.9)
    )
    factor = fit_widening(
        loaded.model, load_dataset(loaded.config.data), horizon=3, seed=0, samples=20, particles=20
    )
    assert found["widened"] == factor.tolist() and factor[0] > 1
    raw, made = made, widen(made, factor)
    assert found["mean"] == made.mean[0].tolist()
    assert found["quantiles"] == made.quantiles[0].tolist()
    assert (found["sequence"], found["origin"]) == (data.names[0], 25)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["25", "26", "27"]
    assert [float(row["q0.9"]) for row in rows] == made.quantiles[0, 1, :, 0].tolist()
    text = printed(capsys, run, *options)
    assert text.startswith(data.names[0]) and len(text.splitlines()) == 6
    assert text.endswith(f"were widened by {factor[0]:.2f}, as the valid split asks.\n")
    found = json.loads(printed(capsys, run, *options, "--json", "--raw"))
    assert found["quantiles"] == raw.quantiles[0].tolist() and found["widened"] is None


def test_an_origin_within_the_sequence_is_allowed(run, capsys):
    found = json.loads(printed(capsys, run, "--origin=10", "--horizon=2", *FEW, "--json"))
    assert found["origin"] == 10 and len(found["mean"]) == 2
    said = printed(capsys, run, "--origin=26", *FEW, status=1)
    assert (
        said
        == "A forecast of a sequence of 25 frames begins after 1 to 25 of them, not after 26.\n"
    )


@pytest.mark.parametrize("more", [[], ["--raw"], ["--split=valid"]])
def test_a_backtest_is_that_of_the_library(run, capsys, more):
    options = ["--backtest", "--horizon=4", "--origins=12", *FEW, *more]
    found = json.loads(printed(capsys, run, *options, "--json"))
    loaded = load_run(run)
    split = "valid" if "--split=valid" in more else "test"
    exact = backtest(
        loaded.model,
        load_dataset(DataConfig(name="linear-gssm")),
        horizon=4,
        seed=0,
        split=split,
        most_origins=12,
        samples=20,
        particles=20,
        calibrate=not more,
    ).to_json()
    assert (exact["widened"] is None) == bool(more)
    assert found == {"run": run, "split": split, **json.loads(json.dumps(exact))}
    text = printed(capsys, run, *options)
    assert exact["verdict"] in text and "Kalman filter" in text and "12 origins" in text


def test_a_file_is_forecast(run, capsys, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("level\n" + "\n".join(f"{x:.3f}" for x in np.sin(np.arange(30))) + "\n")
    found = json.loads(printed(capsys, run, "--files", str(file), "--horizon=2", *FEW, "--json"))
    assert found["origin"] == 30 and found["sequence"] == "mine.csv"


def test_a_file_is_forecast_where_the_data_set_is_gone(run, capsys, tmp_path, monkeypatch):
    def gone(config):
        raise DataError("It is gone.")

    monkeypatch.setattr("dmm_core.cli.forecast.load_dataset", gone)
    file = tmp_path / "mine.csv"
    file.write_text("level\n" + "\n".join(f"{x:.3f}" for x in np.sin(np.arange(30))) + "\n")
    assert main(["forecast", run, "--files", str(file), "--horizon=2", *FEW, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["widened"] is None
    assert "not calibrated: the data set of the model cannot be loaded." in captured.err


def test_a_horizon_beyond_the_valid_split_is_forecast_and_said(run, capsys):
    assert main(["forecast", run, "--horizon=14", *FEW, "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["widened"] is None
    assert "not calibrated: the valid split is too short for this horizon." in captured.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sequence=501"], "--sequence is 501, but there are 500 sequences."),
        (["--backtest", "--files", "README.md"], "so it takes no --files"),
        (["--out=forecast.txt"], "is written to a .csv file"),
        (["--backtest", "--horizon=26"], "No sequence has 26 held-out frames"),
        (["--quantiles", "2"], "levels from 0 to 1"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_a_sentence(run, capsys, options, words):
    said = printed(capsys, run, *options, *FEW, status=1)
    assert words in said and said.count("\n") == 1
