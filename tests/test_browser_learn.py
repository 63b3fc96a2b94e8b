import json

from browser import ROOT, WAIT, Watch, app, chromium

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
        context = browser.new_context(viewport={"width": 1280, "height": 800})
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
