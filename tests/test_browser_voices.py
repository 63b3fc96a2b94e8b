"""The player of voices in a real browser: by mouse, by touch on a narrow screen, and by keys."""

import itertools
import re
from contextlib import contextmanager

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import ROOT, WAIT, Watch, app, chromium, settled
from playwright.sync_api import expect
from test_browser_accessible import GRAVE, RULES, STILL

PLAYER = ".voices[data-clock]"
SCROLLED = """() => document.querySelector('[data-testid="stMain"]').scrollTop"""
RESTS = f"""() => new Promise((resolve) => {{
    const before = ({SCROLLED})();
    setTimeout(() => resolve(({SCROLLED})() === before), 150);
}})"""
"""Whether a swipe has run out."""
POSITIONS = """(seconds) => new Promise((resolve) => {
    const root = [...document.querySelectorAll("*")].map((e) => e.shadowRoot).find(
        (each) => each?.querySelector(".voices"));
    const [audio, needle] = ["audio", ".needle"].map((each) => root.querySelector(each));
    const found = [];
    const observer = new MutationObserver(() => {
        found.push([audio.currentTime, Number(needle.dataset.x)]);
    });
    observer.observe(needle, { attributeFilter: ["data-x"] });
    setTimeout(() => { observer.disconnect(); resolve(found); }, 1000 * seconds);
})"""
"""The clock of the sound each time that the needle has just moved, and where it is then."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home):
    with app(ROOT / "tests" / "voices_page.py", home) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(address, browser):
    """Open the page; afterwards its console must be clean and its host the only one."""

    @contextmanager
    def opened(width, height, **settings):
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        watch = Watch(page)
        page.goto(address)
        page.wait_for_selector(PLAYER)
        yield page
        assert watch.errors == []
        assert watch.foreign == []
        context.close()

    return opened


def data(page, name):
    return page.locator(PLAYER).evaluate("(e, name) => e.dataset[name]", name)


def line(page, voice):
    """The first notes of a voice, as start:pitch:end, with an L if they are locked."""
    notes = [note.split(":", 1) for note in data(page, "notes").split()]
    return [rest for number, rest in notes if number == str(voice)][:3]


def shows(page, voice, *notes):
    """Wait until a voice begins with these notes."""
    pattern = "".join(f"(?=(.* )?{voice}:{re.escape(note)}( |$))" for note in notes)
    expect(page.locator(PLAYER)).to_have_attribute("data-notes", re.compile(pattern))


class Roll:
    """Where sixteenths and pitches are on the canvas: rows from 35 to 82 below a ruler of 26."""

    def __init__(self, page, gutter):
        self.page, self.gutter = page, gutter
        self.box = page.locator("canvas.roll").bounding_box()

    def at(self, frame, pitch):
        zoom, scroll = float(data(self.page, "zoom")), float(data(self.page, "scroll"))
        row = (self.box["height"] - 46) / 48
        x = self.box["x"] + self.gutter + frame * zoom - scroll
        return x, self.box["y"] + 26 + (82 - pitch + 0.5) * row

    def drag(self, start, end):
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at(*end), steps=4)
        mouse.up()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def grave(page):
    """The grave rules of axe-core that the page breaks in either theme."""
    page.evaluate(AXE_SCRIPT)
    broken = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
        page.wait_for_function(STILL)
        broken += [rule for rule in page.evaluate(RULES) if rule["impact"] in GRAVE]
    return broken


def test_notes_are_drawn_locked_and_composed_by_mouse_and_all_of_it_is_undone(visit, home):
    with visit(1280, 900, reduced_motion="reduce") as page:
        roll = Roll(page, 48)
        page.get_by_role("button", name="Draw", exact=True).click()
        roll.drag((0.5, 79), (7.5, 79))
        roll.drag((8.5, 77), (11.5, 77))
        shows(page, 0, "0:79:8L", "8:77:12L")
        page.get_by_text("edits=1 notes=77 locked=2 voices=[]").wait_for()
        page.get_by_role("button", name="Lock the bass").click()

        # A stroke while the rest is composed stays, and is sent afterwards.
        bass = line(page, 3)
        page.get_by_role("button", name="Compose the rest").click()
        expect(page.locator(PLAYER)).to_have_attribute("data-composing", "true")
        roll.drag((16.5, 81), (19.5, 81))
        shows(page, 0, "16:81:20L", "12:77:16")
        (home / "compose").touch()
        page.get_by_text("composed=1").wait_for()
        shows(page, 0, "0:79:8L", "8:77:12L", "12:72:14", "16:81:20L")
        assert line(page, 3) == bass, "the locked voice is kept"
        page.get_by_text(re.compile(r"edits=3 notes=\d+ locked=3 voices=\[3\]")).wait_for()

        # Undo brings back the notes before the composition, and sends them.
        press(page, "Control+z")
        shows(page, 0, "0:79:8L", "8:77:12L", "12:77:16", "16:81:20L")
        page.get_by_text(re.compile(r"edits=4 notes=76 locked=3 voices=\[3\]")).wait_for()
        for _ in range(4):
            press(page, "Control+z")
        shows(page, 0, "0:72:2", "2:70:4", "8:76:10")
        expect(page.get_by_role("button", name="Undo")).to_be_disabled()
        press(page, "Control+Shift+Z")
        shows(page, 0, "0:79:8L", "8:76:10")

        # Select stretches and moves, the brush frees, and Erase removes.
        page.get_by_role("button", name="Select", exact=True).click()
        roll.drag((7.9, 79), (11.9, 79))
        shows(page, 0, "0:79:12L")
        roll.drag((3, 79), (7, 76))
        shows(page, 0, "4:76:16L")
        page.get_by_role("button", name="Lock", exact=True).click()
        roll.drag((5, 76), (9, 76))
        shows(page, 0, "4:76:16")
        page.get_by_role("button", name="Erase", exact=True).click()
        roll.drag((5, 76), (5, 67))
        assert not [note for note in line(page, 0) if note.startswith("4:")]
        settled(page)
        assert grave(page) == []


def test_a_finger_draws_without_scrolling_and_keys_do_everything(visit):
    with visit(390, 760, has_touch=True, color_scheme="dark") as page:
        page.locator("canvas.roll").scroll_into_view_if_needed()
        roll, session = Roll(page, 36), page.context.new_cdp_session(page)

        def touch(*places):
            for kind, place in [
                ("touchStart", places[0]),
                *(("touchMove", each) for each in places),
            ]:
                x, y = roll.at(*place)
                points = [{"x": x, "y": y}]
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
                page.wait_for_timeout(16)
            session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        page.get_by_role("button", name="Draw", exact=True).tap()
        roll.box = page.locator("canvas.roll").bounding_box()
        before = page.evaluate(SCROLLED)
        touch((0.5, 70), (0.5, 74), (0.5, 79), (4, 77), (7.5, 75))
        shows(page, 0, "0:79:8L")
        assert page.evaluate(SCROLLED) == before
        page.get_by_role("button", name="Select", exact=True).tap()
        roll.box = page.locator("canvas.roll").bounding_box()
        before = page.evaluate(SCROLLED)
        touch(*((14, 62 + each) for each in range(0, 20, 2)))
        page.wait_for_function(f"(before) => ({SCROLLED})() > before + 20", arg=before)
        page.wait_for_function(RESTS)
        roll.box = page.locator("canvas.roll").bounding_box()
        before = page.evaluate(SCROLLED)
        touch((3, 79))
        expect(page.locator(PLAYER)).to_have_attribute("data-selected", "0:0")
        touch((3, 79), (5, 77), (7, 75))
        shows(page, 0, "4:75:12L")
        assert page.evaluate(SCROLLED) == before
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, "nothing is wider than the screen"

        # From here on by keys alone.
        page.locator("canvas.roll").focus()
        press(page, "Home", "4", "ArrowDown", "Enter", "Enter")
        below = int(data(page, "cursor").split()[1])
        shows(page, 3, f"0:{below}:4L", f"4:{below}:8L")
        press(page, "[", "ArrowUp", "ArrowUp", "Shift+ArrowRight", "l")
        shows(page, 3, f"0:{below}:4L", f"4:{below + 2}:12")
        expect(page.locator(".announcement")).to_contain_text("Freed bass")
        press(page, "Delete")
        expect(page.locator(PLAYER)).to_have_attribute("data-selected", "")
        press(page, "Control+z", "Control+z")
        shows(page, 3, f"4:{below + 2}:12L")
        press(page, "Home", "ArrowRight", "i", "ArrowRight", "o")
        expect(page.locator(PLAYER)).to_have_attribute("data-region", "4,8")
        press(page, "Space")
        expect(page.locator(PLAYER)).to_have_attribute("data-state", "playing")


def test_the_needle_of_the_score_is_where_the_sound_is(visit):
    with visit(800, 900) as page:
        page.get_by_role("button", name="Score").click()
        page.wait_for_selector(".voices[data-engraved]")
        page.get_by_role("button", name="Play").click()
        found = page.evaluate(POSITIONS, 2.0)
        page.get_by_role("button", name="Pause").click()
        assert len(found) > 20
        # The same moments once more, while the sound rests.
        audio, needle = page.locator("audio"), page.locator(".needle")
        speed = (found[-1][1] - found[5][1]) / (found[-1][0] - found[5][0])
        for clock, x in itertools.islice(found, 5, None, len(found) // 4):
            audio.evaluate("(e, clock) => { e.currentTime = clock; }", clock)
            expect(page.locator(PLAYER)).to_have_attribute("data-clock", f"{clock:.3f}")
            late = (float(needle.get_attribute("data-x")) - x) / speed
            assert abs(late) < 1 / 60, "in seconds"

        # A click on a note goes there.
        page.keyboard.press("Home")
        expect(page.locator(PLAYER)).to_have_attribute("data-clock", "0.000")
        box = page.locator(".engraved").bounding_box()
        page.mouse.click(box["x"] + found[-1][1] + 2, box["y"] + 40)
        page.wait_for_function("e => e.dataset.clock > 1", arg=page.query_selector(PLAYER))
        assert grave(page) == []
