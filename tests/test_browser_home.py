"""A cold server and a real browser: how long until music sounds, and whether a link keeps it."""

import time

import pytest
from browser import ROOT, WAIT, Watch, app, chromium, settled

SECONDS_TO_SOUND = 10
TRIES = 3
"""Cold starts before a slow one counts: whatever else runs on the machine slows it too."""
COMPOSE = "Compose?run=bundled:chorales&seed=11&count=3&frames=32&hear=2&xt=0.8&tempo=100"
RECORD_TOPS = """
window.tops = [];
const record = () => {
    for (const host of document.querySelectorAll('[data-testid=stBidiComponentIsolated]')) {
        const player = host.shadowRoot?.querySelector('.player');
        const top = player && Math.round(player.getBoundingClientRect().top);
        if (player && window.tops.at(-1) !== top) window.tops.push(top);
    }
    requestAnimationFrame(record);
};
requestAnimationFrame(record);
"""
"""Collects the different tops of the player, in CSS pixels, in the order in which they occur."""


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
    """Seconds from navigation to a moving audio clock, one click included."""
    began = time.monotonic()
    page.goto(address)
    page.get_by_role("button", name="Play").click()
    wait(page, "d.state === 'playing' && d.clock > 0")
    return time.monotonic() - began


@pytest.mark.alone
def test_music_sounds_on_a_cold_server_after_one_click(browser, tmp_path, capsys):
    page, watch = visit(browser)
    page.add_init_script(RECORD_TOPS)
    with app(ROOT / "app.py", tmp_path) as address:
        taken = [first_sound(page, address)]
        wait(page, f"d.playheadX > {told(page, 'playheadX') + 3}")
        box = page.locator(".player").bounding_box()
        assert box["y"] + box["height"] <= 800, "the player is on screen without scrolling"
        assert watch.errors == [] and watch.foreign == []

        another = page.get_by_role("button", name="Compose another").bounding_box()
        link = page.get_by_role("link", name="Open in Compose").bounding_box()
        assert abs(middle(another) - middle(link)) < 4, "they stand on one line"

        page.emulate_media(color_scheme="dark")  # reruns the page
        wait(page, f"d.state === 'playing' && d.clock > {told(page, 'clock') + 1}")
        settled(page)
        assert len(page.evaluate("window.tops")) == 1, "nothing moves the player"

        page.get_by_text("Inference", exact=True).click()
        page.get_by_text("inference network").wait_for()
        wait(page, f"d.state === 'playing' && d.clock > {told(page, 'clock') + 0.5}")
    page.context.close()
    while min(taken) >= SECONDS_TO_SOUND and len(taken) < TRIES:
        page, _ = visit(browser)
        with app(ROOT / "app.py", tmp_path) as address:
            taken.append(first_sound(page, address))
        page.context.close()
    with capsys.disabled():
        print("\nfirst sound after navigation:", ", ".join(f"{s:.1f} s" for s in taken))
    assert min(taken) < SECONDS_TO_SOUND


def test_a_link_gives_the_identical_midi_in_a_fresh_browser_after_a_restart(browser, tmp_path):
    files = []
    for _ in range(2):
        page, watch = visit(browser, reduced_motion="reduce")
        with app(ROOT / "app.py", tmp_path) as address:
            page.goto(f"{address}/{COMPOSE}")
            page.wait_for_selector(".player[data-clock]")
            with page.expect_download() as download:
                page.get_by_role("button", name="MIDI").click()
            files.append(download.value.path().read_bytes())
            assert watch.foreign == []
        page.context.close()
    assert files[0] == files[1] and len(files[0]) > 200
