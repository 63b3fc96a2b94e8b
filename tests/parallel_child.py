"""One of several processes that train the tests' small model together; started by `torchrun`."""

import sys
from pathlib import Path

import torch
from test_training import MODEL, splits

from dmm_core.config.schema import TrainConfig
from dmm_core.system.processes import process_group
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import save_checkpoint
from dmm_core.training.loop import Training

folder = Path(sys.argv[1])
torch.set_num_threads(1)
with process_group() as world:
    for number, settings in enumerate(sys.argv[2:]):
        data = splits()
        model = build_model(MODEL, data.spec, seed=0)
        training = Training(model, data, TrainConfig.model_validate_json(settings), world)
        for _ in training.events():
            pass
        if world.rank == 0:
            save_checkpoint(folder / str(number), training.state())
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not any("gloo" in name for name in names), names
