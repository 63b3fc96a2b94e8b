"""A run or bundled model measured on a split of its own data."""

import math
from typing import Any, Literal

from dmm_core.data.registry import load_dataset
from dmm_core.device import choose_device
from dmm_core.evaluation import evaluate
from dmm_core.runs.bundled import BundledModel, load_model
from dmm_core.runs.run import Run
from dmm_core.smc import smc_nll

__all__ = ["ISLANDS", "Estimator", "measure"]

Estimator = Literal["is", "smc"]
"""Of -log p(x): importance sampling, or particle filters for long sequences."""

ISLANDS = 10
"""Independent particle filters that the samples of an SMC estimate are shared among."""


def measure(
    source: Run | BundledModel,
    *,
    split: str,
    samples: int,
    seed: int,
    estimator: Estimator = "is",
) -> dict[str, Any]:
    """Evaluate the best weights on a split; what is found of a run is kept in its folder.

    Args:
        source: what to evaluate.
        split: train, valid or test.
        samples: paths, or particles, drawn for each sequence.
        seed: decides all draws.
        estimator: of `importance_nll` and its `standard_error`.

    Returns:
        The fields of `Evaluation`, and how they were obtained.

    Raises:
        DMMError: if the weights or the data cannot be had.
    """
    best_epoch = source.status().progress.best_epoch if isinstance(source, Run) else None
    model = load_model(source).to(choose_device("auto"))
    sequences = load_dataset(source.config().data)[split]
    found = evaluate(model, sequences, samples=samples, seed=seed)
    if estimator == "smc":
        particles = max(2, samples // ISLANDS)
        filtered = smc_nll(model, sequences, particles=particles, islands=ISLANDS, seed=seed)
        found = found._replace(
            importance_nll=float(filtered.value), standard_error=math.sqrt(filtered.variance)
        )
    how = {"estimator": estimator, "seed": seed}
    result = {"run": source.id, "split": split, **found._asdict(), **how}
    if isinstance(source, Run):
        source.add_evaluation({**result, "best_epoch": best_epoch})
    return result
