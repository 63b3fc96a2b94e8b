import shlex

import pytest

from dmm_core.cli.main import build_parser
from dmm_core.config.flags import command_line, given_settings
from dmm_core.config.presets import PRESETS, preset
from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.runs.bundled import list_bundled


def config_of(command):
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "dmm_core"]
    given = build_parser().parse_args(words[3:])
    return parse_config(given_settings(given, preset(given.preset)))


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_command_is_its_name(name):
    assert command_line(PRESETS[name]) == f"python -m dmm_core train --preset {name}"


def test_a_command_makes_its_configuration_again():
    changes = {
        "data": {"name": "upload:0123456789abcdef"},
        "model": {"learn_initial": True, "inference": "ST-LR", "rnn_dropout": 0.25},
        "train": {"lr": 1.25e-5, "penalty_pattern": "^emission !*.bias$", "seed": 7},
    }
    config = parse_config({**RunConfig().model_dump(), **changes})
    assert config_of(command_line(config)) == config


def test_the_command_on_a_bundled_models_card_makes_its_configuration():
    bundled = list_bundled()
    assert "bundled:chorales" in [model.id for model in bundled]
    for model in bundled:
        assert config_of(model.card()["command"]) == model.config()
