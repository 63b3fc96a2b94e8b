"""A cold server and a real browser: how long until music sounds, and whether a link keeps it."""

import time

import pytest
from browser import ROOT, WAIT, Watch, app, chromium, server_process, settled

SECONDS_TO_SOUND = 10
"""Of processor time of the server: whatever else runs on the machine does not count."""
COMPOSE = "Compose?run=bundled:chorales&seed=11&count=3&frames=32&hear=2&xt=0.8&tempo=100"


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def visit(browser, **settings):
    page = browser.new_context(viewport={"width": 1280, "height": 800}, **settings).new_page()
    page.set_default_timeout(WAIT)
    return page, Watch(page)


def told(page, name):
    return float(page.locator(".player").evaluate(f"e => e.dataset.{name}"))


def wait(page, condition):
    """Wait until the JavaScript `condition` on the player's dataset `d` holds.

    The player is looked up every time, because a rerun of the page may replace the element.
    """
    end = time.monotonic() + WAIT / 1000
    while not page.locator(".player").evaluate(f"e => (d => {condition})(e.dataset)"):
        assert time.monotonic() < end, f"{condition} did not become true"
        page.wait_for_timeout(20)


def middle(box):
    return box["y"] + box["height"] / 2


def first_sound(page, address):
    """Seconds, and those of the server's processor, from navigation to sound after one click."""
    server = server_process(address)
    began, before = time.monotonic(), sum(server.cpu_times()[:2])
    page.goto(address)
    page.get_by_role("button", name="Play").wait_for()
    settled(page)  # a rerun that is under way would replace the player that is clicked
    page.get_by_role("button", name="Play").click()
    wait(page, "d.state === 'playing' && d.clock > 0")
    return time.monotonic() - began, sum(server.cpu_times()[:2]) - before


def test_music_sounds_on_a_cold_server_after_one_click(browser, tmp_path, capsys):
    page, watch = visit(browser)
    with app(ROOT / "app.py", tmp_path) as address:
        seconds, processor = first_sound(page, address)
        with capsys.disabled():
            print(
                f"\nfirst sound after {seconds:.1f} s, {processor:.1f} s of the server's processor"
            )
        assert processor < SECONDS_TO_SOUND
        wait(page, f"d.playheadX > {told(page, 'playheadX') + 3}")
        box = page.locator(".player").bounding_box()
        assert box["y"] + box["height"] <= 800, "the player is on screen without scrolling"
        assert watch.errors == [] and watch.foreign == []

        another = page.get_by_role("button", name="Compose another").bounding_box()
        link = page.get_by_role("link", name="Open in Compose").bounding_box()
        assert abs(middle(another) - middle(link)) < 4, "they stand on one line"

        page.get_by_text("Inference", exact=True).click()
        page.get_by_text("inference network").wait_for()
        wait(page, f"d.state === 'playing' && d.clock > {told(page, 'clock') + 0.5}")
    page.context.close()


def test_a_link_gives_the_identical_midi_in_a_fresh_browser_after_a_restart(browser, tmp_path):
    files = []
    for _ in range(2):
        page, watch = visit(browser)
        with app(ROOT / "app.py", tmp_path) as address:
            page.goto(f"{address}/{COMPOSE}")
            page.wait_for_selector(".player[data-clock]")
            with page.expect_download() as download:
                page.get_by_role("button", name="MIDI").click()
            files.append(download.value.path().read_bytes())
            assert watch.foreign == []
        page.context.close()
    assert files[0] == files[1] and len(files[0]) > 200
