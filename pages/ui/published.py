"""The paper's results, for comparison with the results of a run."""

from dmm_core.experiments.published import CANONICAL, published
from pages.ui.charts import Reference

__all__ = ["comparable", "references"]


def references(data: str) -> list[Reference]:
    """Return the paper's test bounds per step on the data set called `data`, for charts."""
    return [
        Reference(f"{row.title}, test bound", row.bound_per_step)
        for row in published(data)
        if row.bound_per_step is not None and row.title in ("DMM", "DMM-Aug")
    ]


def comparable(data: str) -> str:
    """Return a sentence on whether results on `data` are comparable with the paper's."""
    if data in CANONICAL:
        return "The paper uses this data set, so its results on the test split are comparable."
    if data.startswith("jsb-m21"):
        return (
            "Results are not comparable with the paper, which uses another edition of these "
            "chorales."
        )
    return "Results are not comparable with the paper, which does not use this data set."
