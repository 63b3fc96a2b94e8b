"""Evaluates a run or a bundled model on a split of its own data."""

from typing import Any, Literal

from dmm_core.data.registry import load_dataset
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.smc import smc_nll
from dmm_core.runs.bundled import BundledModel, load_model
from dmm_core.runs.run import Run
from dmm_core.system.device import choose_device

__all__ = ["Estimator", "evaluate_run"]

Estimator = Literal["is", "smc"]
"""Which estimate `importance_nll` holds: `is` (importance sampling) or `smc` (particle filter)."""


def evaluate_run(
    source: Run | BundledModel,
    *,
    split: str,
    samples: int,
    seed: int,
    particles: int = 200,
    replicates: int = 4,
    estimator: Estimator = "is",
) -> dict[str, Any]:
    """Evaluate the best weights on a split. The result for a run is also saved in its folder.

    Args:
        source: the run or bundled model to evaluate.
        split: train, valid or test.
        samples: paths drawn for each sequence and importance estimate.
        seed: seed of all random draws.
        particles: number of particles of each particle filter.
        replicates: number of independent estimates of each kind.
        estimator: smc also puts the particle filter's estimate and its standard error into
            `importance_nll` and `standard_error`, as in earlier versions.

    Returns:
        The fields of `Evaluation`; the particle filter's `smc_nll`, `smc_standard_error`,
        `smc_spread` and `particles`; and the arguments.

    Raises:
        DMMError: if the weights or the data cannot be loaded.
    """
    best_epoch = source.status().progress.best_epoch if isinstance(source, Run) else None
    model = load_model(source).to(choose_device("auto"))
    sequences = load_dataset(source.config().data)[split]
    found = evaluate(model, sequences, samples=samples, replicates=replicates, seed=seed)
    smc = smc_nll(model, sequences, particles=particles, replicates=replicates, seed=seed)
    filtered = {
        "smc_nll": smc.nll,
        "smc_standard_error": smc.standard_error,
        "smc_spread": smc.spread,
        "particles": particles,
    }
    if estimator == "smc":
        found = found._replace(
            importance_nll=smc.nll, standard_error=smc.standard_error, replicate_spread=smc.spread
        )
    result = {"run": source.id, "split": split, **found._asdict(), "ess": found.ess._asdict()}
    result |= {**filtered, "estimator": estimator, "seed": seed}
    if isinstance(source, Run):
        source.add_evaluation({**result, "best_epoch": best_epoch})
    return result
