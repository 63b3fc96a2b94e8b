"""Train: start a run, watch it learn, hear it, stop it and go on with it."""

from pages.ui import frame
from pages.ui.runs.find import named_run
from pages.ui.train import launch, watch

frame.begin(
    "Train",
    ":material/model_training:",
    intro="Let a Deep Markov Model learn from music, and follow it live.",
)
with frame.guard():
    run = named_run()
    if run is None:
        launch.draw()
    else:
        watch.draw(run)
