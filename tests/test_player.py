import base64
import io
import itertools
import json
import re
import statistics
import wave
from contextlib import contextmanager

import numpy as np
import pytest
from browser import ROOT, WAIT, Watch, app, chromium
from playwright.sync_api import expect

from dmm_core.errors import DataError
from dmm_core.music.audio import render_wav
from pages.ui.player import PlayerPath, encode_sound, player

QUIET = render_wav([])
FRAME_MILLISECONDS = 8


def options(**changes):
    roll = np.zeros((4, 88), dtype=bool)
    plain = {"roll": roll, "wav": QUIET, "steps_per_quarter": 1, "tempo": 90.0, "key": "player"}
    return plain | {"rearticulate": True} | changes


def tone(seconds, sampwidth=2):
    """440 periods a second."""
    wav = io.BytesIO()
    with wave.open(wav, "wb") as file:
        file.setparams((1, sampwidth, 22050, 0, "NONE", ""))
        period = 8000 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
        second = period.astype("<i2" if sampwidth == 2 else "u1").tobytes()
        file.writeframes(second * seconds)
    return wav.getvalue()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"roll": np.zeros((0, 88), dtype=bool)}, "no frames"),
        ({"roll": np.zeros((4, 128), dtype=bool)}, "88"),
        ({"kl": np.zeros(3)}, "kl has the shape (3,)"),
        ({"kl": np.array([0, 1, np.nan, 2])}, "not finite"),
        ({"probabilities": np.full((4, 88), 1.5)}, "outside 0 to 1"),
        (
            {"path": PlayerPath(np.zeros((4, 2)), np.zeros((4, 3)))},
            "path.scale has the shape (4, 3)",
        ),
        ({"wav": b"MThd"}, "not a PCM WAV"),
        ({"wav": tone(1, sampwidth=1)}, "8 bits per sample"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)):
        player(**options(**changes))


def test_the_sound_lasts_as_long_as_the_roll():
    with wave.open(io.BytesIO(QUIET)) as short:
        before = short.getnframes()
    sound = base64.b64decode(encode_sound(QUIET, 3.0).base64)
    with wave.open(io.BytesIO(sound)) as padded:
        assert padded.getnframes() / padded.getframerate() >= 3.0 > before / padded.getframerate()
    assert base64.b64decode(encode_sound(QUIET, 0.5).base64) == QUIET


def test_a_sound_too_long_for_a_page_is_heard_at_a_lower_rate():
    long = tone(900)
    lowered = encode_sound(long, 900.0)
    assert (
        len(lowered.base64) < len(encode_sound(tone(600), 600.0).base64) and lowered.rate == 11025
    )
    with wave.open(io.BytesIO(base64.b64decode(lowered.base64))) as sound:
        assert sound.getframerate() == 11025
        assert sound.getnframes() / 11025 == pytest.approx(900, abs=0.01)
        heard = np.frombuffer(sound.readframes(11025), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum.argmax() == 440 and np.sort(spectrum)[-2] < spectrum.max() / 100
    assert encode_sound(tone(1), 1.0).rate is None


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with app(ROOT / "tests" / "player_page.py", tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(address, browser):
    """Open a case of the page; afterwards its console must be clean and its host the only one."""

    @contextmanager
    def opened(case, script="", **settings):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **settings)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.add_init_script(script)
        watch = Watch(page)
        page.goto(f"{address}/?case={case}")
        page.wait_for_selector(".player[data-clock]")
        yield page
        assert watch.errors == []
        assert watch.foreign == []
        context.close()

    return opened


def data(page, name, which=0):
    return page.locator(".player").nth(which).evaluate("(e, name) => e.dataset[name]", name)


def wait(page, condition, which=0):
    """Wait until the JavaScript `condition` on a player's dataset `d` holds."""
    player = page.locator(".player").nth(which).element_handle()
    page.wait_for_function(f"e => (d => {condition})(e.dataset)", arg=player)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def heard(page, text):
    """Wait until Python has written `text` about an event."""
    page.get_by_text(text).wait_for()


def find_note(page):
    """Move the pointer down the first frame until it is on a note."""
    box = page.locator("canvas.roll").bounding_box()
    for y in range(30, 330, 3):
        page.mouse.move(box["x"] + 52, box["y"] + y)
        if page.locator("canvas.roll").evaluate("e => e.style.cursor") == "pointer":
            return
    pytest.fail("no note in the first frame")


def test_a_click_plays_and_keys_wheel_and_path_move(visit):
    with visit("chorale") as page:
        start = float(data(page, "playheadX"))
        page.get_by_role("button", name="Play").click()
        wait(page, "d.state === 'playing' && d.clock > 0.5")
        assert float(data(page, "playheadX")) > start + 5

        page.locator("canvas.roll").focus()
        press(page, "Space")
        wait(page, "d.state === 'paused'")
        press(page, "Home")
        wait(page, "d.clock === '0.000'")
        press(page, "ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft")
        wait(page, "d.clock === '2.500'")  # 2 + 4 - 1 frames of half a second
        assert page.locator("canvas.roll").get_attribute("aria-valuenow") == "5"
        zoom = float(data(page, "zoom"))
        press(page, "+")
        wait(page, f"d.zoom > {zoom * 1.2}")
        press(page, "l")
        expect(page.locator("button.loop")).to_have_attribute("aria-pressed", "true")

        zoom = float(data(page, "zoom"))
        page.locator("canvas.roll").hover()
        page.keyboard.down("Control")
        page.mouse.wheel(0, -50)
        page.keyboard.up("Control")
        wait(page, f"d.zoom > {zoom * 1.3}")
        press(page, "Home")
        wait(page, "d.clock === '0.000'")
        box = page.locator("canvas.latent").bounding_box()
        for y in range(10, int(box["height"]), 12):
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + y)
        wait(page, "d.clock > 0")


def test_events_reach_python_and_the_player_survives_the_rerun(visit):
    with visit("chorale") as page:
        page.get_by_role("button", name="Play").click()
        press(page, "+", "+")
        page.get_by_role("button", name="Follow").click()  # The first frames stay in view.
        wait(page, "d.clock > 0.3 && d.zoom > 20")
        find_note(page)
        words = re.compile(r"^[A-G]♯?\d at 1:1, probability \d\.\d\d$")
        expect(page.locator(".pointed")).to_have_text(words)
        page.mouse.down()
        page.mouse.up()
        heard(page, re.compile(r"note=\(0, \d+\) region=None reruns=2"))
        wait(page, "d.state === 'playing' && d.clock > 1 && d.zoom > 20")

        box = page.locator("canvas.roll").bounding_box()
        width = float(data(page, "zoom"))
        page.mouse.move(box["x"] + 48 + 1.1 * width, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 48 + 2.9 * width, box["y"] + 10, steps=3)
        page.mouse.up()
        heard(page, "note=None region=(1, 2)")
        wait(page, "d.region === '1,2'")
        clocks = []
        for _ in range(12):
            page.wait_for_timeout(150)
            clocks.append(float(data(page, "clock")))
        # Frames 1 and 2 last half a second each.
        assert min(clocks[2:]) >= 0.5 and max(clocks[2:]) < 1.6
        assert any(later < earlier for earlier, later in itertools.pairwise(clocks))

        press(page, "Escape")
        heard(page, "region=None")


def test_another_sound_starts_afresh_and_a_player_that_goes_takes_its_sound_along(visit):
    with visit("chorale") as page:
        page.get_by_role("button", name="Play").click()
        page.locator("canvas.roll").focus()
        wait(page, "d.clock > 0.6")
        press(page, "[")
        heard(page, re.compile(r"region=\([1-9]\d*, 63\)"))
        page.get_by_text("Another piece").click()
        heard(page, "region=None")
        wait(page, "d.state === 'paused' && d.clock === '0.000' && d.region === ''")

        page.get_by_role("button", name="Play").click()
        wait(page, "d.clock > 0.2")
        audio = page.locator("audio").element_handle()
        page.get_by_text("Hide").click()
        page.locator(".player").wait_for(state="detached")
        page.wait_for_function("e => e.paused && !e.src", arg=audio)
        expect(page.locator("audio")).to_have_count(0)


def test_reduced_motion_moves_in_steps(visit):
    with visit("chorale", reduced_motion="reduce") as page:
        page.get_by_role("button", name="Play").click()
        zoom, places = float(data(page, "zoom")), set()
        for _ in range(600):
            page.wait_for_timeout(60)
            places.add(round((float(data(page, "playheadX")) - 48) / zoom, 2))
            if len(places) == 4:
                break
        assert len(places) == 4 and all(place == int(place) for place in places)


def test_the_theme_changes_under_a_player(visit):
    ground = """e => Math.max(...e.getContext('2d').getImageData(e.width - 3, 300, 1, 1).data
        .slice(0, 3))"""
    with visit("chorale", color_scheme="light") as page:
        page.locator("canvas.roll").focus()
        press(page, "ArrowRight")
        roll = page.locator("canvas.roll")
        assert roll.evaluate(ground) > 200
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(f"e => ({ground})(e) < 70", arg=roll.element_handle())
        wait(page, "d.clock === '0.500'")


def test_one_player_sounds_at_a_time(visit):
    with visit("pair") as page:
        for first, second in ((0, 1), (1, 0)):
            page.locator("button.play").nth(first).click()
            wait(page, "d.state === 'playing'", first)
            wait(page, "d.state === 'paused'", second)
            playing = "es => es.filter(e => !e.paused).length"
            assert page.locator("audio").evaluate_all(playing) == 1


def test_a_hostile_title_is_text_and_silence_and_a_single_frame_are_shown_plainly(visit):
    with visit("little") as page:
        expect(page.locator(".player[data-clock]")).to_have_count(2)
        assert page.locator(".title").first.inner_text().count("<img src=x") == 20
        assert page.locator(".player img, .player script").count() == 0
        assert page.evaluate("window.hacked") is None
        expect(page.locator(".empty").nth(0)).to_be_visible()
        expect(page.locator(".empty").nth(1)).to_be_hidden()
        for which in (0, 1):
            page.locator("button.play").nth(which).click()
            wait(page, "d.clock > 0.2", which)


COUNT_FRAMES = """
window.costs = [];
const request = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => request((now) => {
    const start = performance.now();
    draw(now);
    window.costs.push(performance.now() - start);
});
"""


def test_a_frame_of_a_long_piece_is_cheap_and_its_table_is_capped(visit, capsys):
    with visit("long", script=COUNT_FRAMES) as page:
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.get_by_role("button", name="Play").click()
        figures = {}
        for view, name in (("scrolling", ""), ("whole", "Fit")):
            if name:
                page.get_by_role("button", name=name).click()
            page.evaluate("window.costs.length = 0")
            before = task_seconds(session)
            page.wait_for_timeout(1_000)
            costs = page.evaluate("window.costs")
            figures[view] = {
                "frames": len(costs),
                "median_ms": round(statistics.median(costs), 2),
                "p95_ms": round(statistics.quantiles(costs, n=20)[-1], 2),
                "all_tasks_ms": round(1000 * (task_seconds(session) - before) / len(costs), 2),
            }
        with capsys.disabled():
            print(f"\nframes at 4,000 roll frames: {json.dumps(figures)}")
        assert all(each["median_ms"] < FRAME_MILLISECONDS for each in figures.values())

        page.get_by_text("Note table").click()
        expect(page.locator("caption")).to_have_text(re.compile(r"^The first 500 of \d{4,} notes$"))
        expect(page.locator("tbody tr")).to_have_count(500)


def task_seconds(session):
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
