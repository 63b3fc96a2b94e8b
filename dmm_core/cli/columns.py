"""Tables of text for a terminal."""

from collections.abc import Collection, Sequence

__all__ = ["decimal", "print_table"]


def decimal(value: float | None) -> str:
    """A bound with three decimals, or "-" for None."""
    return "-" if value is None else f"{value:.3f}"


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[object]], *, right: Collection[str]
) -> None:
    """Print a table whose columns are as wide as their widest cells.

    Args:
        titles: titles of the columns.
        rows: rows of one cell for each title.
        right: titles of the columns that are aligned to the right.
    """
    lines = [list(titles), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if title in right else cell.ljust(width)
            for cell, width, title in zip(line, widths, titles, strict=True)
        ]
        print("  ".join(cells).rstrip())
