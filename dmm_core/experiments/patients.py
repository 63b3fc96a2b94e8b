"""The effect of drugs, learned from simulated records (the paper's section 6.6 and figure 5).

From the records of the test patients up to `FRAME`, the model continues every patient twice with
the same random numbers: once with the drugs of that frame, and once without drugs. The simulator
does the same from the true states.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig, TrainConfig
from dmm_core.data.medical import FEATURES, load_medical, simulate_patients
from dmm_core.data.sequences import Sequences
from dmm_core.data.treatment import drug_effect
from dmm_core.experiments.figures import curves
from dmm_core.experiments.report import Comparison, Row, Show
from dmm_core.experiments.trainings import measured, train_run
from dmm_core.inference.sampling import continuation
from dmm_core.runs.bundled import load_model
from dmm_core.runs.run import Run

__all__ = ["FRAME", "QUARTERS", "medical", "medical_config", "model_effect", "true_effect"]

FRAME = 9
"""The last frame of a patient that the model sees, counted from 0."""

QUARTERS = 8
"""Number of quarters after that frame for which the effect is computed."""

_HIGH = FEATURES.index("A1c high")
_DRAWS = 20
_SAMPLES = 100
_PARTS = {
    "linear transition and emission": {"transition": "linear", "emission_layers": 0},
    "linear transition": {"transition": "linear"},
    "linear emission": {"emission_layers": 0},
}


class _Cohort(NamedTuple):
    """Differences (QUARTERS,) in the share with a high A1c: drugs stopped minus kept."""

    found: np.ndarray
    truth: np.ndarray


def medical(*, quick: bool, show: Show) -> Comparison:
    """Estimate the effect of stopping all drugs, and the benefit of the nonlinear parts.

    Several cohorts are drawn, and a model is trained on each. The 95 % interval is that of a single
    training. It is computed from the standard deviation of the errors over the cohorts.
    """
    cohorts: list[_Cohort] = []
    rows = []
    for seed in range(3 if quick else 5):
        name = _name(f"cohort {seed}", quick)
        run = train_run(medical_config(seed, quick=quick), name=name, show=show)
        show(f"{run.label()}: following the test patients under do(u)")
        cohorts.append(_Cohort(model_effect(run), true_effect(seed)))
        if seed == 0:
            rows.append(_bound_row("nonlinear transition and emission", run, show))
    for title, parts in _PARTS.items():
        run = train_run(
            medical_config(0, quick=quick, **parts), name=_name(title, quick), show=show
        )
        rows.append(_bound_row(title, run, show))
    errors = np.stack([cohort.found - cohort.truth for cohort in cohorts])
    scatter = errors.std(0, ddof=1) * np.sqrt(1 + 1 / len(errors))
    half = scatter * student.ppf(0.975, len(errors) - 1)
    found, truth = (np.mean([c[i] for c in cohorts], axis=0) for i in (0, 1))
    for quarter in range(QUARTERS):
        values = {"effect": found[quarter], "interval": half[quarter]}
        known = {"effect": truth[quarter]}
        rows.append(Row(f"A1c high, quarter {quarter + 1} after", _plain(values), _plain(known)))
    inside = np.abs(errors.mean(0)) <= half
    bounds = {row.title: row.found["bound"] for row in rows if "bound" in row.found}
    nonlinear = min(bounds, key=lambda title: bounds[title]) == "nonlinear transition and emission"
    last = QUARTERS - 1
    sentence = (
        f"After {QUARTERS} quarters without drugs {100 * found[last]:.1f} +- {100 * half[last]:.1f}"
        f" points more patients have a high A1c, and in truth {100 * truth[last]:.1f}; the truth "
        f"lies within the interval in {inside.sum()} of {QUARTERS} quarters, and the model with "
        f"nonlinear parts has {'the' if nonlinear else 'not the'} lowest bound."
    )
    figure = curves(
        {"model": found.tolist()}, exact={"truth": truth.tolist()}, x="quarters", y="difference"
    )
    reached = bool(inside.all()) and nonlinear
    return Comparison("medical", "medical", quick, tuple(rows), sentence, reached, figure)


def medical_config(seed: int, *, quick: bool, **model: Any) -> RunConfig:
    """The configuration of the model of one cohort.

    Args:
        seed: seed of the cohort.
        quick: whether to train for fewer epochs.
        model: settings that replace those of the nonlinear model.
    """
    settings = {
        "z_dim": 6,
        "emission_hidden": 32,
        "emission_layers": 1,
        "transition_hidden": 48,
        "rnn_size": 64,
        "rnn_dropout": 0.0,
        "learn_initial": True,
        **model,
    }
    return RunConfig(
        data=DataConfig(name="medical", seed=seed),
        model=ModelConfig.model_validate(settings),
        train=TrainConfig(
            epochs=15 if quick else 60,
            eval_every=5,
            batch_size=50,
            lr=3e-3,
            lr_decay="cosine",
            anneal_updates=800,
            weight_average=0.99,
            threads=1,
        ),
    )


def true_effect(seed: int) -> np.ndarray:
    """(QUARTERS,) true effect: share of patients with a high A1c without drugs minus with drugs."""
    patients = simulate_patients(seed)["test"]
    keep = _kept(patients.u)
    effect = drug_effect(patients.z[:, FRAME], factual=keep, counterfactual=0 * keep)
    return effect.difference.loc[:, _HIGH]


def model_effect(run: Run) -> np.ndarray:
    """(QUARTERS,) effect that the model of a run estimates on the test patients of its cohort."""
    model = load_model(run)
    sequences = load_medical(run.config().data.seed).test
    kept, stopped = (_course(model, sequences, stop) for stop in (False, True))
    return stopped - kept


def _course(model: Any, sequences: Sequences, stop: bool) -> np.ndarray:
    assert sequences.u is not None and sequences.observed is not None
    start, shares = FRAME + 1, []
    for i, (x, u, observed) in enumerate(
        zip(sequences.x, sequences.u, sequences.observed, strict=True)
    ):
        after = np.repeat(u[FRAME : FRAME + 1] * (not stop), QUARTERS + 1, axis=0)
        drawn = continuation(
            model,
            x[:start],
            count=_DRAWS,
            frames=QUARTERS,
            seed=i,  # the same for both treatments: common random numbers
            u=np.concatenate([u[:FRAME], after]),
            observed=observed[:start],
        )
        shares.append(drawn.mean[..., _HIGH].mean(0).cpu().numpy())
    return np.mean(shares, axis=0)


def _kept(u: np.ndarray) -> np.ndarray:
    return np.repeat(u[:, FRAME : FRAME + 1], QUARTERS, axis=1)


def _bound_row(title: str, run: Run, show: Show) -> Row:
    bound = measured(run, samples=_SAMPLES, show=show)["bound_per_step"]
    return Row(title, {"bound": bound}, {}, run.id)


def _name(title: str, quick: bool) -> str:
    return f"{title} (medical{', quick' if quick else ''})"


def _plain(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
