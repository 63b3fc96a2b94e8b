import io
import re
from urllib.parse import parse_qs, urlsplit

import mido
import numpy as np
import pytest
from browser import ROOT, WAIT, Watch, app, chromium, settled
from playwright.sync_api import expect
from served import SIZE

from dmm_core.data.sequences import Sequences
from dmm_core.data.uploads.reader import UploadOptions, UploadReport, store_upload
from dmm_core.runs.store import find_run


@pytest.fixture
def upload(dmm_home):
    """The name of a data set of scales."""
    rolls = []
    for i in range(10):
        roll = np.zeros((16, 88), np.uint8)
        roll[np.arange(16), 39 + i + np.arange(16) // 2] = 1
        rolls.append(roll)
    sequences = Sequences(tuple(rolls), tuple(f"scale {i}.mid" for i in range(10)))
    stored = store_upload(UploadReport(sequences, ()), title="Scales", options=UploadOptions())
    return f"upload:{stored}"


def epoch(page):
    """The epoch that the page shows, once it shows one."""
    text = page.get_by_text(re.compile(r"^Epoch [\d,]+ of")).first
    return int(re.search(r"[\d,]+", text.inner_text())[0].replace(",", ""))


def stop_button(page):
    """The page's own: Streamlit has another one while a script runs, and so has a player."""
    return page.locator(".st-key-stop").get_by_role("button", name="Stop")


def later(page, least):
    """Wait until the page shows an epoch after `least`."""
    page.wait_for_function(
        """least => {
            const found = document.body.innerText.match(/^Epoch ([\\d,]+) of/m);
            return found && Number(found[1].replaceAll(",", "")) > least;
        }""",
        arg=least,
    )


def test_a_run_is_followed_by_two_found_again_stopped_heard_and_taken_along(dmm_home, upload):
    with app(ROOT / "app.py", dmm_home) as address, chromium() as browser:
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce", accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        watch = Watch(page)
        page.goto(f"{address}/Train?preset=classroom&data={upload}")
        epochs = page.get_by_label("Epochs", exact=True)
        epochs.fill("50000")
        epochs.press("Enter")
        page.get_by_text("on this machine's CPU").wait_for()
        train = page.get_by_role("button", name="Train", exact=True)
        assert train.bounding_box()["y"] + 40 < 800
        train.dblclick()

        stop = stop_button(page)
        first = epoch(page)
        page.wait_for_function("location.search.includes('run=')")
        (run_id,) = parse_qs(urlsplit(page.url).query)["run"]
        run = find_run(run_id)
        assert len(list((dmm_home / "runs").glob("2*"))) == 1
        stop.wait_for()
        page.locator(".js-plotly-plot:visible").first.wait_for()
        later(page, first)

        page.reload()
        later(page, epoch(page))
        page.locator(".js-plotly-plot:visible").first.wait_for()
        other = browser.new_context(reduced_motion="reduce").new_page()
        other.set_default_timeout(WAIT)
        other.goto(f"{address}/Train?run={run_id}")
        later(other, first)
        stop_button(other).click()
        for each in (page, other):
            each.get_by_role("button", name="Resume", exact=True).wait_for()
            settled(each)
        assert run.state() == "cancelled"
        figures = page.get_by_test_id("stMetricValue")
        expect(figures).to_have_count(4)
        expect(other.get_by_test_id("stMetricValue")).to_have_text(figures.all_inner_texts())
        other.context.close()

        player = page.locator(".player[data-clock]")
        player.wait_for()
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function("e => Number(e.dataset.clock) > 0.2", arg=player.element_handle())
        with page.expect_download() as download:
            page.get_by_role("button", name="MIDI", exact=True).click()
        midi = download.value.path().read_bytes()
        notes = [m for m in mido.MidiFile(file=io.BytesIO(midi)) if m.type == "note_on"]
        assert len(notes) > 8

        # A deep link makes Streamlit look for its server below the page first: 404, twice.
        assert [error for error in watch.errors if "status of 404" not in error] == []
        assert watch.foreign == []
        context.close()
