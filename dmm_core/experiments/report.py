"""The result of an experiment, with published or exact values for comparison."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dmm_core.system.files import home, json_text, write_atomic

__all__ = ["Comparison", "Row", "Show", "table_of", "write_comparison"]

Show = Callable[[str], None]
"""A function that is called with sentences about the progress of an experiment."""


@dataclass(frozen=True)
class Row:
    """A line of a comparison.

    Attributes:
        title: what was measured.
        found: column -> measured value.
        reference: column -> published or exact value.
        run: the id of the run that was trained for it, or None.
    """

    title: str
    found: Mapping[str, float]
    reference: Mapping[str, float]
    run: str | None = None


@dataclass(frozen=True)
class Comparison:
    """The result of an experiment.

    Attributes:
        experiment: name of the experiment on the command line.
        data: name of the data set.
        quick: whether this is the quick version.
        rows: the measurements.
        sentence: the comparison in one sentence.
        reached: whether the result agrees with the paper's.
        figure: an SVG picture, or None.
    """

    experiment: str
    data: str
    quick: bool
    rows: tuple[Row, ...]
    sentence: str
    reached: bool
    figure: bytes | None = None


def table_of(comparison: Comparison) -> str:
    """The rows as a Markdown table, with published and exact values in brackets."""
    columns = list(
        dict.fromkeys(c for row in comparison.rows for c in (*row.found, *row.reference))
    )
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[row.title, *(_cell(row, column) for column in columns)] for row in comparison.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cell(row: Row, column: str) -> str:
    found, reference = row.found.get(column), row.reference.get(column)
    parts = [f"{found:.3f}"] if found is not None else []
    parts += [f"[{reference:.3f}]"] if reference is not None else []
    return " ".join(parts)


def write_comparison(comparison: Comparison) -> Path:
    """Write a comparison to DMM_HOME/reproductions as JSON, Markdown and, if it has one, SVG.

    Returns:
        The folder that was written.

    Raises:
        OSError: if a file cannot be written.
    """
    short = "-quick" if comparison.quick else ""
    folder = home() / "reproductions" / f"{comparison.experiment}-{comparison.data}{short}"
    folder.mkdir(parents=True, exist_ok=True)
    values = asdict(comparison)
    figure = values.pop("figure")
    write_atomic(folder / "comparison.json", json_text(values, indent=1))
    text = f"# {comparison.experiment} on {comparison.data}\n\n{comparison.sentence}\n\n"
    text += table_of(comparison) + "\nValues in brackets are published or exact.\n"
    if figure is not None:
        write_atomic(folder / "figure.svg", figure)
        text += "\n![Figure](figure.svg)\n"
    write_atomic(folder / "comparison.md", text)
    return folder
