"""Arguments that several groups of commands share, and how a group adds a command."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from dmm_core.music.pianoroll import GRIDS

__all__ = [
    "Commands",
    "add_command",
    "add_count",
    "add_json",
    "add_reading",
    "add_run",
    "add_seed",
    "temperature",
]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The commands of the program, as `ArgumentParser.add_subparsers` returns them."""


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    help: str,
    details: str = "",
) -> argparse.ArgumentParser:
    """Add a command without arguments.

    Args:
        commands: of the program.
        name: of the command.
        run: takes the parsed arguments, and returns the exit status where it is not 0.
        help: one sentence, for the list of commands.
        details: further sentences, for the command's own help.
    """
    parser = commands.add_parser(
        name, help=help, description=f"{help} {details}".rstrip(), allow_abbrev=False
    )
    parser.set_defaults(command=run)
    return parser


def add_json(*parsers: argparse.ArgumentParser) -> None:
    """Add `--json` to commands."""
    for parser in parsers:
        parser.add_argument(
            "--json", action="store_true", help="print the result as JSON and nothing else"
        )


def add_run(*parsers: argparse.ArgumentParser) -> None:
    """Add the argument RUN to commands."""
    for parser in parsers:
        parser.add_argument(
            "run",
            metavar="RUN",
            help="the id of a run, the path of its folder, or bundled:NAME for a model that is "
            "part of the project",
        )


def add_seed(*parsers: argparse.ArgumentParser) -> None:
    """Add `--seed` to commands."""
    for parser in parsers:
        add_count(
            parser, "--seed", 0, "seed of the random numbers; the same seed repeats a result", low=0
        )


def add_reading(*parsers: argparse.ArgumentParser) -> None:
    """Add the options that say how a file of music becomes frames."""
    for parser in parsers:
        parser.add_argument(
            "--grid",
            default="eighth",
            choices=list(GRIDS.values()),
            help="the note value that one frame of music lasts (default: eighth)",
        )
        parser.add_argument(
            "--transpose",
            action="store_true",
            help="transpose each piece of music to C major or A minor",
        )


def add_count(
    parser: argparse.ArgumentParser,
    flag: str,
    default: int | None,
    help: str,
    low: int = 1,
    high: int = 1_000_000_000,
) -> None:
    """Add an option that takes a whole number.

    Args:
        parser: of the command.
        flag: of the option.
        default: its value where it is not given.
        help: what the number means. The default is shown after it, unless it is None.
        low: the smallest number allowed.
        high: the largest number allowed.
    """

    def count(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"is a whole number from {low} to {high}, not {text}")
        return int(text)

    shown = help if default is None else f"{help} (default: {default})"
    parser.add_argument(flag, type=count, default=default, metavar="N", help=shown)


def temperature(text: str) -> float:
    """Parse a temperature, for `type` of an option.

    Raises:
        ArgumentTypeError: if it is not a number from 0 to 100.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"is a number from 0 to 100, not {text}")
    return value
