"""The command line: arguments in, a command's function out; its flags come from the config schema.

Results go to stdout, everything else to stderr. The exit status is 0, 1 where a command could not
do its work, or 2 where it was asked for something that cannot be; the reason is one sentence.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dmm_core import __version__
from dmm_core.config.flags import add_flags
from dmm_core.config.presets import PRESETS
from dmm_core.errors import ConfigError, DMMError
from dmm_core.music.pianoroll import GRIDS

__all__ = ["EXPERIMENTS", "build_parser", "main"]

EXPERIMENTS = ("table2", "table3", "table4", "fig3", "fig4", "fig8", "medical")
"""What `reproduce` takes."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one sentence and leave with status 2."""
        self.exit(2, f"{message[0].upper()}{message[1:]}; see {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status.

    Args:
        arguments: the command line without the program, by default this process's.
    """
    given = build_parser().parse_args(arguments)
    module, function = given.command.split(":")
    try:
        # Imported when chosen: most commands need torch, `inspect` and --help do not.
        return getattr(importlib.import_module(module), function)(given) or 0
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
    """The parser of every command."""
    started_as_dmm = Path(sys.argv[0]).stem == "dmm"
    parser = _Parser(
        prog="dmm" if started_as_dmm else "python -m dmm_core", description="Deep Markov Models."
    )
    parser.add_argument("--version", action="version", version=f"dmm-explorer {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, function: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.set_defaults(command=f"dmm_core.cli.{function}")
        return added

    def add_json(added: argparse.ArgumentParser) -> None:
        added.add_argument("--json", action="store_true", help="print JSON and nothing else")

    def add_run(added: argparse.ArgumentParser) -> None:
        added.add_argument("run", metavar="RUN", help="a run's id or folder, or bundled:NAME")

    datasets = command("datasets", "data:datasets", "List the data sets, or get some.")
    datasets.add_argument(
        "--get", nargs="+", default=[], metavar="NAME", help="download or build these now"
    )
    inspect = command("inspect", "data:inspect", "Say what a file holds, or why it is refused.")
    inspect.add_argument("file", metavar="FILE", type=Path)
    inspect.add_argument(
        "--notes", action="store_true", help="list the notes of the first sequence, in quarters"
    )
    upload = command("upload", "data:upload", "Keep files of your own as a data set.")
    upload.add_argument("files", nargs="+", metavar="FILE", type=Path)
    upload.add_argument("--title", required=True, metavar="T", help="what to call it")
    for added in (inspect, upload):
        added.add_argument(
            "--grid", default="eighth", choices=list(GRIDS.values()), help="of music (eighth)"
        )
        added.add_argument(
            "--transpose", action="store_true", help="move music to C major or A minor"
        )
    _add_count(upload, "--split-seed", 0, "decides train, valid and test", low=0, high=2**31 - 1)

    train = command("train", "runs:train", "Create a run and train it.")
    sweep = command("sweep", "sweep:sweep", "Train several seeds or settings, some at once.")
    for added in (train, sweep):
        added.add_argument(
            "--preset",
            default="quick",
            metavar="NAME",
            help=f"start from {', '.join(PRESETS)} (quick)",
        )
    train.add_argument("--name", help="a name to show for the run")
    sweep.add_argument("--name", help="a name to show before each run's settings")
    sweep.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="SETTING=VALUE,VALUE",
        help="such as train.seed=0,1,2; given again, every combination is a run",
    )
    _add_count(
        sweep, "--at-once", None, "runs that train at once (one for each CPU core, 4 on CUDA)"
    )
    for added in (train, sweep):
        add_flags(added)
    resume = command("resume", "runs:resume", "Go on with a run that was stopped or interrupted.")
    stop = command("stop", "runs:stop", "Ask a queued or running run to save and stop.")
    for added in (resume, stop):
        add_run(added)
    runs = command("runs", "runs:runs", "List the runs, newest first.")

    evaluate = command("evaluate", "model:evaluate", "Measure how well a model explains a split.")
    add_run(evaluate)
    evaluate.add_argument("--split", default="test", choices=("train", "valid", "test"))
    _add_count(evaluate, "--samples", 500, "paths of each sequence's importance estimate")
    _add_count(evaluate, "--particles", 200, "particles of each sequence's filter")
    _add_count(evaluate, "--replicates", 4, "independent estimates of either kind", low=2)
    evaluate.add_argument(
        "--estimator",
        default="is",
        choices=("is", "smc"),
        help="which estimate --json has as importance_nll; smc_nll is always the filter's (is)",
    )
    infer = command("infer", "model:infer", "Write the posterior of a split or of files.")
    add_run(infer)
    infer.add_argument("files", nargs="*", metavar="FILE", type=Path, help="not a split")
    infer.add_argument("--split", default="test", choices=("train", "valid", "test"))
    _add_count(infer, "--draws", 100, "paths averaged for each sequence")
    infer.add_argument("--out", required=True, type=Path, metavar="FILE.npz")

    sample = command("sample", "music:sample", "Compose from nothing.")
    add_run(sample)
    carry_on = command("continue", "music:carry_on", "Compose what may follow a piece of music.")
    add_run(carry_on)
    carry_on.add_argument("file", metavar="FILE", type=Path)
    carry_on.add_argument(
        "--transpose",
        default="auto",
        type=_transpose,
        metavar="auto|none|N",
        help="move the start to the octave and key of the model's data, and the result back: by "
        "its estimated key, not at all, or by N semitones up (auto)",
    )
    for added in (sample, carry_on):
        _add_count(added, "--frames", 64, "time steps to compose")
        _add_count(added, "--count", 1, "pieces")
        added.add_argument("--out", required=True, type=Path, metavar="DIR")
        added.add_argument("--wav", action="store_true", help="write audio beside the MIDI")
        for letter in "zx":
            added.add_argument(f"--{letter}-temperature", type=_temperature, default=1.0)
        added.add_argument(
            "--notes",
            type=_notes,
            metavar="N",
            help="notes in each frame: 4 for exactly four, 0-4 for at most four",
        )
        added.add_argument(
            "--no-clash", action="store_true", help="no two notes a semitone apart at once"
        )
        added.add_argument("--tempo", type=float, default=90.0, help="quarters a minute (90)")
        _add_count(added, "--program", 0, "General MIDI program, 0 to 127", low=0, high=127)
    bundle = command("bundle", "bundle:bundle", "Pack a finished run as a bundled model.")
    add_run(bundle)
    bundle.add_argument("name", metavar="NAME", help="bundled:NAME from then on")
    bundle.add_argument("--title", required=True, help="what to call it on a page")
    _add_count(bundle, "--samples", 2000, "paths drawn for each sequence of the test split")
    export = command("export", "exchange:export", "Write a run as one zip, to take along.")
    add_run(export)
    export.add_argument("--out", required=True, type=Path, metavar="FILE.zip")
    take_in = command("import", "exchange:take_in", "Keep an exported run as one of this machine.")
    take_in.add_argument("file", metavar="FILE.zip", type=Path)
    reproduce = command(
        "reproduce", "reproduce:reproduce", "Redo a table or figure of the paper, beside its own."
    )
    reproduce.add_argument("experiment", choices=EXPERIMENTS)
    reproduce.add_argument(
        "--data.name", dest="data_name", metavar="NAME", help="of the tables: a data set (jsb)"
    )
    reproduce.add_argument(
        "--quick", action="store_true", help="small and honest: minutes on two CPU cores"
    )
    app = command("app", "app:app", "Open the app in a browser on this machine.")
    _add_count(
        app, "--port", None, "port to serve on (8501, or the next that is free)", high=65_535
    )
    for added in (evaluate, infer, sample, carry_on, bundle):
        _add_count(added, "--seed", 0, "decides all draws", low=0)
    for added in (
        datasets,
        inspect,
        upload,
        train,
        sweep,
        resume,
        stop,
        runs,
        evaluate,
        infer,
        sample,
        carry_on,
        bundle,
        export,
        take_in,
        reproduce,
    ):
        add_json(added)
    return parser


def _add_count(
    parser: argparse.ArgumentParser,
    flag: str,
    default: int | None,
    help: str,
    low: int = 1,
    high: int = 1_000_000_000,
) -> None:
    def count(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"is a whole number from {low} to {high}, not {text}")
        return int(text)

    shown = help if default is None else f"{help} ({default})"
    parser.add_argument(flag, type=count, default=default, metavar="N", help=shown)


def _transpose(text: str) -> str:
    if text in ("auto", "none"):
        return text
    if not text.removeprefix("-").isdecimal() or not -60 <= int(text) <= 60:
        raise argparse.ArgumentTypeError(
            f"is auto, none or a whole number of semitones from -60 to 60, not {text}"
        )
    return text


def _notes(text: str) -> tuple[int, int]:
    """Fewest and most notes of a frame."""
    least, _, most = text.partition("-")
    if not least.isdecimal() or not (most or least).isdecimal() or len(text) > 5:
        raise argparse.ArgumentTypeError(
            f"is a number such as 4, or a range such as 0-4, not {text}"
        )
    return int(least), int(most or least)


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 100.0:
        raise argparse.ArgumentTypeError(f"is a number from 0 to 100, not {text}")
    return value
