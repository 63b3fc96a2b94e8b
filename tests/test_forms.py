import pytest
from streamlit.testing.v1 import AppTest

from dmm_core.config import RunConfig
from dmm_core.presets import PRESETS


def page():
    import streamlit as st

    from dmm_core.config import RunConfig
    from dmm_core.presets import PRESETS
    from pages.ui import forms

    def take_classroom():
        forms.fill(PRESETS["classroom"], key="form")

    st.button("classroom", on_click=take_classroom)
    values = forms.config_form(
        RunConfig(), key="form", choices={"data.name": ["jsb-m21", "linear-toy"]}
    )
    st.session_state.values = values
    st.session_state.config = forms.parsed(values)


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
