"""Each page's job done by keys alone: no mouse, and no focus but where Tab brings it."""

import io
import json
import re
import shutil
import wave
from functools import partial

import mido
import music21
import pytest
from browser import settled
from playwright.sync_api import expect
from served import one_context, served_run, visited

from dmm_core.config.lessons import list_experiments

LIMIT = 60
"""Presses of Tab; after the last place comes the first again."""
HAS_FOCUS = "them => them.some(each => each.getRootNode().activeElement === each)"
FOCUSED = """() => {
    let here = document.activeElement;
    while (here?.shadowRoot?.activeElement) here = here.shadowRoot.activeElement;
    const words = here.getAttribute("aria-label") || here.innerText || "";
    const role = here.getAttribute("role") || here.localName;
    return `${role} ${words.replace(/\\s+/g, " ").slice(0, 40)}`;
}"""
PLAYER = ".player[data-clock]"


@pytest.fixture(scope="module")
def served(tmp_path_factory, chorales):
    """An app whose home has the chorales, a finished run and a short lesson: address and run."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "datasets").mkdir()
    shutil.copy(chorales.cache, folder / "datasets")
    lesson = json.loads(list_experiments()["parameters"].read_text())
    for variant in lesson["variants"].values():
        variant["train"] |= {"epochs": 3, "batch_size": 500}
    (folder / "lessons").mkdir()
    (folder / "lessons" / "parameters.json").write_text(json.dumps(lesson))
    with served_run(folder) as both:
        yield both


@pytest.fixture(scope="module")
def context():
    with one_context() as opened:
        yield opened


@pytest.fixture
def visit(served, context):
    """Opens a link, as `visited` does."""
    return partial(visited, context, served)


def tab_to(page, role, name, limit=LIMIT):
    """Press Tab until the element with this role and name has the focus."""
    wanted = page.get_by_role(role, name=name, exact=True)
    passed = []
    for _ in range(limit):
        page.keyboard.press("Tab")
        if wanted.evaluate_all(HAS_FOCUS):
            return
        passed.append(page.evaluate(FOCUSED))
    pytest.fail(f"Tab never came to the {role} {name!r}, but to:\n" + "\n".join(passed))


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def addressed(page, pattern):
    """Wait until the address matches `pattern` and its script has run; a player lags behind."""
    page.wait_for_url(re.compile(pattern), wait_until="commit")
    settled(page)


def plays(page):
    """Wait until the audio clock moves."""
    player = page.locator(PLAYER)
    page.wait_for_function("e => Number(e.dataset.clock) > 0.2", arg=player.element_handle())


def test_home_is_heard(visit):
    with visit("", PLAYER) as page:
        tab_to(page, "button", "Play")
        press(page, "Enter")
        plays(page)
        tab_to(page, "slider", re.compile("^Piano-roll of"))
        press(page, "Space")
        expect(page.locator(PLAYER)).to_have_attribute("data-state", "paused")


def test_a_data_set_is_chosen_and_heard(visit):
    with visit("Data", PLAYER) as page:
        roll = page.locator("canvas.roll")
        first = roll.get_attribute("aria-label")
        tab_to(page, "combobox", "Data set")
        page.keyboard.type("Scales")
        press(page, "Enter")
        addressed(page, r"data=upload")
        expect(roll).not_to_have_attribute("aria-label", first)
        tab_to(page, "button", "Play")
        press(page, "Space")
        plays(page)


def test_a_run_is_launched(visit):
    with visit("Train?data={data}", "text=on this machine's CPU") as page:
        tab_to(page, "radio", "Quick")
        press(page, "ArrowRight", "Space")
        addressed(page, "preset=classroom")
        expect(page.get_by_text("A tiny model that trains within")).to_be_visible()
        page.get_by_text("on this machine's CPU").wait_for()
        tab_to(page, "button", "Train")
        press(page, "Enter")
        addressed(page, r"run=\w+")
        page.get_by_role("button", name="Compose with it").wait_for()


def test_a_run_is_evaluated(visit, served):
    _, run = served
    with visit("Runs?run={run}", "text=Evaluate on test") as page:
        found = page.get_by_text("Importance NLL")
        expect(found).to_have_count(0)
        tab_to(page, "button", "Evaluate on test")
        press(page, "Enter")
        expect(found.first).to_be_visible()
    assert [each["split"] for each in run.evaluations()] == ["test"]


def test_a_piece_is_chosen_in_latent_and_walked_through(visit):
    with visit("Latent?run={run}", PLAYER) as page:
        roll = page.locator("canvas.roll")
        first = roll.get_attribute("aria-label")
        tab_to(page, "combobox", re.compile("^Sequence \\(of"))
        page.keyboard.type("2.")
        press(page, "Enter")
        addressed(page, "piece=2")
        expect(roll).not_to_have_attribute("aria-label", first)
        tab_to(page, "slider", re.compile("^Piano-roll of"))
        press(page, "ArrowRight", "ArrowRight")
        expect(roll).to_have_attribute("aria-valuenow", "2")
        press(page, "Space")
        plays(page)


def test_music_is_composed_heard_and_taken_to_other_programs(visit, tmp_path):
    with visit("Compose?run=bundled:chorales&seed=7", PLAYER) as page:
        tab_to(page, "button", "Compose another")
        press(page, "Enter")
        addressed(page, r"seed=(?!7\b)\d+")
        tab_to(page, "radio", "1")
        press(page, "ArrowRight", "Space")
        expect(page.locator(".player .title")).to_contain_text("alternative 2")
        tab_to(page, "button", "Play")
        press(page, "Enter")
        plays(page)
        files = {}
        for label in ("MIDI", "WAV", "MusicXML"):
            tab_to(page, "button", label)
            with page.expect_download() as download:
                press(page, "Enter")
            files[label] = tmp_path / download.value.suggested_filename
            download.value.save_as(files[label])
    song = mido.MidiFile(file=io.BytesIO(files["MIDI"].read_bytes()))
    struck = [message for message in song if message.type == "note_on" and message.velocity]
    score = music21.converter.parse(files["MusicXML"])
    assert {message.note for message in struck} == {pitch.midi for pitch in score.pitches}, (
        "both files hold the same music"
    )
    with wave.open(str(files["WAV"])) as sound:
        assert sound.getnframes() / sound.getframerate() >= song.length > 1


def test_a_lesson_is_run(visit):
    with visit("Learn?lesson=parameters", "text=Run experiment") as page:
        tab_to(page, "button", "Run experiment")
        press(page, "Enter")
        page.get_by_role("button", name="Run again").wait_for()
        expect(page.locator(".js-plotly-plot:visible").first).to_be_visible()
