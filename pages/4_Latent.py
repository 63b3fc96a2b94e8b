"""Latent: what a model makes of a sequence, and where its transition leads."""

from pages.ui import frame

frame.begin(
    "Latent",
    ":material/timeline:",
    intro="Look inside: the path of the latent state z behind a piece, and what moves it.",
)
with frame.guard():
    from pages.ui.latent import page  # after the frame: PyTorch takes seconds to load

    page.draw()
