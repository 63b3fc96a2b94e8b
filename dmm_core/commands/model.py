"""The commands that look through a model: `evaluate` and `infer`."""

import argparse
import io
import json
import math
from typing import Any

import numpy as np

from dmm_core import evaluation
from dmm_core.commands.files import read_midi_files
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences
from dmm_core.device import choose_device
from dmm_core.errors import DataError
from dmm_core.files import write_atomic
from dmm_core.latent import posterior_moments
from dmm_core.model import DMM
from dmm_core.runs.bundled import load_model
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run
from dmm_core.smc import smc_nll

__all__ = ["evaluate", "infer"]

_ISLANDS = 10
"""Independent particle filters that the samples of an SMC estimate are shared among."""


def evaluate(given: argparse.Namespace) -> None:
    """Print the three averages and the importance estimate; a run's are kept in its folder."""
    source = find_run(given.run, allow_path=True)
    sequences = load_dataset(source.config().data)[given.split]
    model = load_model(source).to(choose_device("auto"))
    found = evaluation.evaluate(model, sequences, samples=given.samples, seed=given.seed)
    if given.estimator == "smc":
        found = _with_smc(found, model, sequences, given)
    result: dict[str, Any] = {
        "run": source.id,
        "split": given.split,
        **found._asdict(),
        "estimator": given.estimator,
        "seed": given.seed,
    }
    if isinstance(source, Run):
        source.add_evaluation(result)
    if given.json:
        print(json.dumps(result))
        return
    print(
        f"{source.id} on {given.split}: {found.sequences} sequences, {found.frames} frames; "
        f"nats a frame\n"
        f"importance NLL      {found.importance_nll:8.4f} +- {found.standard_error:.4f} "
        f"({found.samples} samples, {given.estimator})\n"
        f"bound per step      {found.bound_per_step:8.4f} = "
        f"nll {found.nll:.4f} + kl {found.kl:.4f}\n"
        f"bound per sequence  {found.bound_per_sequence:8.4f}"
    )


def _with_smc(
    found: evaluation.Evaluation, model: DMM, sequences: Sequences, given: argparse.Namespace
) -> evaluation.Evaluation:
    estimate = smc_nll(
        model,
        sequences,
        particles=max(2, given.samples // _ISLANDS),
        islands=_ISLANDS,
        seed=given.seed,
    )
    return found._replace(
        importance_nll=float(estimate.value), standard_error=math.sqrt(estimate.variance)
    )


def infer(given: argparse.Namespace) -> None:
    """Write the posterior's mean, scale, kl and nll per frame, sequences end to end."""
    if given.out.suffix != ".npz":
        raise DataError(f"--out is {given.out}, but the posterior is written to a .npz file.")
    source = find_run(given.run, allow_path=True)
    sequences = (
        read_midi_files(given.files, source.data())
        if given.files
        else load_dataset(source.config().data)[given.split]
    )
    arrays = _posterior(source, sequences, given)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_atomic(given.out, packed.getvalue())
    said = {
        "run": source.id,
        "out": str(given.out),
        "sequences": len(sequences),
        "frames": sequences.frames,
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
    }
    print(json.dumps(said) if given.json else f"{given.out}: {sequences.frames} frames")


def _posterior(source: Any, sequences: Sequences, given: argparse.Namespace) -> dict[str, Any]:
    model = load_model(source)
    moments = [posterior_moments(model, x, seed=given.seed, draws=given.draws) for x in sequences]
    return {
        "loc": np.concatenate([m.loc for m in moments]),
        "scale": np.concatenate([m.scale for m in moments]),
        "kl": np.concatenate([m.kl.sum(1) for m in moments]),
        "nll": np.concatenate([m.nll for m in moments]),
        "lengths": sequences.lengths,
        "names": np.array(sequences.names),
    }
