"""Runs that an earlier version stored are read, and resume exactly, as if nothing had changed."""

import json

import numpy as np
import pytest

from dmm_core.config.schema import ModelConfig, RunConfig, TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.runs import worker
from dmm_core.runs.store import create_run, find_run
from dmm_core.runs.worker import execute
from dmm_core.training.events import EpochEnd

ADDED = {
    "model": {"standardise", "emission_dropout", "intervals", "variance_start"},
    "train": {"transpose"},
}
"""Settings that an earlier version did not have."""


@pytest.fixture
def series(monkeypatch, dmm_home):
    rng = np.random.default_rng(0)
    x = tuple(50 + 9 * rng.standard_normal((8, 12, 2)).astype(np.float32))
    data = Sequences(x, tuple(f"series {i}" for i in range(8)))
    monkeypatch.setattr(
        worker, "load_dataset", lambda *_: Splits("linear-gssm", "real", data, data, data)
    )


def config(standardise):
    model = ModelConfig(
        z_dim=2, emission="gaussian", emission_hidden=6, transition_hidden=6, rnn_size=8,
        standardise=standardise,
    )  # fmt: skip
    train = TrainConfig(epochs=6, batch_size=4, lr=0.01, anneal_updates=4, device="cpu", threads=1)
    return RunConfig.model_validate(
        {"data": {"name": "linear-gssm"}, "model": model, "train": train}
    )


def lines(run):
    return [{k: v for k, v in line.items() if k != "seconds"} for line in run.metrics()]


def test_a_run_of_an_earlier_version_resumes_exactly(series):
    undisturbed, run = create_run(config(False)), create_run(config(False))
    assert execute(undisturbed) == "finished"

    def stop(event):
        if isinstance(event, EpochEnd) and event.epoch == 3:
            run.request_stop()

    assert execute(run, on_event=stop) == "cancelled" and len(run.metrics()) == 3
    # What the earlier version would have left: no setting that was added since, no health.json.
    path = run.folder / "config.json"
    record = json.loads(path.read_text())
    for section, names in ADDED.items():
        for name in names:
            del record["config"][section][name]
    path.write_text(json.dumps(record))
    (run.folder / "health.json").unlink()
    found = find_run(run.id)
    assert found.config() == config(False) and found.references() == {}
    assert found.verdict().text.startswith("The best valid bound is")
    assert execute(found) == "finished"
    assert lines(found) == lines(undisturbed)
    for name, weights in undisturbed.weights().items():
        assert np.array_equal(found.weights()[name].numpy(), weights.numpy()), name


def test_every_added_setting_leaves_an_earlier_model_as_it_was(series):
    fields = {"model": ModelConfig.model_fields, "train": TrainConfig.model_fields}
    for section, names in ADDED.items():
        assert names <= set(fields[section])
    # A new run standardises: the metrics differ, so the test above can fail.
    old, new = create_run(config(False)), create_run(config(True))
    assert execute(old) == execute(new) == "finished"
    assert lines(old)[-1]["train_bound"] > lines(new)[-1]["train_bound"] + 1
