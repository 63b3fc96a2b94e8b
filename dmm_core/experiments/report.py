"""What an experiment found, beside what was published or is known exactly."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dmm_core.system.files import home, json_text, write_atomic

__all__ = ["Comparison", "Row", "Show", "table_of", "write_comparison"]

Show = Callable[[str], None]
"""Told one sentence at a time of how far an experiment is."""


@dataclass(frozen=True)
class Row:
    """A line of a comparison.

    Attributes:
        title: what was measured.
        found: column -> value.
        beside: column -> what was published of it, or is known exactly; "" where nothing is.
        run: the run that it was measured on, if one was trained.
    """

    title: str
    found: Mapping[str, float]
    beside: Mapping[str, float]
    run: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What an experiment found.

    Attributes:
        experiment: its name, as `reproduce` takes it.
        data: the data set.
        quick: whether it was the short version.
        rows: what was measured.
        sentence: the comparison in one sentence.
        reached: whether it shows what the paper shows.
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
    """The rows as a table in Markdown; what they stand beside is in brackets."""
    columns = list(dict.fromkeys(c for row in comparison.rows for c in (*row.found, *row.beside)))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[row.title, *(_cell(row, column) for column in columns)] for row in comparison.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _cell(row: Row, column: str) -> str:
    found, beside = row.found.get(column), row.beside.get(column)
    parts = [f"{found:.3f}"] if found is not None else []
    parts += [f"[{beside:.3f}]"] if beside is not None else []
    return " ".join(parts)


def write_comparison(comparison: Comparison) -> Path:
    """Keep a comparison in DMM_HOME/reproductions: JSON, Markdown and, where there is one, SVG.

    Returns:
        Its folder.

    Raises:
        OSError: if the disk refuses.
    """
    short = "-quick" if comparison.quick else ""
    folder = home() / "reproductions" / f"{comparison.experiment}-{comparison.data}{short}"
    folder.mkdir(parents=True, exist_ok=True)
    values = asdict(comparison)
    figure = values.pop("figure")
    write_atomic(folder / "comparison.json", json_text(values, indent=1))
    text = f"# {comparison.experiment} on {comparison.data}\n\n{comparison.sentence}\n\n"
    text += table_of(comparison) + "\nIn brackets: what was published, or is known exactly.\n"
    if figure is not None:
        write_atomic(folder / "figure.svg", figure)
        text += "\n![Figure](figure.svg)\n"
    write_atomic(folder / "comparison.md", text)
    return folder
