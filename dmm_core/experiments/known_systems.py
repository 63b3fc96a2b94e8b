"""Figures 3, 4 and 8 of the paper: inference networks on systems with known parameters."""

from typing import Any

import numpy as np

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig, TrainConfig
from dmm_core.data.synthetic import simulate_splits
from dmm_core.data.systems import ALPHA, BETA, LinearGaussian, NonlinearGaussian
from dmm_core.exact.kalman import kalman_filter, kalman_smoother
from dmm_core.exact.ukf import unscented_smoother
from dmm_core.experiments.figures import curves
from dmm_core.experiments.report import Comparison, Row, Show
from dmm_core.experiments.trainings import measured, train_run
from dmm_core.inference.latent import posterior_moments
from dmm_core.runs.bundled import load_model
from dmm_core.runs.run import Run

__all__ = ["fig3", "fig4", "fig8"]

_SAMPLES = 100
_CLOSE_NATS = 0.02
_CLOSE_RMSE = 1.02
_CLOSE_PARAMETER = 0.05


def fig3(*, quick: bool, show: Show) -> Comparison:
    """Learn alpha and beta of `nonlinear-gssm` together with the inference network."""
    config = _config("nonlinear-gssm", epochs=5 if quick else 40, lr=1e-2)
    run = train_run(config, name=_name("fig3", "alpha and beta", quick), show=show)
    scalars = [line["scalars"] for line in run.metrics()]
    found = {n: [s[f"transition.step.{n}"] for s in scalars] for n in ("alpha", "beta")}
    truth = {"alpha": ALPHA, "beta": BETA}
    rows = tuple(
        Row(name, {"value": values[-1]}, {"value": truth[name]}, run.id)
        for name, values in found.items()
    )
    reached = all(abs(found[name][-1] - truth[name]) < _CLOSE_PARAMETER for name in truth)
    sentence = (
        f"The estimate of alpha is {found['alpha'][-1]:.3f} (true value {ALPHA}) and that of beta "
        f"is {found['beta'][-1]:.3f} (true value {BETA}); the goal is an error below "
        f"{_CLOSE_PARAMETER}."
    )
    figure = curves(
        found, exact={f"true {n}": v for n, v in truth.items()}, x="epoch", y="parameter"
    )
    return Comparison("fig3", "nonlinear-gssm", quick, rows, sentence, reached, figure)


def fig4(*, quick: bool, show: Show) -> Comparison:
    """Compare the bound on a linear system with the exact likelihood.

    DKS and ST-LR should reach it, and MF-L should not.
    """
    test = simulate_splits("linear-gssm", 0)["test"]
    assert isinstance(test.system, LinearGaussian)
    exact = -float(kalman_filter(test.system, test.x).log_likelihood.mean())
    smoother = _rmse(kalman_smoother(test.system, test.x).loc, test.z)
    networks = ("DKS", "ST-LR", "MF-L") if quick else ("DKS", "ST-LR", "ST-L", "MF-LR", "MF-L")
    rows, learning = [], {}
    for network in networks:
        config = _config("linear-gssm", epochs=15 if quick else 60, lr=1e-2, inference=network)
        run = train_run(config, name=_name("fig4", network, quick), show=show)
        bound = measured(run, samples=_SAMPLES, show=show)["bound_per_step"]
        found = {"bound": bound, "RMSE": _rmse(_posterior_means(run, test.x, show), test.z)}
        rows.append(Row(network, found, {"bound": exact, "RMSE": smoother}, run.id))
        learning[network] = [line["train_bound"] for line in run.metrics()]
    by = {row.title: row.found for row in rows}
    near = all(
        by[n]["bound"] < exact + _CLOSE_NATS and by[n]["RMSE"] < _CLOSE_RMSE * smoother
        for n in ("DKS", "ST-LR")
    )
    reached = near and by["MF-L"]["bound"] > exact + _CLOSE_NATS
    sentence = (
        f"The exact NLL of the test split is {exact:.4f} nats per frame, and the RMSE of the "
        f"Kalman smoother is {smoother:.3f}. DKS reaches {by['DKS']['bound']:.4f} and "
        f"{by['DKS']['RMSE']:.3f}, ST-LR {by['ST-LR']['bound']:.4f} and {by['ST-LR']['RMSE']:.3f}, "
        f"and MF-L, which does not use the future, {by['MF-L']['bound']:.4f} and "
        f"{by['MF-L']['RMSE']:.3f}."
    )
    figure = curves(learning, exact={"exact NLL": exact}, x="epoch", y="bound, nats a frame")
    return Comparison("fig4", "linear-gssm", quick, tuple(rows), sentence, reached, figure)


def fig8(*, quick: bool, show: Show) -> Comparison:
    """Compare inference networks on `nonlinear-ukf` with an unscented Kalman smoother."""
    test = simulate_splits("nonlinear-ukf", 0)["test"]
    assert isinstance(test.system, NonlinearGaussian)
    show("nonlinear-ukf: smoothing with the unscented Kalman filter")
    unscented = _rmse(unscented_smoother(test.system, test.x).loc, test.z)
    rows, learning = [Row("UKF smoother, true parameters", {"RMSE": unscented}, {})], {}
    for network in ("DKS", "ST-LR"):
        config = _config("nonlinear-ukf", epochs=15 if quick else 60, lr=1e-2, inference=network)
        run = train_run(config, name=_name("fig8", network, quick), show=show)
        bound = measured(run, samples=_SAMPLES, show=show)["bound_per_step"]
        found = {"RMSE": _rmse(_posterior_means(run, test.x, show), test.z), "bound": bound}
        rows.append(Row(network, found, {"RMSE": unscented}, run.id))
        learning[network] = [line["train_bound"] for line in run.metrics()]
    best = min(rows[1:], key=lambda row: row.found["RMSE"])
    reached = best.found["RMSE"] < unscented
    sentence = (
        f"{best.title} estimates the states of nonlinear-ukf with an RMSE of "
        f"{best.found['RMSE']:.3f}; the UKF smoother with the true parameters has {unscented:.3f}."
    )
    figure = curves(learning, exact={}, x="epoch", y="bound, nats a frame")
    return Comparison("fig8", "nonlinear-ukf", quick, tuple(rows), sentence, reached, figure)


def _config(system: str, *, epochs: int, lr: float, **model: Any) -> RunConfig:
    states = 2 if system == "nonlinear-gssm" else 1
    settings = {
        "z_dim": states,
        "emission": "gaussian",
        "system": system,
        "rnn": "gru",
        "rnn_size": 64,
        "rnn_dropout": 0.0,
        **model,
    }
    return RunConfig(
        data=DataConfig(name=system),
        model=ModelConfig.model_validate(settings),
        train=TrainConfig(
            epochs=epochs,
            batch_size=50,
            lr=lr,
            lr_decay="cosine",
            anneal_updates=0,
            eval_every=5,
            threads=1,
        ),
    )


def _name(experiment: str, title: str, quick: bool) -> str:
    return f"{title} ({experiment}{', quick' if quick else ''})"


def _posterior_means(run: Run, x: np.ndarray, show: Show) -> np.ndarray:
    """E[z_t given x] of every sequence, (N, T, z_dim), from 100 drawn paths each."""
    show(f"{run.label()}: posterior means of the test split")
    model = load_model(run)
    sequences = x.astype(np.float32)
    return np.stack([posterior_moments(model, one, seed=0).loc for one in sequences])


def _rmse(loc: np.ndarray, z: np.ndarray) -> float:
    return float(np.sqrt(np.square(loc - z).mean()))
