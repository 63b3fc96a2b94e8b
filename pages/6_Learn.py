"""The Learn page: seven short lessons, each with an experiment that runs on the page."""

from pages.ui import frame

frame.begin(
    "Learn",
    ":material/school:",
    intro="Seven short lessons. Each one runs an experiment on simulated data, so that its result "
    "can be compared with the truth.",
)
with frame.guard():
    from pages.ui.learn import page  # after the frame: PyTorch takes seconds to load

    page.draw()
