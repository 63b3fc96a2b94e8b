import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import streamlit as st
from page_models import music_run, page, running_run, shown, write_status

from dmm_core.runs.status import Status
from pages.ui.home.picture import drawing

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.usefixtures("dmm_home")


@pytest.fixture(autouse=True, scope="module")
def fresh_caches():
    """The bundled model and its pieces are cached for all tests here: composing takes a second."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def music(at):
    """What the player was given."""
    (element,) = at.main.get("bidi_component")
    return element.proto.json


def test_without_runs_it_explains_plays_and_links_to_three_pages():
    at = page("app.py")
    assert not at.error and not at.info
    assert "latent state" in shown(at)
    assert len(at.main.get("bidi_component")) == 1
    labels = [link.proto.label for link in at.get("page_link")]
    assert {"**Understand it**", "**Train your own**", "**Compose**"} <= set(labels)
    assert at.number_input(key="seed").value == 1


def test_another_seed_is_another_piece_and_the_same_seed_the_same():
    first, other, again = (music(page("app.py", seed=seed)) for seed in ("7", "8", "7"))
    assert first == again != other


def test_compose_another_changes_the_seed():
    at = page("app.py")
    before = music(at)
    at.button(key="another").click().run()
    assert not at.exception
    assert at.number_input(key="seed").value != 1
    assert music(at) != before


def test_a_skeleton_is_drawn_only_until_the_player_appears(monkeypatch):
    drawn, real = [], st.skeleton
    monkeypatch.setattr(st, "skeleton", lambda **how: drawn.append(how) or real(**how))
    at = page("app.py")
    assert len(drawn) == 1
    at.button(key="another").click().run()
    assert len(drawn) == 1 and len(at.main.get("bidi_component")) == 1


def test_home_loads_no_pandas(dmm_home):
    program = f"""import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({str(ROOT / "app.py")!r}, default_timeout=60).run()
assert at.main.get("bidi_component") and not at.exception
assert "pandas" not in sys.modules and "sympy" not in sys.modules"""
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT, stderr=-1)
    assert done.returncode == 0, done.stderr.decode()


def test_the_link_to_compose_carries_the_piece():
    at = page("app.py", seed="7")
    (link,) = [link for link in at.get("page_link") if link.proto.label == "Open in Compose"]
    assert link.proto.query_string == "run=bundled%3Avoices&seed=7&count=1&bars=8"


def test_a_running_run_is_shown_with_its_time_left():
    running_run(name="at <b>work</b>")
    at = page("app.py")
    assert "Runs in progress" in shown(at)
    (bar,) = at.get("progress")
    assert bar.proto.value == 25
    assert bar.proto.text == "at \\<b\\>work\\<\\/b\\>: epoch 3, 42 s left"


def test_a_run_that_ends_takes_its_bar_along():
    run = running_run()
    at = page("app.py")
    write_status(run, Status(state="finished"))
    at.run()
    assert not at.exception and not at.get("progress")


def test_a_finished_run_changes_nothing():
    music_run()
    at = page("app.py")
    assert not at.error and "Runs in progress" not in shown(at)


def test_without_a_bundled_model_it_says_so(monkeypatch):
    monkeypatch.setattr("pages.ui.picker.list_bundled", list)
    at = page("app.py")
    assert "no bundled model" in at.info[0].value


@pytest.mark.parametrize("seed", ["-1", "x", "1e9", ""])
def test_a_bad_seed_plays_the_first_piece(seed):
    at = page("app.py", seed=seed)
    assert at.number_input(key="seed").value == 1


@pytest.mark.parametrize("part", ["transition", "emission", "inference"])
def test_the_part_in_the_address_stands_out(part):
    groups = ElementTree.fromstring(drawing(part)).findall("{http://www.w3.org/2000/svg}g")
    strong = {group.get("id") for group in groups if group.get("stroke-width") == "3.5"}
    assert part in strong and len({"transition", "emission", "inference"} & strong) == 1
    at = page("app.py", part=part)
    assert len(at.get("image")) == 1 and len(at.latex) == 1
