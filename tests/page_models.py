"""Runs for the tests of pages: trained for no time at all, on music of twelve frames."""

import numpy as np
from streamlit.testing.v1 import AppTest

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig
from dmm_core.data.registry import DATASETS
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import UploadOptions, UploadReport, store_upload
from dmm_core.data.voices import VOICES_NAME
from dmm_core.runs.status import RunProgress, Status, this_owner
from dmm_core.runs.store import create_run
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import Checkpoint, save_checkpoint

SMALL = {"emission_hidden": 5, "transition_hidden": 6, "rnn_size": 7}


def page(file, /, **address):
    at = AppTest.from_file("../app.py", default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    if file != "app.py":
        at.switch_page(file)
    at.run()
    assert not at.exception
    return at


def scales(count=6, title="Scales"):
    """An upload of `count` little scales."""
    rolls = []
    for i in range(count):
        roll = np.zeros((12, 88), np.uint8)
        roll[np.arange(12), 39 + i + np.arange(12) // 2] = 1
        rolls.append(roll)
    sequences = Sequences(tuple(rolls), tuple(f"scale {i}.mid" for i in range(count)))
    return store_upload(UploadReport(sequences, ()), title=title, options=UploadOptions())


def music_run(name="mine", z_dim=3):
    """A finished run on uploaded music."""
    data = DataConfig(name=f"upload:{scales()}")
    config = RunConfig(data=data, model=ModelConfig(z_dim=z_dim, **SMALL))
    return finished(config, DataSpec("binary", 88, data.name, 2), name)


def voices_run():
    """A finished run on chorales in four voices."""
    data = DATASETS[VOICES_NAME].spec
    sizes = {"z_dim": 2, "nade_hidden": 8, "emission": "categorical", "intervals": True}
    model = ModelConfig(**sizes, x_to_x=True, **SMALL)
    return finished(RunConfig(data=DataConfig(name=VOICES_NAME), model=model), data)


def real_run(z_dim=2):
    """A finished run on sequences that are no music."""
    data = DataConfig(name="linear-gssm")
    config = RunConfig(data=data, model=ModelConfig(z_dim=z_dim, emission="gaussian", **SMALL))
    return finished(config, DataSpec("real", 1, data.name))


def finished(config, facts, name=None):
    run = create_run(config, name=name)
    model = build_model(config.model, facts, seed=1)
    scalars = {"epoch": 1, "update": 1, "data": facts.to_json()}
    save_checkpoint(run.checkpoints, Checkpoint({"model": dict(model.state_dict())}, scalars))
    write_status(run, Status(state="finished"))
    return run


def running_run(name="at work"):
    run = create_run(RunConfig(), name=name)
    progress = RunProgress(epoch=3, update=30, fraction=0.25, seconds_left=42.0)
    write_status(run, Status(state="running", owner=this_owner(), progress=progress))
    return run


def write_status(run, status):
    (run.folder / "status.json").write_text(status.model_dump_json())


def shown(at):
    """Everything a person reads on the page."""
    kinds = (at.markdown, at.caption, at.subheader, at.title, at.info, at.error)
    return " ".join(element.value for kind in kinds for element in kind)
