"""The Forecast page: what a model says of sequences that are no music."""

from pages.ui import frame

frame.begin(
    "Forecast",
    ":material/query_stats:",
    intro="Forecast, reconstruct, impute and simulate sequences, and see how good a model is.",
)
with frame.guard():
    from pages.ui.forecast import page  # after the frame: PyTorch takes seconds to load

    page.draw()
