"""The command line: parses the arguments, runs a command, and maps errors to exit statuses.

Results go to stdout and everything else to stderr. The exit status is 0 after success, 1 if a
command fails, and 2 if the request is invalid; stderr then has the reason in one sentence.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dmm_core import __version__
from dmm_core.cli import (
    app,
    bundle,
    data,
    exchange,
    forecast,
    harmonise,
    model,
    music,
    report,
    reproduce,
    runs,
    search,
    sweep,
)
from dmm_core.errors import ConfigError, DMMError

__all__ = ["build_parser", "main"]

_GROUPS = (
    app,
    data,
    runs,
    sweep,
    search,
    model,
    forecast,
    music,
    harmonise,
    report,
    exchange,
    bundle,
    reproduce,
)
_ABOUT = """Deep Markov Models of music and other sequences: train, evaluate and sample them.

Every command has its own help, such as `%(prog)s train --help`."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one sentence about the error, and exit with status 2."""
        self.exit(2, f"{message[0].upper()}{message[1:]}; see {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: the command line without the program; by default that of this process.
    """
    given = build_parser().parse_args(arguments)
    try:
        return given.command(given) or 0
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except DMMError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or 'The system'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; its result has the chosen function as `command`."""
    parser = _Parser(
        prog="dmm" if Path(sys.argv[0]).stem == "dmm" else "python -m dmm_core",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"dmm-explorer {__version__}",
        help="print the version and exit",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.add_commands(commands)
    return parser
