import pytest

from dmm_core.config.presets import PRESETS, preset
from dmm_core.config.schema import ModelConfig, RunConfig, TrainConfig, parse_config
from dmm_core.errors import ConfigError


def test_every_field_has_a_title_a_description_and_a_valid_default():
    for section in RunConfig.model_fields.values():
        for name, field in section.annotation.model_fields.items():
            assert field.title and field.description and field.description.endswith("."), name


def test_strings_are_read_as_the_fields_type():
    config = parse_config({"model": {"z_dim": "7"}, "train": {"lr": "1e-3"}})
    assert config.model.z_dim == 7 and config.train.lr == 1e-3


def test_a_config_survives_json():
    for config in PRESETS.values():
        assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_all_faults_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config({"model": {"z_dim": 0, "inference": "XX", "foo": 1}, "train": {"lr": "much"}})
    message = str(caught.value)
    for part in ("model.z_dim is 0", "'XX'", "'ST-LR'", "model.foo is not", "train.lr is 'much'"):
        assert part in message
    assert "\n" not in message


def test_weight_decay_needs_adam():
    with pytest.raises(ConfigError, match="needs optimizer adam"):
        parse_config({"train": {"weight_decay": 0.1, "optimizer": "rmsprop"}})


def test_numbers_that_are_not_finite_are_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"train\.lr"):
            parse_config({"train": {"lr": value}})


def test_presets():
    paper = {"paper-dmm", "paper-aug", "paper-aug-nade"}
    assert set(PRESETS) == {
        "quick", "classroom", "series", *paper, "voices", "voices-first-order"
    }  # fmt: skip
    assert preset("paper-dmm").model == ModelConfig(rnn="rnn")
    assert preset("paper-aug").model == ModelConfig(rnn="rnn", x_to_z=True, x_to_x=True)
    for config in PRESETS.values():  # what goes together is judged when text is parsed
        assert parse_config(config.model_dump()) == config
    assert preset("quick").train.optimizer == TrainConfig().optimizer
    with pytest.raises(ConfigError, match="quick, classroom, series, paper-dmm, paper-aug"):
        preset("slow")
