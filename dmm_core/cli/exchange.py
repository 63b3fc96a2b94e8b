"""The commands `export` and `import`, which move runs between machines."""

import argparse
import sys
from pathlib import Path

from dmm_core import runs
from dmm_core.cli.arguments import Commands, add_command, add_json, add_run
from dmm_core.data.registry import exists
from dmm_core.errors import RunError
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run
from dmm_core.system.files import json_text, write_atomic

__all__ = ["add_commands", "export", "import_run"]


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "export",
        export,
        "Write a run to a zip file, to use it on another machine.",
        "The file holds the configuration, the best weights, the training curves and a sample.",
    )
    add_run(parser, bundled=False)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE.zip", help="the file to write"
    )
    add_json(parser)

    parser = add_command(
        commands,
        "import",
        import_run,
        "Add a run that was exported on another machine to the runs of this one.",
    )
    parser.add_argument("file", metavar="FILE.zip", type=Path, help="an exported run")
    add_json(parser)


def export(given: argparse.Namespace) -> None:
    """Write a run to a zip file.

    Raises:
        RunError: if RUN is a bundled model, the name of the file does not end in .zip, or the run
            has no weights yet.
    """
    if given.out.suffix != ".zip":
        raise RunError(f"--out is {given.out}, but a run is exported to a .zip file.")
    run = find_run(given.run, allow_path=True)
    if not isinstance(run, Run):
        raise RunError(f"{run.id} is a bundled model, which is part of every installation.")
    content = runs.export_run(run)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(given.out, content)
    said = {"run": run.id, "out": str(given.out), "bytes": len(content)}
    print(json_text(said) if given.json else f"{given.out}: {len(content):,} bytes")


def import_run(given: argparse.Namespace) -> None:
    """Add an exported run to the runs of this machine.

    Raises:
        DMMError: if the file is not a valid exported run.
    """
    run = runs.import_run(given.file.read_bytes())
    data = run.config().data.name
    here = exists(data)
    if given.json:
        print(json_text({"run": run.id, "name": run.name(), "data": data, "data_here": here}))
        return
    print(f"{run.id} in {run.folder}")
    if not here:
        print(
            f"Its data set, {data}, is not on this machine: the run can be used, but not "
            "evaluated.",
            file=sys.stderr,
        )
