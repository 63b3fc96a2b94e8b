"""Infilling by hand in a real browser: drag in the roll, press, hear, take the files along."""

import io
import wave

import mido
import pytest
from browser import settled
from served import one_context, served_run, visited


def told(page, name):
    return page.locator(".player").first.evaluate(f"e => e.dataset.{name}")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home):
    """The address of an app whose home has one finished run, and that run."""
    with served_run(home) as both:
        yield both


@pytest.fixture(scope="module")
def context():
    with one_context() as opened:
        yield opened


def test_a_region_dragged_in_the_roll_is_infilled_heard_and_kept(served, context):
    link = "Compose?run={run}&mode=infill&split=test&gap=0-3&count=1"
    with visited(context, served, link, ".player[data-clock]") as page:
        # What comes later would move the roll away from under the pointer.
        page.locator("canvas.roll").scroll_into_view_if_needed()
        box = page.locator("canvas.roll").bounding_box()
        zoom = float(told(page, "zoom"))
        for x, act in ((4, "down"), (6, ""), (8, "up")):  # frames 4 to 7
            page.mouse.move(box["x"] + 48 + x * zoom, box["y"] + 12, steps=4)
            if act:
                getattr(page.mouse, act)()
        page.get_by_role("button", name="Infill 1:3 to 1:4½").click()
        page.locator(".player .title", has_text="infilled from 1:3 to 1:4½").wait_for()
        page.wait_for_function("new URL(location.href).searchParams.get('gap') === '4-7'")
        page.get_by_role("button", name="Play").first.click()
        player = page.locator(".player").first.element_handle()
        page.wait_for_function("e => e.dataset.clock > 0.2", arg=player)
        settled(page)
        files = {}
        for label in ("MIDI", "WAV", "MusicXML"):
            with page.expect_download() as download:
                page.get_by_role("button", name=label).click()
            files[label] = download.value
        assert "_infilled-bar1_seed1_1_" in files["MusicXML"].suggested_filename
        assert mido.MidiFile(file=io.BytesIO(files["MIDI"].path().read_bytes())).length > 1
        with wave.open(str(files["WAV"].path())) as sound:
            assert sound.getnframes() > 0


def test_a_link_brings_the_loop_back(served, context, home):
    address, run = served
    link = f"Compose?run={run.id}&frames=16&count=1"
    with visited(context, served, f"{link}&loop=4-7", ".player[data-region='4,7']") as page:
        page.locator("canvas.roll").focus()
        page.keyboard.press("Escape")
        page.wait_for_function("!new URL(location.href).searchParams.has('loop')")
        page.wait_for_selector(".player[data-region='']")
        page.keyboard.press("[")
        page.wait_for_function("new URL(location.href).searchParams.get('loop') === '4-15'")
        page.get_by_role("button", name="Compose another").click()
        page.wait_for_function("!new URL(location.href).searchParams.has('loop')")
        page.goto(f"{address}/{link}&mode=file", wait_until="commit")
        page.get_by_text("of this link does not exist").wait_for()
    (log,) = home.glob("streamlit-*.log")
    assert "Session State API" not in log.read_text()
