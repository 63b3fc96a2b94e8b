"""Functions that add a command to the parser, and options that several commands share."""

import argparse
from collections.abc import Callable
from typing import TypeAlias, get_args

from dmm_core.data.uploads.parsed import ROLES
from dmm_core.data.uploads.report import ChosenKind
from dmm_core.music.pianoroll import GRIDS

__all__ = [
    "Commands",
    "add_command",
    "add_count",
    "add_json",
    "add_reading",
    "add_run",
    "add_seed",
    "add_table_reading",
    "temperature",
]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The object to which commands are added; `ArgumentParser.add_subparsers` returns it."""


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    help: str,
    details: str = "",
) -> argparse.ArgumentParser:
    """Add a command without arguments, and return its parser.

    Args:
        commands: the commands of the program.
        name: name of the command.
        run: function of the parsed arguments that runs the command and returns the exit status;
            None stands for 0.
        help: one sentence for the list of commands.
        details: further sentences for the help of the command.
    """
    parser = commands.add_parser(
        name, help=help, description=f"{help} {details}".rstrip(), allow_abbrev=False
    )
    parser.set_defaults(command=run)
    return parser


def add_json(*parsers: argparse.ArgumentParser) -> None:
    """Add the option `--json` to commands."""
    for parser in parsers:
        parser.add_argument(
            "--json", action="store_true", help="print the result as JSON and nothing else"
        )


def add_run(parser: argparse.ArgumentParser, *, bundled: bool) -> None:
    """Add the argument RUN to a command.

    Args:
        parser: parser of the command.
        bundled: whether the command also accepts a bundled model.
    """
    parser.add_argument(
        "run",
        metavar="RUN",
        help="the id of a run, the path of its folder, or bundled:NAME for a model that is part of "
        "the project"
        if bundled
        else "the id of a run, or the path of its folder",
    )


def add_seed(*parsers: argparse.ArgumentParser) -> None:
    """Add the option `--seed` to commands."""
    for parser in parsers:
        add_count(
            parser, "--seed", 0, "seed of the random numbers; the same seed repeats a result", low=0
        )


def add_reading(*parsers: argparse.ArgumentParser) -> None:
    """Add the options `--grid` and `--transpose`, which set how music becomes frames."""
    for parser in parsers:
        parser.add_argument(
            "--grid",
            default="eighth",
            choices=list(GRIDS.values()),
            help="the note value of one frame of music (default: eighth)",
        )
        parser.add_argument(
            "--transpose",
            action="store_true",
            help="transpose each piece of music to C major or A minor",
        )


def add_table_reading(*parsers: argparse.ArgumentParser) -> None:
    """Add the options that set how tables and arrays become frames."""

    def role(text: str) -> tuple[str, str]:
        name, separator, role = text.rpartition("=")
        if not separator or not name or role not in ROLES:
            raise argparse.ArgumentTypeError(
                f"is NAME=ROLE with one of the roles {', '.join(ROLES)}, not {text}"
            )
        return name, role

    for parser in parsers:
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            type=role,
            metavar="NAME=ROLE",
            help="role of a column of a table: time, sequence, feature, action, covariate or "
            "ignore; repeat the option for several columns (default: recognised)",
        )
        parser.add_argument(
            "--kind",
            default="auto",
            choices=get_args(ChosenKind),
            help="what the features of tables and arrays are (default: as the values suggest)",
        )
        parser.add_argument(
            "--wide",
            action="store_true",
            help="a row of a table is a sequence, and a column is a frame",
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
        parser: parser of the command.
        flag: name of the option, such as --seed.
        default: value of the option if it is not given.
        help: meaning of the number; a default other than None is added to it.
        low: smallest allowed number.
        high: largest allowed number.
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
