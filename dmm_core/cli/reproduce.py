"""The command `reproduce`, which repeats a table or figure of the paper."""

import argparse
import sys
from dataclasses import asdict

from dmm_core import experiments
from dmm_core.cli.arguments import Commands, add_command, add_json
from dmm_core.data.catalogue import dataset_info
from dmm_core.experiments.report import Comparison, table_of, write_comparison
from dmm_core.system.files import json_text

__all__ = ["add_commands", "reproduce"]

_TABLES = ("table2", "table3", "table4")
_OTHERS = ("fig3", "fig4", "fig8", "medical")


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "reproduce",
        reproduce,
        "Repeat an experiment of the paper and compare the result with the published one.",
        "Models that an earlier call has trained are reused. The last line of the output "
        "states the comparison; the exit status is 1 if the result does not reach the published "
        "one.",
    )
    parser.add_argument(
        "experiment",
        choices=(*_TABLES, *_OTHERS),
        help="the table or figure of the paper; medical is the paper's experiment on the effect "
        "of drugs, here on simulated patients",
    )
    parser.add_argument(
        "--data.name",
        dest="data_name",
        metavar="NAME",
        help="the data set of table2, table3 or table4 (default: jsb)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="train smaller models for a shorter time: minutes on two CPU cores",
    )
    add_json(parser)


def reproduce(given: argparse.Namespace) -> int:
    """Run an experiment; finished runs of an earlier call are reused.

    Returns:
        0 if the result reaches the published one, otherwise 1.
    """

    def show(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    if given.experiment in _TABLES:
        data = dataset_info(given.data_name or "jsb").name
        run_table = getattr(experiments, given.experiment)
        found = run_table(data, quick=given.quick, show=show)
    else:
        run_figure = getattr(experiments, given.experiment)
        found = run_figure(quick=given.quick, show=show)
    folder = write_comparison(found)
    _tell(found, str(folder), given.json)
    return 0 if found.reached else 1


def _tell(found: Comparison, folder: str, as_json: bool) -> None:
    if as_json:
        values = asdict(found)
        del values["figure"]
        print(json_text({**values, "folder": folder}))
        return
    print(table_of(found))
    print(f"The numbers in brackets are published or exact. The result is stored in {folder}.")
    print(found.sentence)
