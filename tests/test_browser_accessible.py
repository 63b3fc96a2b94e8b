"""Every page, filled, in light and dark: under axe-core, and in that theme's colours throughout."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from page_models import real_run
from playwright.sync_api import expect
from served import one_context, served_run, visited

TALL = {"width": 1280, "height": 2600}
"""A chart is drawn once it is in sight."""
GRAVE = ("serious", "critical")
RULES = """async () => (await axe.run({resultTypes: ["violations"]})).violations.map(
    ({id, impact, help, nodes}) => ({id, impact, help, where: nodes.map((n) => n.target.join(" "))})
)"""
STILL = "() => !document.getAnimations().some((each) => each instanceof CSSTransition)"
"""A colour on its way from one theme to the other is neither's."""
PLAYER = ".player[data-clock]"
LIGHTNESS = "([red, green, blue]) => 0.3 * red + 0.59 * green + 0.11 * blue"
ROLLS = f"""([rolls, dark]) => rolls.every((roll) => {{
    const {{ data }} = roll.getContext("2d").getImageData(0, 0, roll.width, roll.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += ({LIGHTNESS})(data.slice(i, i + 3));
    const ground = sum / (data.length / 4);
    return dark ? ground < 80 : ground > 170;
}})"""
"""A roll is as light as its ground: notes cover little of it."""
INKS = f"""(dark) => {{
    const texts = [...document.querySelectorAll(".xtick text, .ytick text")];
    return texts.length > 0 && texts.every((text) => {{
        const ink = ({LIGHTNESS})(getComputedStyle(text).fill.match(/\\d+/g).map(Number));
        return dark ? ink > 150 : ink < 100;
    }});
}}"""
CURVES = ".js-plotly-plot .main-svg"
PAGES = {
    "Home": ("?seed=3", PLAYER),
    "Data": ("Data?data={data}", CURVES),
    "Data, all": ("Data?view=all", "text=Licence"),
    "Data, own": ("Data?view=own", "text=Files are stored only on the server"),
    "Train": ("Train?preset=classroom", "text=on this machine's CPU"),
    "Train, a run": ("Train?run={run}", CURVES),
    "Runs": ("Runs?run={run}", CURVES),
    "Latent": ("Latent?run={run}", CURVES),
    "Compose": ("Compose?run=bundled:chorales&seed=7&xt=0.7", PLAYER),
    "Forecast": ("Forecast?horizon=3", CURVES),
    "Learn": ("Learn?lesson=kalman", CURVES),
    "Learn, drawing": ("Learn?lesson=duel", ".drawing .observed[points]"),
}
"""The link of each, and what is there once it is filled."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of an app whose home has a run on music and one on other data; the former."""
    with served_run(tmp_path_factory.mktemp("home")) as both:
        real_run()
        yield both


@pytest.fixture(scope="module")
def context():
    with one_context(viewport=TALL, color_scheme="light", reduced_motion="reduce") as opened:
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_grave_rule_in_either_theme_and_its_player_wears_both(
    served, context, name
):
    with visited(context, served, *PAGES[name]) as page:
        page.evaluate(AXE_SCRIPT)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
            page.wait_for_function(STILL)
            rolls = page.locator("canvas.roll").element_handles()
            page.wait_for_function(ROLLS, arg=[rolls, theme == "dark"], polling=200)
            broken = [rule for rule in page.evaluate(RULES) if rule["impact"] in GRAVE]
            assert not broken, "\n".join(
                f"{name}, {theme}: {rule['id']} ({rule['help']}): {'; '.join(rule['where'])}"
                for rule in broken
            )


def test_charts_follow_the_theme(served, context):
    with visited(context, served, "Learn?lesson=kalman", CURVES) as page:
        page.wait_for_function(INKS, arg=False)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(INKS, arg=True)
        page.emulate_media(color_scheme="light")
        page.wait_for_function(INKS, arg=False)
        assert not page.evaluate(INKS, True)
