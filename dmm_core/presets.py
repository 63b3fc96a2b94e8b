"""Named starting points: whole configurations to train as they are, or to change."""

from dmm_core.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from dmm_core.errors import ConfigError

__all__ = ["PRESETS", "preset"]

PRESETS: dict[str, RunConfig] = {
    "quick": RunConfig(
        model=ModelConfig(z_dim=32, emission_hidden=100, transition_hidden=100, rnn_size=128),
        train=TrainConfig(epochs=60, lr=3e-3, anneal_updates=400, eval_every=10, threads=1),
    ),
    "classroom": RunConfig(
        model=ModelConfig(
            z_dim=8, emission_hidden=32, transition_hidden=32, rnn_size=48, rnn_dropout=0.0
        ),
        train=TrainConfig(epochs=40, lr=5e-3, anneal_updates=200, eval_every=2, threads=1),
    ),
    "paper-dmm": RunConfig(
        data=DataConfig(name="jsb"),
        train=TrainConfig(epochs=2000, anneal_updates=5000, patience=40, eval_every=10),
    ),
}
"""Named starting points: a minute's training, a demonstration, and the paper's table 3."""


def preset(name: str) -> RunConfig:
    """The preset called `name`.

    Raises:
        ConfigError: if there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(f"There is no preset {name!r:.60}; the presets are {', '.join(PRESETS)}.")
    return PRESETS[name]
