"""The Compose page: new music, continuations, infillings, morphs and reconstructions."""

from pages.ui import frame

frame.begin(
    "Compose",
    ":material/piano:",
    intro="Compose new music with a model, continue your own music, and download the result.",
)
with frame.guard():
    from pages.ui.compose import page  # after the frame: PyTorch takes seconds to load

    page.draw()
