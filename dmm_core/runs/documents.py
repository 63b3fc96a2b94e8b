"""The small JSON documents of a run folder: read with care, written atomically."""

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
"""float32, which charts take, ends there."""


def read_document(path: Path, default: Document) -> Document:
    """The content of `path`, or `default` where there is no such file.

    Raises:
        RunError: if it cannot be read, or is not JSON of the default's type.
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
        OSError: if the disk refuses; `path` is then as it was.
    """
    write_atomic(path, json_text(content, indent=1) + "\n")


def read_text(path: Path, key: str) -> str:
    """The text under `key` of a document whose loss hurts nobody: "" where it cannot be read."""
    try:
        text = read_document(path, {}).get(key)
    except RunError:
        return ""
    # A lone surrogate, which JSON can hold, cannot be sent to a browser.
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""


def parse(text: str) -> Any:
    """The JSON value of `text`, or None where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_epoch(line: Any) -> bool:
    """Whether `line` is what a training writes after an epoch.

    It counts epoch, update and seconds, and holds numbers; "learned" and "scalars" are groups of
    numbers.
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
    """Whether `entry` is an evaluation: numbers, lines of text, and under "ess" numbers."""
    return isinstance(entry, dict) and all(
        _are_numbers(value)
        if name == "ess"
        else is_number(value) or (isinstance(value, str) and value == plain_line(value))
        for name, value in entry.items()
    )


def _are_numbers(group: Any) -> bool:
    return isinstance(group, dict) and all(map(is_number, group.values()))


def is_number(value: Any) -> bool:
    """Whether `value` is a number that any chart can draw, a flag, or None for one not finite."""
    if isinstance(value, int | float):
        return abs(value) < _MOST_NUMBER  # neither is NaN
    return value is None


def plain_line(text: str) -> str:
    """`text` as one line to show: at most 100 characters, none of them a control character."""
    line = " ".join(text[: 10 * _LINE_CHARACTERS].split())
    return "".join(c for c in line if c.isprintable())[:_LINE_CHARACTERS].strip()
