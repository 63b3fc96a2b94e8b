"""The command `sweep`, which trains one run for each combination of settings."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from dmm_core import experiments, runs, system
from dmm_core.cli.arguments import Commands, add_command, add_count, add_json
from dmm_core.cli.columns import decimal, print_table
from dmm_core.cli.runs import add_settings, require_trainable
from dmm_core.cli.sweep_bar import SweepBar
from dmm_core.config.flags import given_settings, setting_names
from dmm_core.config.presets import preset
from dmm_core.errors import ConfigError, RunError
from dmm_core.experiments.ranking import Result, over_seeds, ranked
from dmm_core.experiments.sweep import (
    Combination,
    combinations,
    parse_over,
    short_name,
    slots_for,
    with_threads,
)
from dmm_core.runs.run import Run
from dmm_core.runs.signals import stop_signals
from dmm_core.runs.status import Status
from dmm_core.runs.store import create_run
from dmm_core.system.files import json_text

__all__ = ["add_commands", "print_ranking", "print_results_json", "sweep"]

_LOOK_SECONDS = 0.4
"""Seconds between two readings of the run folders."""

_SAVE_SECONDS = 30.0
"""Seconds that the runs have to save when the sweep is stopped."""


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "sweep",
        sweep,
        "Train one run for each combination of several values of some settings.",
        "The same command continues a sweep that was stopped, and trains nothing twice.",
    )
    parser.usage = (
        "%(prog)s --over SETTING=VALUE,VALUE [--at-once N] [--preset NAME] [--name NAME] [--json] "
        "[--SETTING VALUE ...]"
    )
    parser.add_argument("--name", help="a name to show before the settings of each run in lists")
    parser.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="SETTING=VALUE,VALUE",
        help="a setting and the values to try, such as train.seed=0,1,2; repeat the option to try "
        "all combinations of several settings",
    )
    add_count(
        parser,
        "--at-once",
        None,
        "number of runs that train at the same time (default: one for each CPU core, or 4 on a "
        "CUDA GPU)",
    )
    add_settings(parser)
    add_json(parser)


class _Plan(NamedTuple):
    combinations: list[Combination]
    runs: list[Run]
    at_once: int


def sweep(given: argparse.Namespace) -> int:
    """Train all combinations.

    Returns:
        0, 1 if a run did not finish, or 130 if the sweep was stopped.

    Raises:
        ConfigError: if an axis or a combination is not valid.
    """
    plan = _planned(given)
    stop = threading.Event()
    with stop_signals(stop, stop):
        _train(plan, stop, quiet=given.json)
    statuses = [run.status() for run in plan.runs]
    finished = sum(status.state == "finished" for status in statuses)
    if stop.is_set() and finished < len(plan.runs):
        print(
            f"Stopped with {finished} of {len(plan.runs)} runs finished. The same command "
            "continues with the others.",
            file=sys.stderr,
        )
        return 130
    results = ranked(
        [
            _result(run, one, status)
            for run, one, status in zip(plan.runs, plan.combinations, statuses, strict=True)
        ]
    )
    if given.json:
        print_results_json("sweep", results)
    else:
        print_ranking(results)
    failed = [result for result in results if result.state != "finished"]
    for result in failed:
        print(f"The run {result.run} ended {result.state}: {result.reason}", file=sys.stderr)
    return 1 if failed else 0


def _planned(given: argparse.Namespace) -> _Plan:
    """Check all combinations, then create their runs."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("sweep trains in one process; torchrun is for train and resume.")
    names = {name for name, field in setting_names().items() if hasattr(given, ".".join(field))}
    axes = parse_over(given.over, names)
    found = combinations(axes, given_settings(given, preset(given.preset)))
    devices = [require_trainable(one.config) for one in found]
    configs = [one.config for one in found]
    at_once = slots_for(configs, asked=given.at_once, devices=set(devices), cores=system.cores())
    threads = max(1, system.cores() // at_once)
    created = [
        create_run(
            with_threads(one.config, threads) if device == "cpu" else one.config,
            name=one.label(given.name),
            # The token does not depend on the number of threads, so the same command finds the
            # same run whatever the value of --at-once.
            token=experiments.token_of(f"sweep {given.name or ''}", one.config),
        )
        for one, device in zip(found, devices, strict=True)
    ]
    return _Plan(found, created, at_once)


def _train(plan: _Plan, stop: threading.Event, *, quiet: bool) -> None:
    """Train until every run has ended, or until `stop` is set; active runs are then saved."""
    epochs = [one.config.train.epochs for one in plan.combinations]
    with SweepBar(dict(zip(plan.runs, epochs, strict=True)), plan.at_once, quiet=quiet) as bar:
        runner = runs.Runner(slots=plan.at_once, compose_sample=runs.compose_midi)
        try:
            for run in plan.runs:
                with suppress(RunError):  # another process trains it; wait for that process
                    runner.submit(run)
            while not stop.is_set():
                # Read `idle` first, so that the last reading of the folders has the final states.
                idle = runner.idle()
                bar.look()
                if idle and not bar.others():
                    break
                time.sleep(_LOOK_SECONDS)
        finally:
            runner.shutdown(timeout=_SAVE_SECONDS)


def _result(run: Run, one: Combination, status: Status) -> Result:
    progress = status.progress
    reason = status.reason or "its folder could not be written."
    return Result(
        run.id, one.settings, status.state, reason, progress.best_valid_bound, progress.best_epoch
    )


def _best(results: Sequence[Result]) -> str | None:
    """The id of the best finished run, or None."""
    return results[0].run if results[0].state == "finished" else None


def print_results_json(key: str, results: Sequence[Result]) -> None:
    """Print results as JSON, with the id of the best run.

    Args:
        key: name of the list in the JSON object.
        results: the results, best first.
    """

    def entry(result: Result) -> dict[str, Any]:
        values = result._asdict()
        if result.state == "finished":
            del values["reason"]
        return values

    print(json_text({key: [entry(one) for one in results], "best": _best(results)}))


def print_ranking(results: Sequence[Result]) -> None:
    """Print results as a table, best first, and the averages over seeds if there are several."""
    settings = {key: short_name(key) for key in results[0].settings}
    print_table(
        ("run", "state", "epoch", "valid bound", *settings.values()),
        [
            (
                one.run,
                one.state,
                one.best_epoch or "-",
                decimal(one.best_valid_bound),
                *(f"{v:.4g}" if isinstance(v, float) else v for v in one.settings.values()),
            )
            for one in results
        ],
        right=("epoch", "valid bound", *settings.values()),
    )
    if seeds := over_seeds(results):
        titles = [settings[key] for key in seeds[0].settings]
        print("\nOver the seeds:")
        print_table(
            (*titles, "runs", "mean", "deviation"),
            [
                (*one.settings.values(), one.runs, decimal(one.mean), decimal(one.deviation))
                for one in seeds
            ],
            right=(*titles, "runs", "mean", "deviation"),
        )
    if best := _best(results):
        print(
            "\nThe runs are ranked by their valid bound. On the test split, evaluate only the run "
            f"that you keep: python -m dmm_core evaluate {best} --split test"
        )
