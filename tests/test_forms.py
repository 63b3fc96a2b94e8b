import pytest
from streamlit.testing.v1 import AppTest

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import RunConfig


def page():
    import streamlit as st

    from dmm_core.config.presets import PRESETS
    from dmm_core.config.schema import RunConfig
    from pages.ui import forms

    def take_classroom():
        for name in forms.form_parameters():
            st.query_params.pop(name, None)
        st.session_state.start = PRESETS["classroom"]

    st.button("classroom", on_click=take_classroom)
    start = st.session_state.get("start", RunConfig())
    choices = {"data.name": ["jsb-m21", "linear-toy"]}
    values = forms.config_form(start, key="form", choices=choices)
    st.session_state.asked = forms.values_from_address(start)
    st.session_state.values = values
    st.session_state.config = forms.parse_or_report(values)


def opened(**address):
    at = AppTest.from_function(page, default_timeout=30)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


@pytest.fixture
def app():
    at = AppTest.from_function(page, default_timeout=30).run()
    assert not at.exception
    return at


def widgets(at):
    kinds = (at.selectbox, at.number_input, at.checkbox, at.text_input)
    return {widget.key: widget for kind in kinds for widget in kind}


def test_every_setting_has_one_widget_with_its_title_and_help(app):
    drawn = widgets(app)
    for section, model in RunConfig.model_fields.items():
        for name, field in model.annotation.model_fields.items():
            widget = drawn.pop(f"form.{section}.{name}")
            assert (widget.label, widget.help) == (field.title, field.description)
    assert not drawn


def test_untouched_widgets_give_the_configuration_they_started_from(app):
    assert app.session_state["config"] == RunConfig()


def test_advanced_settings_are_folded_away(app):
    folded = {w.key for e in app.expander for w in [*e.number_input, *e.selectbox, *e.checkbox]}
    assert "form.model.rnn_dropout" in folded and "form.train.weight_decay" in folded
    assert "form.model.z_dim" not in folded and "form.train.lr" not in folded


def test_bounds_and_choices_come_from_the_schema(app):
    z_dim = app.number_input(key="form.model.z_dim")
    assert (z_dim.min, z_dim.max, z_dim.step) == (1, 1024, 1)
    lr = app.number_input(key="form.train.lr")
    assert (lr.min, lr.max, lr.step) == (0.0, 1.0, 1e-4)
    assert app.selectbox(key="form.model.rnn").options == ["lstm", "gru", "rnn", "rnn-relu"]
    assert app.selectbox(key="form.data.name").options == ["jsb-m21", "linear-toy"]


def test_a_changed_widget_changes_the_configuration(app):
    app.number_input(key="form.model.z_dim").set_value(7)
    app.checkbox(key="form.model.learn_initial").check()
    app.selectbox(key="form.model.inference").select("MF-LR").run()
    model = app.session_state["config"].model
    assert (model.z_dim, model.learn_initial, model.inference) == (7, True, "MF-LR")


def test_a_preset_fills_the_form(app):
    app.number_input(key="form.train.epochs").set_value(3).run()
    app.button[0].click().run()
    assert not app.exception
    assert app.session_state["config"] == PRESETS["classroom"]


def test_all_faults_are_shown_at_once(app):
    app.number_input(key="form.train.lr").set_value(0.0)
    app.number_input(key="form.model.rnn_dropout").set_value(1.0).run()
    assert app.session_state["config"] is None
    (message,) = app.error
    assert "lr" in message.value and "dropout" in message.value


def test_what_is_changed_stands_in_the_address_by_its_id(app):
    app.number_input(key="form.model.z_dim").set_value(7)
    app.checkbox(key="form.model.learn_initial").check()
    app.selectbox(key="form.model.inference").select("MF-LR").run()
    address = dict(app.query_params)
    assert address == {
        "model.z_dim": "7",
        "model.learn_initial": "true",
        "model.inference": "MF-LR",
    }
    again = opened(**address)
    assert again.session_state["config"] == app.session_state["config"]
    assert again.session_state["asked"] == app.session_state["config"].model_dump()
    again.number_input(key="form.model.z_dim").set_value(RunConfig().model.z_dim).run()
    assert "model.z_dim" not in again.query_params


@pytest.mark.parametrize(
    "address",
    [
        {"model.z_dim": "many"},
        {"model.z_dim": "0"},
        {"train.lr": "nan"},
        {"train.lr": "1e9"},
        {"model.rnn": "<b>"},
        {"model.learn_initial": "perhaps"},
        {"train.epochs": "9" * 50},
        {"model.nothing": "1"},
    ],
)
def test_a_value_that_a_setting_cannot_have_is_not_taken_from_the_address(address):
    assert opened(**address).session_state["config"] == RunConfig()


def test_the_longest_text_is_cut_and_an_open_bound_is_refused_with_its_reason():
    at = opened(**{"train.penalty_pattern": "x" * 500, "train.lr": "0"})
    assert len(at.text_input(key="form.train.penalty_pattern").value) == 200
    assert "lr" in at.error[0].value
