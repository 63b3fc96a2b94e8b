"""What a run is called on the screen: its state, its data, how long it takes."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from dmm_core.runs.status import State
from pages.ui.datasets import SetFacts

__all__ = ["STATES", "StateWords", "duration", "set_label"]


class StateWords(NamedTuple):
    """A state's label, Material icon and badge colour."""

    label: str
    icon: str
    colour: Literal["gray", "blue", "green", "red", "orange"]


STATES: dict[State, StateWords] = {
    "queued": StateWords("Queued", ":material/schedule:", "gray"),
    "running": StateWords("Running", ":material/play_arrow:", "blue"),
    "finished": StateWords("Finished", ":material/check:", "green"),
    "failed": StateWords("Failed", ":material/error:", "red"),
    "cancelled": StateWords("Cancelled", ":material/stop:", "gray"),
    "interrupted": StateWords("Interrupted", ":material/power_off:", "orange"),
}
"""Every state of a run, in words."""


def set_label(sets: Mapping[str, SetFacts], name: str) -> str:
    """The title of the data set called `name`, told apart from another of that title.

    A set that is gone, such as a deleted upload, is shown by its name.
    """
    if name not in sets:
        return name
    title = sets[name].title
    alike = sum(facts.title == title for facts in sets.values()) > 1
    return f"{title} ({name})" if alike else title


def duration(seconds: float) -> str:
    """`seconds` as a person says them, with no more precision than an estimate has."""
    if seconds < 10:
        return "a few seconds"
    for unit, length, most in (("second", 10, 55), ("minute", 60, 3300), ("hour", 3600, 129_600)):
        if seconds < most:
            count = max(1, round(seconds / length)) * (10 if unit == "second" else 1)
            return f"about {count} {unit}{'s' if count > 1 else ''}"
    return f"about {round(seconds / 86_400)} days"
