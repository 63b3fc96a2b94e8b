"""The commands `evaluate` and `infer`, which apply a trained model to data."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np

from dmm_core import inference, runs
from dmm_core.cli.arguments import Commands, add_command, add_count, add_json, add_run, add_seed
from dmm_core.cli.input_files import read_own_files
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

__all__ = ["add_commands", "evaluate", "infer"]

_SPLITS = ("train", "valid", "test")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "evaluate",
        evaluate,
        "Measure how well a model explains a split of its data set.",
        "The command prints the negative ELBO (bound) and two estimates of the negative "
        "log-likelihood, by importance sampling and by a particle filter, in nats per frame.",
    )
    add_run(parser, bundled=True)
    parser.add_argument(
        "--split", default="test", choices=_SPLITS, help="the split to evaluate (default: test)"
    )
    add_count(parser, "--samples", 500, "importance sampling: latent paths drawn for each sequence")
    add_count(parser, "--particles", 200, "particle filter: particles for each sequence")
    add_count(
        parser,
        "--replicates",
        4,
        "number of independent repetitions of both estimates, from which the standard errors are "
        "computed",
        low=2,
    )
    parser.add_argument(
        "--estimator",
        default="is",
        choices=("is", "smc"),
        help="the estimate that the JSON output reports as importance_nll: importance sampling "
        "(is) or the particle filter (smc); smc_nll always comes from the particle filter "
        "(default: is)",
    )
    add_seed(parser)
    add_json(parser)

    parser = add_command(
        commands,
        "infer",
        infer,
        "Compute the posterior of the latent states and write it to an npz file.",
        "The arrays loc and scale hold the mean and the standard deviation of z for each frame, kl "
        "and nll the two terms of the bound. The sequences are concatenated in time; the array "
        "lengths separates them.",
    )
    add_run(parser, bundled=True)
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        type=Path,
        help="your own files, whose posterior is computed instead of that of a split",
    )
    parser.add_argument(
        "--split",
        default="test",
        choices=_SPLITS,
        help="the split whose posterior is computed if no file is given (default: test)",
    )
    add_count(parser, "--draws", 100, "latent paths that are averaged for each sequence")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE.npz", help="the file to write"
    )
    add_seed(parser)
    add_json(parser)


def evaluate(given: argparse.Namespace) -> None:
    """Print the bounds and both estimates of -log p(x).

    The result for a run is also saved in its folder.

    Raises:
        DMMError: if the run or its data cannot be loaded.
    """
    result = runs.evaluate_run(
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
        "{run} on {split}: {sequences} sequences, {frames} frames; all values in nats per frame\n"
        "importance NLL       {importance_nll:8.4f} +- {standard_error:.4f} "
        "({replicates} replicates of {samples} paths; effective sample size: median "
        "{ess[median]:.1f}, minimum {ess[least]:.1f})\n"
        "particle-filter NLL  {smc_nll:8.4f} +- {smc_standard_error:.4f} "
        "({replicates} replicates of {particles} particles)\n"
        "bound per step       {bound_per_step:8.4f} = nll {nll:.4f} + kl {kl:.4f}\n"
        "bound per sequence   {bound_per_sequence:8.4f}\n"
        "Both NLLs are upper bounds in expectation. +- is the standard error over the replicates, "
        "which does not include this bias.".format(**result)
    )
    if warning := inference.few_paths(
        inference.EffectiveSamples(**result["ess"]), result["samples"]
    ):
        print(f"Warning: {warning}")


def infer(given: argparse.Namespace) -> None:
    """Write the posterior's mean and scale, and the terms of the bound, of every frame.

    Raises:
        DataError: if the name of the file does not end in .npz, or a file does not fit the model.
    """
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
    model = runs.load_model(source)
    none = [None] * len(sequences)
    moments = [
        inference.posterior_moments(
            model, x, seed=given.seed, draws=given.draws, u=u, observed=observed
        )
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
