"""The command `search`, which looks for good settings within ranges."""

from __future__ import annotations

import argparse
import sys
import threading
from typing import TYPE_CHECKING

from dmm_core.cli.arguments import Commands, add_command, add_count, add_json
from dmm_core.cli.runs import add_settings, require_trainable
from dmm_core.cli.sweep import print_ranking, print_results_json
from dmm_core.config.flags import given_settings, setting_names
from dmm_core.config.presets import preset
from dmm_core.errors import ConfigError
from dmm_core.experiments.ranking import Result, ranked
from dmm_core.experiments.sweep import parse_over
from dmm_core.runs.signals import stop_signals

if TYPE_CHECKING:
    from dmm_core.experiments.search import Space

__all__ = ["add_commands", "search"]


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "search",
        search,
        "Look for good settings within ranges, one run for each trial.",
        "Each trial is judged by its valid bound. The same command continues a search that was "
        "stopped; with a larger number of --trials it extends it.",
    )
    parser.usage = (
        "%(prog)s --range SETTING=LOW..HIGH[:log] [--over SETTING=VALUE,VALUE] [--trials N] "
        "[--prune] [--preset NAME] [--name NAME] [--json] [--SETTING VALUE ...]"
    )
    parser.add_argument("--name", help="a name to show before the settings of each run in lists")
    parser.add_argument(
        "--range",
        action="append",
        default=[],
        metavar="SETTING=LOW..HIGH[:log]",
        help="a setting and the range of its values, such as model.z-dim=4..64 or "
        "train.lr=0.0003..0.03:log for a logarithmic scale; repeat the option for several settings",
    )
    parser.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="SETTING=VALUE,VALUE",
        help="a setting that has a few values, such as model.transition=gated,linear",
    )
    add_count(parser, "--trials", 20, "number of trials, those of an earlier call included")
    parser.add_argument(
        "--sampler",
        default="tpe",
        choices=("tpe", "random"),
        help="how trials are chosen. tpe: near the best ones so far, by a tree-structured Parzen "
        "estimator. random: at random (default: tpe)",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="stop trials early whose valid bound is worse than that of others at the same epoch "
        "(asynchronous successive halving)",
    )
    add_count(parser, "--search-seed", 0, "seed with which trials are chosen", low=0)
    add_settings(parser)
    add_json(parser)


def search(given: argparse.Namespace) -> int:
    """Train the trials, and print them, the best first.

    Returns:
        0, or 130 if the search was stopped.

    Raises:
        ConfigError: if a range or a combination is not valid.
    """
    from dmm_core.experiments.search import run_search

    space = _space(given)
    stop = threading.Event()

    def show(result: Result) -> None:
        if not given.json:
            bound = result.best_valid_bound
            text = "no valid bound" if bound is None else f"valid bound {bound:.4f}"
            print(f"{result.run}: {result.state}, {text}", file=sys.stderr)

    with stop_signals(stop, stop):
        results = run_search(
            space,
            trials=given.trials,
            seed=given.search_seed,
            sampler=given.sampler,
            prune=given.prune,
            name=given.name,
            stop=stop,
            on_result=show,
        )
    if stop.is_set():
        print(
            f"Stopped after {len(results)} of {given.trials} trials. The same command continues.",
            file=sys.stderr,
        )
        return 130
    ranking = ranked(results)
    if given.json:
        print_results_json("search", ranking)
    else:
        print_ranking(ranking)
    return 0


def _space(given: argparse.Namespace) -> Space:
    from dmm_core.experiments.search import Space, parse_ranges

    if not given.range:
        raise ConfigError(
            "A search needs at least one --range, such as --range model.z-dim=4..64; sweep trains "
            "all combinations of a few values."
        )
    names = {name for name, field in setting_names().items() if hasattr(given, ".".join(field))}
    start = given_settings(given, preset(given.preset))
    ranges = parse_ranges(given.range, start)
    taken = names | {one.setting for one in ranges}
    space = Space(ranges, parse_over(given.over, taken), start)
    require_trainable(space.config({axis.setting: axis.values[0] for axis in space.choices}))
    for axis in space.choices:
        for value in axis.values:
            space.config({axis.setting: value})
    return space
