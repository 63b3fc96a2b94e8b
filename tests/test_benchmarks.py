import subprocess
import sys
from pathlib import Path

import pyro.poutine
import pytest
import torch
from models import random_batch

from benchmarks import gpu
from benchmarks.pyro_dmm import PyroDMM
from benchmarks.report import Options, alternate, ratio
from dmm_core.config.schema import ModelConfig
from dmm_core.data.spec import DataSpec
from dmm_core.inference.objective import log_weights
from dmm_core.nn.combiner import LatentPath
from dmm_core.training.building import build_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("rnn", ["rnn-relu", "lstm"])
def test_pyros_model_is_ours(rnn):
    """The same weights give the same log-weight along the same path."""
    config = ModelConfig(
        z_dim=3, emission_hidden=5, transition_hidden=6, rnn=rnn, rnn_size=7, rnn_dropout=0.0
    )
    ours = build_model(config, DataSpec("binary", 4), seed=0).double()
    theirs = PyroDMM(config, 4, embedding=True).double()
    renamed = {
        "gate.": "transition.gate.",
        "proposal.": "transition.proposal.",
        "linear.": "transition.linear.",
        "spread.": "transition.variance.",
        "embedding.": "inference.summariser.embedding.",
        "rnn.": "inference.summariser.future.",
        "combine.": "inference.combiner.transition.",
        "loc.": "inference.combiner.loc.",
        "variance.": "inference.combiner.variance.",
    }
    nested = {"gate": ("0.0", "1"), "proposal": ("0.0", "1")}
    layers = {"emission.0": "emission.trunk.0", "emission.2": "emission.trunk.2"}
    layers |= {"emission.4": "emission.logits"}
    for part, (first, last) in nested.items():
        layers |= {f"{part}.0": f"transition.{part}.{first}"}
        layers |= {f"{part}.2": f"transition.{part}.{last}"}
    state = ours.state_dict()

    def source(name):
        layer, _, kind = name.rpartition(".")
        if layer in layers:
            return f"{layers[layer]}.{kind}"
        prefix = next(prefix for prefix in renamed if name.startswith(prefix))
        return renamed[prefix] + name.removeprefix(prefix)

    theirs.load_state_dict({name: state[source(name)] for name in theirs.state_dict()})
    batch = random_batch([5, 3, 6])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        guide = pyro.poutine.trace(theirs.guide).get_trace(batch, 1.0)
    model = pyro.poutine.trace(pyro.poutine.replay(theirs.model, guide)).get_trace(batch, 1.0)
    sites = [guide.nodes[f"z_{t}"] for t in range(6)]
    normals = [site["fn"].base_dist for site in sites]
    while hasattr(normals[0], "base_dist"):
        normals = [normal.base_dist for normal in normals]
    path = LatentPath(
        torch.stack([site["value"] for site in sites], 1),
        torch.stack([normal.loc for normal in normals], 1),
        torch.stack([normal.scale for normal in normals], 1),
    )
    found = (model.log_prob_sum() - guide.log_prob_sum()).item()
    assert found == pytest.approx(log_weights(ours, batch, path).sum().item(), rel=1e-9)


def test_the_gpus_section_needs_a_gpu_and_keeps_to_its_budget(monkeypatch):
    if not torch.cuda.is_available():
        command = [sys.executable, "-m", "benchmarks", "gpu"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr == "The section gpu needs a CUDA GPU, and this machine has none.\n"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("benchmarks.gpu._splits", lambda: None)
    found = list(gpu.rows(Options(1, 1, False, "wall", budget=0.0)))
    assert len(found) == 6
    assert all(row.value is None and "no time left" in row.how for row in found)


def test_actions_are_timed_in_turn():
    calls = []
    taken = alternate(lambda: calls.append("a"), lambda: calls.append("b"), repetitions=2)
    assert calls == ["a", "b"] * 3 and [len(times) for times in taken] == [2, 2]
    assert ratio([4.0, 9.0, 2.0], [2.0, 3.0, 2.0]) == 2.0
