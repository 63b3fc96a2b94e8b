"""A run or bundled model measured on a split of its own data."""

from typing import Any, Literal

from dmm_core.data.registry import load_dataset
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.smc import smc_nll
from dmm_core.runs.bundled import BundledModel, load_model
from dmm_core.runs.run import Run
from dmm_core.system.device import choose_device

__all__ = ["Estimator", "evaluate_run"]

Estimator = Literal["is", "smc"]
"""Whose estimate `importance_nll` holds: importance sampling's, or the particle filter's."""


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
    """Evaluate the best weights on a split; what is found of a run is kept in its folder.

    Args:
        source: what to evaluate.
        split: train, valid or test.
        samples: paths drawn for each sequence and importance estimate.
        seed: decides all draws.
        particles: of each particle filter.
        replicates: independent estimates of either kind.
        estimator: smc puts the filter's estimate and its error into `importance_nll` and
            `standard_error` too, as earlier versions did.

    Returns:
        The fields of `Evaluation`; `smc_nll`, `smc_standard_error`, `smc_spread` and `particles`,
        the particle filter's; and how they were obtained.

    Raises:
        DMMError: if the weights or the data cannot be had.
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
