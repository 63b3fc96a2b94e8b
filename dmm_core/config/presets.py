"""Presets: named, complete configurations to train unchanged or to start from."""

from typing import Any

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig, TrainConfig
from dmm_core.errors import ConfigError

__all__ = ["PRESETS", "preset"]


def _paper(model: dict[str, Any], train: dict[str, Any]) -> RunConfig:
    """Return a model of the paper with the training settings that docs/results.md explains."""
    usual = {
        "epochs": 1200,
        "lr": 1.5e-3,
        "lr_decay": "cosine",
        "l2": 8e-4,
        "weight_average": 0.998,
        "anneal_updates": 5000,
        "eval_samples": 4,
    }
    return RunConfig(
        data=DataConfig(name="jsb"),
        model=ModelConfig.model_validate({"rnn": "rnn", **model}),
        train=TrainConfig.model_validate({**usual, **train}),
    )


def _voices(model: dict[str, Any]) -> RunConfig:
    """Return a model of Bach's chorales in four voices."""
    usual = {
        "emission": "categorical",
        "intervals": True,
        "x_to_x": True,
        "emission_hidden": 192,
        "emission_layers": 1,
        "nade_hidden": 192,
        "emission_dropout": 0.15,
        "rnn": "rnn",
        "rnn_dropout": 0.0,
        "combiner": "prior",
        "learn_initial": True,
        "variance_start": -8.0,
    }
    return RunConfig(
        data=DataConfig(name="jsb-m21-voices"),
        model=ModelConfig.model_validate({**usual, **model}),
        train=TrainConfig(
            epochs=100,
            lr=2e-3,
            lr_decay="cosine",
            l2=3e-4,
            penalty_pattern="emission",
            weight_average=0.99,
            anneal_updates=0,
            transpose=True,
            threads=1,
        ),
    )


PRESETS: dict[str, RunConfig] = {
    "quick": RunConfig(
        model=ModelConfig(z_dim=32, emission_hidden=100, transition_hidden=100, rnn_size=128),
        train=TrainConfig(epochs=60, lr=3e-3, anneal_updates=400, threads=1),
    ),
    "classroom": RunConfig(
        model=ModelConfig(
            z_dim=8, emission_hidden=32, transition_hidden=32, rnn_size=48, rnn_dropout=0.0
        ),
        train=TrainConfig(epochs=40, lr=5e-3, anneal_updates=200, threads=1),
    ),
    "series": RunConfig(
        data=DataConfig(name="sunspots"),
        model=ModelConfig(
            z_dim=8,
            emission="gaussian",
            emission_hidden=32,
            emission_layers=0,  # linear, so that a trend can leave the range of the train split
            transition_hidden=32,
            combiner="prior",
            inference="ST-LR",
            rnn="gru",
            rnn_size=32,
            rnn_dropout=0.0,
            learn_initial=True,
        ),
        train=TrainConfig(
            epochs=300,
            batch_size=4,
            lr=1e-2,
            lr_decay="cosine",
            anneal_updates=200,
            eval_every=10,
            eval_samples=10,
            patience=10,
            threads=1,
        ),
    ),
    "paper-dmm": _paper({}, {}),
    "paper-aug": _paper({"x_to_z": True, "x_to_x": True}, {"epochs": 800, "anneal_updates": 4000}),
    "paper-aug-nade": _paper(
        {"x_to_z": True, "x_to_x": True, "emission": "nade", "z_dim": 64, "rnn_size": 300},
        # NADE's own weights are excluded from the penalty: they are few and must become large.
        {
            "epochs": 400,
            "lr": 3e-3,
            "anneal_updates": 0,
            "penalty_pattern": "* !emission.read !emission.write",
        },
    ),
    "voices": _voices(
        {
            "z_dim": 128,
            "x_to_z": True,
            "transition": "bounded",
            "transition_hidden": 256,
            "rnn_size": 192,
        }
    ),
    # Of the past, it sees the beat before only: one latent dimension that cannot carry more.
    "voices-first-order": _voices({"z_dim": 1, "transition": "linear", "rnn_size": 8}),
}
"""Name -> configuration: two small models that train quickly, the paper's tables 3 and 4, and two
models of four voices."""


def preset(name: str) -> RunConfig:
    """Return the configuration of the preset called `name`.

    Raises:
        ConfigError: if there is no preset of that name.

    Example:
        >>> from dmm_core import preset
        >>> preset("paper-dmm").model.z_dim
        100
    """
    if name not in PRESETS:
        raise ConfigError(f"There is no preset {name!r:.60}; the presets are {', '.join(PRESETS)}.")
    return PRESETS[name]
