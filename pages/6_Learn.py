"""Learn: six short lessons, each an experiment that is run while one watches."""

from pages.ui import frame

frame.begin(
    "Learn",
    ":material/school:",
    intro="Six short lessons, each an experiment that runs before your eyes, with a known truth "
    "beside it.",
)
with frame.guard():
    from pages.ui.learn import page  # after the frame: PyTorch takes seconds to load

    page.draw()
