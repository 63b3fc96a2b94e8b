"""Every page in both themes and the player in motion, in docs/screenshots: `make screenshots`."""

import io
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from browser import ROOT, app, chromium
from PIL import Image

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}
MOTION_SECONDS = 8


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        run = train(home, "--preset=classroom", "--name=A first model", "--train.epochs=30")
        series = train(home, "--preset=series", "--data.name=sunspots", "--name=Sunspots")
        pages = {
            "home": "?seed=3",
            "data": "Data?data=jsb-m21&piece=12",
            "train": f"Train?run={run}",
            "runs": f"Runs?run={run}",
            "latent": "Latent?run=bundled:chorales&split=test&piece=5",
            "forecast": f"Forecast?run={series}&horizon=22",
            "learn": "Learn?lesson=treatment",
            "compose": "Compose?run=bundled:voices&mode=harmonise&split=test&piece=3",
        }
        with app(ROOT / "app.py", home) as address, chromium() as browser:
            for theme in ("light", "dark"):
                page = browser.new_context(viewport=SIZE, color_scheme=theme).new_page()
                for name, link in pages.items():
                    page.goto(f"{address}/{link}")
                    page.get_by_test_id("stMainBlockContainer").wait_for()
                    page.wait_for_timeout(6000)
                    if name == "compose":  # it takes some seconds to harmonise a melody
                        player = page.locator(".player").first
                        player.wait_for(timeout=60_000)
                        player.evaluate("element => element.scrollIntoView()")
                    play = page.get_by_role("button", name="Play")
                    if name not in ("train", "runs") and play.count():
                        play.first.click()
                        page.wait_for_timeout(9000)
                    page.screenshot(path=FOLDER / target(name, theme))
                page.context.close()
            film(browser, f"{address}/{pages['home']}")


def film(browser, address):
    """The player of the page at `address` while it plays, as an animated picture."""
    page = browser.new_context(viewport=SIZE, color_scheme="dark").new_page()
    page.goto(address)
    page.get_by_role("button", name="Play").first.click()
    player = page.locator(".player").first
    page.wait_for_timeout(2000)
    shots, times = [], [time.monotonic()]
    while times[-1] - times[0] < MOTION_SECONDS:
        shots.append(Image.open(io.BytesIO(player.screenshot())).convert("RGB"))
        times.append(time.monotonic())
    page.context.close()
    shown = [round(1000 * (end - start)) for start, end in itertools.pairwise(times)]
    shots[0].save(
        FOLDER / "player.webp",
        save_all=True,
        append_images=shots[1:],
        duration=shown,
        loop=0,
        quality=60,
        method=6,
    )


def target(name, theme):
    return f"{name}.png" if theme == "light" else f"{name}-dark.png"


def train(home, *arguments):
    """A short run to look at; its id."""
    command = [sys.executable, "-m", "dmm_core", "train", *arguments]
    environment = {**os.environ, "DMM_HOME": home}
    before = set((Path(home) / "runs").glob("2*"))
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    (folder,) = set((Path(home) / "runs").glob("2*")) - before
    return folder.name


if __name__ == "__main__":
    main()
