"""Labels of run states and durations on the screen."""

from typing import Literal, NamedTuple

from dmm_core.runs.status import State

__all__ = ["STATES", "StateDisplay", "duration"]


class StateDisplay(NamedTuple):
    """A state's label, Material icon and badge colour."""

    label: str
    icon: str
    colour: Literal["gray", "blue", "green", "red", "orange"]


STATES: dict[State, StateDisplay] = {
    "queued": StateDisplay("Queued", ":material/schedule:", "gray"),
    "running": StateDisplay("Running", ":material/play_arrow:", "blue"),
    "finished": StateDisplay("Finished", ":material/check:", "green"),
    "failed": StateDisplay("Failed", ":material/error:", "red"),
    "cancelled": StateDisplay("Cancelled", ":material/stop:", "gray"),
    "interrupted": StateDisplay("Interrupted", ":material/power_off:", "orange"),
}
"""How each state of a run is displayed."""


def duration(seconds: float) -> str:
    """Return `seconds` as text, such as "about 20 minutes", rounded because it is an estimate."""
    if seconds < 10:
        return "a few seconds"
    for unit, length, most in (("second", 10, 55), ("minute", 60, 3300), ("hour", 3600, 129_600)):
        if seconds < most:
            count = max(1, round(seconds / length)) * (10 if unit == "second" else 1)
            return f"about {count} {unit}{'s' if count > 1 else ''}"
    return f"about {round(seconds / 86_400)} days"
