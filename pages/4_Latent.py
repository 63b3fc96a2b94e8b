"""The Latent page: the latent states that a model infers, and its transition."""

from pages.ui import frame

frame.begin(
    "Latent",
    ":material/timeline:",
    intro="See how the latent state z changes over a sequence, and how the transition moves it.",
)
with frame.guard():
    from pages.ui.latent import page  # after the frame: PyTorch takes seconds to load

    page.draw()
