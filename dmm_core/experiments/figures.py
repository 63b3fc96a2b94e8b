"""Draws the figures of a reproduction as SVG."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

__all__ = ["curves"]

_COLOURS = ("#3f90da", "#bd1f01", "#832db6", "#e76300", "#717581")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))


def curves(
    lines: Mapping[str, Sequence[float]],
    *,
    exact: Mapping[str, float | Sequence[float]],
    x: str,
    y: str,
    start: int = 1,
) -> bytes:
    """Draw curves over steps, with reference values in grey.

    Args:
        lines: title -> values, one for each step.
        exact: title -> the level, or the values, to compare with.
        x: label of the steps.
        y: label of the values, with the unit.
        start: number of the first step.

    Returns:
        The SVG file.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (title, values), colour, dash in zip(lines.items(), _COLOURS, _DASHES, strict=False):
        steps = range(start, start + len(values))
        axes.plot(steps, values, label=title, color=colour, linestyle=dash)
    for title, level in exact.items():
        if isinstance(level, int | float):
            axes.axhline(level, label=title, color="#8a8a8a", linewidth=1)
        else:
            steps = range(start, start + len(level))
            axes.plot(steps, level, label=title, color="#8a8a8a", marker="o", linestyle="none")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().encode()
