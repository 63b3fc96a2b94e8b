import gc
import logging
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dmm_core.config.schema import RunConfig
from dmm_core.runs.status import Status
from dmm_core.runs.store import create_run
from pages.ui.frame import _freeze_modules, escape_markdown

HOSTILE = "<b>x</b> [a](http://b) ![i](http://c) :red[r] $y$ `z` # h | t\n- l\u202egnp.\x00"


def test_plain_text_leaves_markdown_nothing_to_read():
    shown = escape_markdown(HOSTILE)
    assert "\n" not in shown and "\u202e" not in shown and "\x00" not in shown
    bare = shown.replace("\\", "")
    for index, character in enumerate(shown):
        if character in "<[!:$`#|*_-":
            assert shown[index - 1] == "\\"
    assert bare.startswith("<b>x</b> [a](http:\u2060//b)")


@pytest.mark.parametrize(
    "text",
    ["http://a.b", "HTTPS://a.b", "www.a.b", "WWW.a.b", "a@b.cd", "mailto:a@b.cd", "ftp://a"],
)
def test_plain_text_makes_no_links(text):
    """GitHub's Markdown makes links of addresses even where they are escaped."""
    shown = escape_markdown(text).replace("\\", "")
    assert shown.replace("\u2060", "") == text
    assert not re.search(r"https?://|ftp://|www\.|@\w|mailto:\w", shown, re.IGNORECASE)


def test_plain_text_is_cut():
    assert len(escape_markdown("x" * 5000)) == 300
    assert escape_markdown("x" * 5000, most=20) == "x" * 19 + "…"
    assert escape_markdown("Größe ♯ 𝄞") == "Größe ♯ 𝄞"


def failing(kind):
    import streamlit as st

    from dmm_core.errors import DataError
    from pages.ui import frame

    with frame.guard():
        if kind == "known":
            raise DataError("The *file* has 3 rows.")
        if kind == "disk":
            raise OSError(28, "No space left on device", "/secret/path")
        if kind == "unknown":
            raise ZeroDivisionError("secret")
        if kind == "stop":
            st.stop()
    st.write("after")


def test_a_known_error_is_shown_as_it_stands_and_the_script_stops():
    at = AppTest.from_function(failing, args=("known",)).run()
    assert at.error[0].value == "The \\*file\\* has 3 rows\\."
    assert not at.markdown and not at.exception


def test_an_error_of_the_system_is_shown_with_its_reason():
    at = AppTest.from_function(failing, args=("disk",)).run()
    assert "No space left on device" in at.error[0].value and "secret" not in at.error[0].value
    assert not at.markdown and not at.exception


def test_an_unexpected_error_goes_to_the_log(caplog):
    with caplog.at_level(logging.ERROR):
        at = AppTest.from_function(failing, args=("unknown",)).run()
    assert "secret" not in at.error[0].value and not at.markdown and not at.exception
    assert "secret" in caplog.text


def test_what_a_page_has_imported_is_spared_from_collections():
    gc.unfreeze()
    _freeze_modules.cache_clear()
    AppTest.from_function(failing, args=("nothing",)).run()
    assert gc.get_freeze_count() > 10 * len(gc.get_objects())


@pytest.mark.parametrize("kind", ["stop", "nothing"])
def test_the_guard_leaves_everything_else_alone(kind):
    at = AppTest.from_function(failing, args=(kind,)).run()
    assert not at.error and not at.exception
    assert bool(at.markdown) == (kind == "nothing")


def home(**address):
    at = AppTest.from_file("../app.py", default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def test_the_navigation_names_the_pages_that_exist(dmm_home):
    at = home()
    pages = {path.stem.split("_", 1)[1] for path in Path("pages").glob("[0-9]_*.py")}
    assert {link.value for link in at.sidebar.page_link} == pages | {"Home"}


def test_the_navigation_takes_the_run_and_the_presenter_along(dmm_home):
    at = home(run="bundled:x", present="true", split="test")
    for link in at.sidebar.page_link:
        assert link.proto.query_string == "run=bundled%3Ax&present=true"


def test_a_page_that_one_comes_back_to_has_its_choices(chorales_home):
    at = home(part="emission", run="bundled:x")
    at.switch_page("pages/1_Data.py").run()
    links = {link.label: link.proto.query_string for link in at.sidebar.page_link}
    assert "part=emission" in links["Home"] and links["Data"].count("part") == 0
    assert "part" not in links["Train"]


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("app.py", "1"),
        ("app.py", "true"),
        *((str(page), "true") for page in sorted(Path("pages").glob("[0-9]_*.py"))),
    ],
)
def test_presenter_mode_can_be_asked_for_by_a_link_on_every_page(chorales_home, file, value):
    at = AppTest.from_file("../app.py", default_timeout=60)
    at.query_params["present"] = value
    if file != "app.py":
        at.switch_page(file)
    at.run()
    assert not at.exception and at.toggle(key="present").value
    assert "present=true" in at.sidebar.page_link[0].proto.query_string


@pytest.mark.parametrize("value", ["1e400", "-inf", "nan", "9" * 4000])
def test_an_infinite_number_in_the_address_is_forgotten(dmm_home, value):
    at = home(seed=value, part="latent")
    assert not at.error and "seed" not in at.query_params and at.number_input(key="seed").value == 1
    assert "part" in at.query_params


def picking():
    import streamlit as st

    from pages.ui.picker import pick_run

    st.session_state.picked = pick_run().id


def pick(**address):
    at = AppTest.from_function(picking, default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def run_in_state(state, name=None):
    run = create_run(RunConfig(), name=name)
    (run.folder / "status.json").write_text(Status(state=state).model_dump_json())
    return run


@pytest.fixture
def no_bundles(dmm_home, monkeypatch):
    monkeypatch.setattr("pages.ui.picker.list_bundled", list)


def test_without_a_model_the_page_says_what_to_do(no_bundles):
    at = pick()
    assert "Train one first" in at.info[0].value
    assert "picked" not in at.session_state


def test_finished_runs_are_offered_and_the_choice_stands_in_the_address(no_bundles):
    done, failed = run_in_state("finished", name="mine"), run_in_state("failed")
    at = pick()
    assert at.session_state["picked"] == done.id
    assert at.query_params["run"] == done.id
    assert at.selectbox[0].options == [f"mine · {done.id}"]
    at = pick(run=failed.id)
    assert at.session_state["picked"] == failed.id


@pytest.mark.parametrize("text", ["../../etc", "20250101-000000-abcdef", "bundled:..", "%2e%2e"])
def test_a_foreign_run_is_not_found(no_bundles, text):
    run_in_state("finished")
    at = pick(run=text)
    assert at.error[0].value == "There is no such run. Choose one above."
    assert "picked" not in at.session_state
