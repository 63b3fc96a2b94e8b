import json
import re

from browser import ROOT, WAIT, Watch, app, chromium, settled
from playwright.sync_api import expect
from served import SIZE

from dmm_core.config.lessons import list_experiments
from dmm_core.system.files import home

FRAME = """() => {
    const { content } = getComputedStyle(document.activeElement, "::before");
    return [document.activeElement.dataset.testid, content];
}"""
"""What has the focus, and what Streamlit draws its frame with."""


def test_a_lesson_is_run_and_turned_by_keys_and_found_again_by_its_link(dmm_home):
    content = json.loads(list_experiments()["parameters"].read_text())
    for variant in content["variants"].values():
        variant["train"] |= {"epochs": 3, "batch_size": 500}
    (home() / "lessons").mkdir()
    (home() / "lessons" / "parameters.json").write_text(json.dumps(content))
    with app(ROOT / "app.py", dmm_home) as address, chromium() as browser:
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(2 * WAIT)
        watch = Watch(page)
        page.goto(f"{address}/Learn?lesson=parameters&present=true")
        run = page.get_by_role("button", name="Run experiment")
        run.wait_for()
        assert run.bounding_box()["y"] + 40 < 800
        page.keyboard.press("Enter")
        page.wait_for_function("location.search.includes('runs=')")
        link = page.url
        page.get_by_role("button", name="Run again").wait_for()
        page.locator(".js-plotly-plot:visible").first.wait_for()

        page.goto(link)
        page.get_by_role("button", name="Run again").wait_for()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("location.search.includes('lesson=networks')")
        page.get_by_text("MF-LR", exact=True).first.wait_for()
        assert "runs=" not in page.url

        page.mouse.click(1250, 600)  # beside all controls: the page itself has the focus now
        page.keyboard.press("ArrowRight")
        page.wait_for_function("location.search.includes('lesson=collapse')")
        assert page.evaluate(FRAME) == ["stMain", "none"]

        page.keyboard.press("ArrowRight")
        page.wait_for_function("location.search.includes('lesson=treatment')")
        chart = page.locator(".js-plotly-plot:visible").first
        chart.wait_for()
        box = chart.bounding_box()
        assert box["y"] + box["height"] <= 800

        # A deep link makes Streamlit look for its server below the page first: 404, twice.
        assert [error for error in watch.errors if "status of 404" not in error] == []
        assert watch.foreign == []
        context.close()


def test_a_forecast_is_drawn_by_mouse_and_by_keys_and_scored(dmm_home):
    with app(ROOT / "app.py", dmm_home) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 900}, reduced_motion="reduce")
        page.set_default_timeout(WAIT)
        watch = Watch(page)
        page.goto(f"{address}/Learn?lesson=duel")
        pad = page.get_by_role("slider", name="Your forecast")
        submit = page.get_by_role("button", name="Submit forecast")
        pad.scroll_into_view_if_needed()
        expect(submit).to_be_disabled()
        settled(page)

        box = pad.bounding_box()
        left, middle = box["x"] + 2, box["y"] + box["height"] / 2
        page.mouse.move(left, middle)
        page.mouse.down()
        page.mouse.move(left + box["width"] / 2, middle - 40)
        expect(submit).to_be_disabled()
        page.mouse.move(left + box["width"] - 4, middle)
        page.mouse.up()
        expect(pad).to_have_attribute("aria-valuetext", re.compile(r"^Frame 25: -?\d+\.\d$"))
        submit.click()
        expect(page.get_by_role("row", name="Kalman filter")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page.get_by_role("button", name="Next series").click()
        expect(pad).to_have_attribute("aria-valuetext", "Frame 16: not drawn yet")
        pad.focus()
        page.keyboard.press("ArrowUp")
        before = float(pad.get_attribute("aria-valuenow"))
        page.keyboard.press("PageUp")
        assert float(pad.get_attribute("aria-valuenow")) == before + 5
        for _ in range(9):
            page.keyboard.press("ArrowRight")
        expect(pad).to_have_attribute("aria-valuetext", f"Frame 25: {before + 5:.1f}")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".drawing output")).to_have_text("0.25")
        submit.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("columnheader", name="CRPS of series 2")).to_have_count(1)
        expect(page.get_by_text("forecast so far: 2")).to_have_count(1)

        page.get_by_role("button", name="Previous").click()  # with a series in the address
        page.wait_for_function("location.search === '?lesson=missing'")
        page.get_by_label("Patient", exact=True).wait_for()
        assert [error for error in watch.errors if "status of 404" not in error] == []
