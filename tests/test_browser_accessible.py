"""Every page, filled, in light and dark, under axe-core: who cannot see or point can use it."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import ROOT, WAIT, app, chromium, settled
from page_models import music_run
from playwright.sync_api import expect
from runs_by_state import write_metrics

TALL = {"width": 1280, "height": 2600}
"""A chart is drawn once it is in sight."""
GRAVE = ("serious", "critical")
RULES = """async () => (await axe.run({resultTypes: ["violations"]})).violations.map(
    ({id, impact, help, nodes}) => ({id, impact, help, where: nodes.map((n) => n.target.join(" "))})
)"""
STILL = "() => !document.getAnimations().some((each) => each instanceof CSSTransition)"
"""A colour on its way from one theme to the other is neither's."""
PLAYER = ".player[data-clock]"
CURVES = ".js-plotly-plot .main-svg"
PAGES = {
    "Home": ("?seed=3", PLAYER),
    "Data": ("Data?data={data}", CURVES),
    "Data, all": ("Data?view=all", "text=Licence"),
    "Data, own": ("Data?view=own", "text=an eighth note"),
    "Train": ("Train?preset=classroom", "text=on this machine's CPU"),
    "Train, a run": ("Train?run={run}", CURVES),
    "Runs": ("Runs?run={run}", CURVES),
    "Latent": ("Latent?run={run}", CURVES),
    "Compose": ("Compose?run=bundled:chorales&seed=7&xt=0.7", PLAYER),
    "Learn": ("Learn?lesson=kalman", CURVES),
}
"""The link of each, and what is there once it is filled."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of an app whose home has one finished run, and that run."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(home))
        run = music_run()
        write_metrics(run, epochs=6)
        with app(ROOT / "app.py", home) as address:
            yield address, run


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_grave_rule_in_either_theme(served, browser, name):
    address, run = served
    link, filled = PAGES[name]
    context = browser.new_context(viewport=TALL, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/{link.format(run=run.id, data=run.config().data.name)}")
    page.locator(filled).first.wait_for(timeout=WAIT)
    settled(page)
    page.evaluate(AXE_SCRIPT)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme, timeout=WAIT)
        page.wait_for_function(STILL, timeout=WAIT)
        broken = [rule for rule in page.evaluate(RULES) if rule["impact"] in GRAVE]
        assert not broken, "\n".join(
            f"{name}, {theme}: {rule['id']} ({rule['help']}): {'; '.join(rule['where'])}"
            for rule in broken
        )
    context.close()
