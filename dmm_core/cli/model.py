"""The commands that look through a model: `evaluate` and `infer`."""

import argparse
import io
from typing import Any

import numpy as np

from dmm_core.cli.input_files import read_own_files
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.evaluation import EffectiveSamples, few_paths
from dmm_core.inference.latent import posterior_moments
from dmm_core.runs.bundled import load_model
from dmm_core.runs.evaluations import evaluate_run
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

__all__ = ["evaluate", "infer"]


def evaluate(given: argparse.Namespace) -> None:
    """Print the bounds and both estimates of -log p(x); a run's are kept in its folder."""
    result = evaluate_run(
        find_run(given.run, allow_path=True),
        split=given.split,
        samples=given.samples,
        seed=given.seed,
        particles=given.particles,
        replicates=given.replicates,
        estimator=given.estimator,
    )
    if given.json:
        print(json_text(result))
        return
    print(
        "{run} on {split}: {sequences} sequences, {frames} frames; nats a frame\n"
        "importance NLL       {importance_nll:8.4f} +- {standard_error:.4f} "
        "({replicates} replicates of {samples} paths; effective sample size: median "
        "{ess[median]:.1f}, least {ess[least]:.1f})\n"
        "particle-filter NLL  {smc_nll:8.4f} +- {smc_standard_error:.4f} "
        "({replicates} replicates of {particles} particles)\n"
        "bound per step       {bound_per_step:8.4f} = nll {nll:.4f} + kl {kl:.4f}\n"
        "bound per sequence   {bound_per_sequence:8.4f}\n"
        "Both NLLs are upper bounds in expectation; +- is the standard error by the scatter of the "
        "replicates, without that bias.".format(**result)
    )
    if warning := few_paths(EffectiveSamples(**result["ess"]), result["samples"]):
        print(f"Warning: {warning}")


def infer(given: argparse.Namespace) -> None:
    """Write the posterior's mean, scale, kl and nll per frame, sequences end to end."""
    if given.out.suffix != ".npz":
        raise DataError(f"--out is {given.out}, but the posterior is written to a .npz file.")
    source = find_run(given.run, allow_path=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    changes: list[str] = []
    sequences = (
        read_own_files(given.files, source.data(), changes)
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
    if given.files:
        said["changes"] = changes
    print(json_text(said) if given.json else f"{given.out}: {sequences.frames} frames")


def _posterior(source: Any, sequences: Sequences, given: argparse.Namespace) -> dict[str, Any]:
    model = load_model(source)
    none = [None] * len(sequences)
    moments = [
        posterior_moments(model, x, seed=given.seed, draws=given.draws, u=u, observed=observed)
        for x, u, observed in zip(
            sequences, sequences.u or none, sequences.observed or none, strict=True
        )
    ]
    return {
        "loc": np.concatenate([m.loc for m in moments]),
        "scale": np.concatenate([m.scale for m in moments]),
        "kl": np.concatenate([m.kl.sum(1) for m in moments]),
        "nll": np.concatenate([m.nll for m in moments]),
        "lengths": sequences.lengths,
        "names": np.array(sequences.names),
    }
