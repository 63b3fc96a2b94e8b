"""Runs in every state, and pages to look at them, for the tests of Train and Runs."""

import json

import streamlit as st
from fake_training import CONFIG, tiny_splits
from streamlit.testing.v1 import AppTest

from dmm_core.runs import worker
from dmm_core.runs.lock import acquire
from dmm_core.runs.rendering import compose_midi
from dmm_core.runs.status import RunProgress, Status
from dmm_core.runs.store import create_run


def open_page(name, **address):
    """The page of the file pages/`name`, with `address` as its parameters."""
    at = AppTest.from_file("../app.py", default_timeout=60)
    for parameter, value in address.items():
        at.query_params[parameter] = value
    at.switch_page(f"pages/{name}").run()
    assert not at.exception
    return at


def fresh_caches():
    st.cache_data.clear()
    st.cache_resource.clear()


def config_on(data, **train):
    config = CONFIG.model_copy(update={"data": CONFIG.data.model_copy(update={"name": data})})
    return config.model_copy(update={"train": CONFIG.train.model_copy(update=train)})


def run_in(state, config=CONFIG, name="A run", reason="", epochs=0):
    """A run of which this process is the owner, with as many epochs of metrics."""
    run = create_run(config, name=name)
    write_metrics(run, epochs)
    progress = RunProgress(epoch=epochs, update=4 * epochs, fraction=0.5, seconds_left=42.0)
    if epochs > 1:
        progress = progress.model_copy(update={"best_valid_bound": 21 / epochs, "best_epoch": 2})
    with acquire(run.folder) as lock:
        lock.take(Status(state=state, reason=reason, progress=progress))
    return run


def write_metrics(run, epochs):
    lines = [
        {
            "epoch": epoch,
            "update": 4 * epoch,
            "train_bound": 20.0 / epoch,
            "train_nll": 18.0 / epoch,
            "train_kl": 2.0 / epoch,
            "kl_weight": 1.0,
            "seconds": 0.5,
            "valid_bound": 21.0 / epoch if epoch % 2 == 0 else None,
        }
        for epoch in range(1, epochs + 1)
    ]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def trained(monkeypatch, config=CONFIG, name="Trained"):
    """A run that has really been trained, on tiny data."""
    monkeypatch.setattr(worker, "load_dataset", tiny_splits)
    run = create_run(config, name=name)
    assert worker.execute(run, compose_sample=compose_midi) == "finished"
    return run


def texts(at):
    kinds = (at.markdown, at.caption, at.subheader, at.info)
    return " ".join(element.value for kind in kinds for element in kind)
