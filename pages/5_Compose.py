"""Compose: new music from a model, continuations and reconstructions."""

from pages.ui import frame

frame.begin(
    "Compose",
    ":material/piano:",
    intro="Draw new music from a model, let it continue yours, and download the result.",
)
with frame.guard():
    from pages.ui.compose import page  # after the frame: PyTorch takes seconds to load

    page.draw()
