"""The Train page: start a run, monitor it, listen to its samples, stop it and resume it."""

from pages.ui import frame
from pages.ui.runs.from_address import run_from_address
from pages.ui.train import launch, monitor

frame.begin(
    "Train",
    ":material/model_training:",
    intro="Train a Deep Markov Model on a data set, and follow its progress live.",
)
with frame.guard():
    run = run_from_address()
    if run is None:
        launch.draw()
    else:
        monitor.draw(run)
