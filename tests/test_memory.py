"""How much memory is free, with a container's limit made of files; what an update needs of it."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from psutil import virtual_memory

from dmm_core.config.schema import ModelConfig, TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import ConfigError
from dmm_core.inference.evaluation import evaluate
from dmm_core.nn.cost import update_cost
from dmm_core.system import memory
from dmm_core.training.building import build_model
from dmm_core.training.loop import Training

GIB = 2**30


def container(monkeypatch, folder, *, own, files):
    """A control group whose files are in `folder`; `own` is the content of /proc/self/cgroup."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (folder / "self").write_text(own)
    monkeypatch.setattr(memory, "_OWN", folder / "self")
    monkeypatch.setattr(memory, "_V2", folder / "v2")
    monkeypatch.setattr(memory, "_V1", folder / "v1")


def test_without_a_limit_the_machine_decides(monkeypatch, tmp_path):
    container(monkeypatch, tmp_path, own="0::/\n", files={"v2/memory.max": "max\n"})
    assert memory.free_memory() == pytest.approx(virtual_memory().available, rel=0.2)
    monkeypatch.setattr(memory, "_OWN", tmp_path / "missing")
    assert memory.free_memory() == pytest.approx(virtual_memory().available, rel=0.2)


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path):
    files = {
        "v2/memory.max": f"{GIB // 2}\n",
        "v2/memory.current": f"{GIB // 4}\n",
        "v2/memory.stat": f"anon 5\ninactive_file {GIB // 16}\n",
    }
    container(monkeypatch, tmp_path, own="0::/../../somewhere/else\n", files=files)
    assert memory.free_memory() == GIB // 4 + GIB // 16


def test_a_limit_above_the_own_group_counts(monkeypatch, tmp_path):
    files = {
        "v2/a/memory.max": f"{GIB // 4}\n",
        "v2/a/memory.current": "0\n",
        "v2/a/memory.stat": "inactive_file 0\n",
        "v2/a/b/memory.max": "max\n",
    }
    container(monkeypatch, tmp_path, own="0::/a/b\n", files=files)
    assert memory.free_memory() == GIB // 4


def test_the_first_version_of_control_groups_is_read_too(monkeypatch, tmp_path):
    files = {
        "v1/c/memory.limit_in_bytes": f"{GIB // 4}\n",
        "v1/c/memory.usage_in_bytes": f"{GIB // 2}\n",
        "v1/c/memory.stat": f"total_inactive_file {GIB // 3}\n",
    }
    own = "5:cpu,cpuacct:/c\n4:memory:/c\n0::/c\n"
    container(monkeypatch, tmp_path, own=own, files=files)
    assert memory.free_memory() == GIB // 4 - GIB // 2 + GIB // 3


def cost(samples=1, **model):
    with torch.device("meta"):
        built = build_model(ModelConfig(**model), DataSpec("binary", 88), seed=0)
    return update_cost(built, rows=20, steps=60, samples=samples)


def test_samples_multiply_all_but_the_rnn():
    one, two, three = (cost(samples=s) for s in (1, 2, 3))
    assert two.memory - one.memory == pytest.approx(three.memory - two.memory)
    assert two.operations - one.operations == three.operations - two.operations
    assert 0 < two.operations - one.operations < one.operations


@pytest.mark.parametrize(
    "larger",
    [
        {"emission": "nade"},
        {"flows": 4},
        {"rnn_layers": 2},
        {"inference": "ST-LR"},
        {"emission_layers": 4},
    ],
)
def test_every_part_of_a_model_counts(larger):
    assert cost(**larger).operations > cost().operations
    assert cost(**larger).memory > cost().memory


def test_a_valid_sequence_too_long_for_memory_is_refused_before_training(monkeypatch):
    model = build_model(ModelConfig(rnn_size=600), DataSpec("binary", 4), seed=0)
    short, long = (Sequences((np.zeros((t, 4), np.uint8),), ("x",)) for t in (10, 300_000))
    free = update_cost(model, rows=1, steps=10).memory + 2 * 10**9
    monkeypatch.setattr("dmm_core.system.device.free_memory", lambda: free)
    fits = Splits("x", "binary", train=short, valid=short, test=short)
    Training(model, fits, TrainConfig(device="cpu"))
    with pytest.raises(ConfigError, match="The training needs about"):
        Training(model, dataclasses.replace(fits, valid=long), TrainConfig(device="cpu"))
    with pytest.raises(ConfigError, match=r"The evaluation needs about .* Shorter sequences"):
        evaluate(model, long, samples=1, replicates=2, seed=0)


def test_double_precision_takes_twice_the_memory():
    model = build_model(ModelConfig(rnn_size=8), DataSpec("binary", 4), seed=0)
    single = update_cost(model, rows=2, steps=3)
    double = update_cost(model.double(), rows=2, steps=3)
    noted = 3 * 6_000  # of three time steps, whatever the precision
    assert double.memory - noted == 2 * (single.memory - noted)
    assert double.operations == single.operations


def test_nade_keeps_its_hidden_units_for_every_feature():
    more = cost(emission="nade", samples=11).memory - cost(emission="nade", samples=1).memory
    assert more > 10 * 20 * 60 * 88 * 100 * 4


def test_long_sequences_cost_memory_however_small_the_model_is():
    with torch.device("meta"):
        tiny = {"z_dim": 1, "emission_hidden": 1, "transition_hidden": 1, "rnn_size": 1}
        plain, flowing = (
            build_model(ModelConfig(**tiny, flows=n), DataSpec("binary", 4), seed=0) for n in (0, 2)
        )
    assert update_cost(plain, rows=1, steps=10**6).memory > 5e9  # 5.6 GB, from 60,000
    assert update_cost(flowing, rows=1, steps=10**6).memory > 60e9  # 65 GB, from 20,000


PEAK = """
import sys
import numpy as np
from dmm_core.training.building import build_model
from dmm_core.config.schema import ModelConfig, TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.training.loop import fit
x = tuple(np.zeros((60, 88), np.uint8) for _ in range(20))
data = Sequences(x, ("",) * 20)
model = build_model(ModelConfig(), DataSpec("binary", 88), seed=0)
config = TrainConfig(samples=int(sys.argv[1]), epochs=2, eval_every=2, threads=1, device="cpu")
list(fit(model, Splits("zeros", "binary", train=data, valid=data.subset(np.arange(1)),
                       test=data), config))
# getrusage would count the process that started this one too.
status = open("/proc/self/status").read()
print(1024 * int(status.partition("VmHWM:")[2].split()[0]))
"""


def measured_peak(samples):
    command = [sys.executable, "-c", PEAK, str(samples)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak has another unit")
def test_the_memory_of_an_update_is_about_what_it_takes():
    """The peak of a child process, less that of a small update, within a factor of two."""
    small, large = (measured_peak(samples) for samples in (1, 40))
    expected = cost(samples=40).memory - cost(samples=1).memory
    assert 0.5 < expected / (large - small) < 2
