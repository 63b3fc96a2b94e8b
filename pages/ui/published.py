"""What the paper reports, as the pages show it beside a run's own numbers."""

from dmm_core.experiments.published import CANONICAL, published
from pages.ui.charts import Reference

__all__ = ["comparable", "references"]


def references(data: str) -> list[Reference]:
    """The paper's test bounds per step to draw beside the curves of the data set called `data`."""
    return [
        Reference(f"{row.title}, test bound", row.bound_per_step)
        for row in published(data)
        if row.bound_per_step is not None and row.title in ("DMM", "DMM-Aug")
    ]


def comparable(data: str) -> str:
    """One sentence on whether numbers of `data` may be compared with the paper's."""
    if data in CANONICAL:
        return "These are the paper's data, so its numbers on the test split are comparable."
    if data.startswith("jsb-m21"):
        return "Not comparable with the paper: these chorales are another edition of its data."
    return "Not comparable with the paper: it has no numbers of these data."
