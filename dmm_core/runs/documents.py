"""The JSON documents of a run folder: reading with validation, and atomic writing."""

import json
from pathlib import Path
from typing import Any, TypeVar

from dmm_core.errors import RunError
from dmm_core.system.files import json_text, write_atomic

__all__ = [
    "is_epoch",
    "is_evaluation",
    "is_number",
    "parse",
    "plain_line",
    "read_document",
    "read_text",
    "write_document",
]

Document = TypeVar("Document", list, dict)

_GROUPS = frozenset({"learned", "scalars"})
_LINE_CHARACTERS = 100
_MOST_NUMBER = 1e38
"""Charts use float32, whose range ends here."""


def read_document(path: Path, default: Document) -> Document:
    """The content of `path`, or `default` if there is no such file.

    Raises:
        RunError: if the file cannot be read, or is not JSON of the type of `default`.
    """
    try:
        content = parse(path.read_text(errors="replace"))
    except FileNotFoundError:
        return default
    except OSError as fault:
        raise RunError(f"{path.name} cannot be read ({fault.strerror}).") from None
    if not isinstance(content, type(default)):
        raise RunError(f"The {path.name} of the run {path.parent.name} is damaged.")
    return content


def write_document(path: Path, content: list | dict) -> None:
    """Write `content` as JSON.

    Raises:
        OSError: if the file cannot be written; `path` is then unchanged.
    """
    write_atomic(path, json_text(content, indent=1) + "\n")


def read_text(path: Path, key: str) -> str:
    """The text under `key` of a document that is not essential; "" if it cannot be read."""
    try:
        text = read_document(path, {}).get(key)
    except RunError:
        return ""
    # JSON can hold a lone surrogate, which cannot be sent to a browser.
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""


def parse(text: str) -> Any:
    """The JSON value of `text`, or None if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_epoch(line: Any) -> bool:
    """Whether `line` has the form of the metrics of an epoch.

    It has epoch, update and seconds, and all values are numbers, except that "learned" and
    "scalars" are dictionaries of numbers.
    """
    if not isinstance(line, dict):
        return False
    counted = all(isinstance(line.get(name), int) for name in ("epoch", "update"))
    return (
        counted
        and isinstance(line.get("seconds"), int | float)
        and all(
            _are_numbers(value) if name in _GROUPS else is_number(value)
            for name, value in line.items()
        )
    )


def is_evaluation(entry: Any) -> bool:
    """Whether `entry` has the form of an evaluation.

    Its values are numbers or single lines of text, except that "ess" is a dictionary of numbers.
    """
    return isinstance(entry, dict) and all(
        _are_numbers(value)
        if name == "ess"
        else is_number(value) or (isinstance(value, str) and value == plain_line(value))
        for name, value in entry.items()
    )


def _are_numbers(group: Any) -> bool:
    return isinstance(group, dict) and all(map(is_number, group.values()))


def is_number(value: Any) -> bool:
    """Whether `value` is a number that a chart can draw, a boolean, or None."""
    if isinstance(value, int | float):
        return abs(value) < _MOST_NUMBER  # False for NaN
    return value is None


def plain_line(text: str) -> str:
    """`text` as a single line of at most 100 printable characters."""
    line = " ".join(text[: 10 * _LINE_CHARACTERS].split())
    return "".join(c for c in line if c.isprintable())[:_LINE_CHARACTERS].strip()
