"""Every page in both themes as docs/screenshots/*.png: `make screenshots`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import ROOT, app, chromium

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        run = train(home)
        pages = {
            "home": "?seed=3",
            "data": "Data?data=jsb-m21&piece=12",
            "train": f"Train?run={run}",
            "runs": f"Runs?run={run}",
            "latent": "Latent?run=bundled:chorales&split=test&piece=5",
            "learn": "Learn?lesson=treatment",
            "compose": "Compose?run=bundled:chorales&seed=7&xt=0.7",
        }
        with app(ROOT / "app.py", home) as address, chromium() as browser:
            for theme in ("light", "dark"):
                page = browser.new_context(viewport=SIZE, color_scheme=theme).new_page()
                for name, link in pages.items():
                    page.goto(f"{address}/{link}")
                    page.get_by_test_id("stMainBlockContainer").wait_for()
                    page.wait_for_timeout(6000)
                    play = page.get_by_role("button", name="Play")
                    if name not in ("train", "runs") and play.count():
                        play.first.click()
                        page.wait_for_timeout(9000)
                    page.screenshot(path=FOLDER / target(name, theme))
                page.context.close()


def target(name, theme):
    return f"{name}.png" if theme == "light" else f"{name}-dark.png"


def train(home):
    """A short run to look at; its id."""
    command = [sys.executable, "-m", "dmm_core", "train", "--preset=classroom"]
    command += ["--name=A first model", "--train.epochs=30"]
    environment = {**os.environ, "DMM_HOME": home}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    (folder,) = (Path(home) / "runs").glob("2*")
    return folder.name


if __name__ == "__main__":
    main()
