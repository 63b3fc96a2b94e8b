"""The commands `train`, `resume`, `stop` and `runs`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any

from tqdm import tqdm

from dmm_core import runs, system
from dmm_core.cli.arguments import Commands, add_command, add_json, add_run
from dmm_core.cli.columns import decimal, print_table
from dmm_core.config.flags import add_flags, given_settings
from dmm_core.config.presets import PRESETS, preset
from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.data.catalogue import dataset_info
from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.errors import RunError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import create_run, find_run, list_runs
from dmm_core.system.files import json_text
from dmm_core.training.events import EpochEnd, Event, Progress

__all__ = [
    "add_commands",
    "add_settings",
    "list_all",
    "require_trainable",
    "resume",
    "stop",
    "train",
]


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "train",
        train,
        "Train a model and keep it as a run.",
        "A run is a folder with the configuration, the training curves and the weights of one "
        "training. The settings are those of a preset, except for the settings that you give as "
        "options.",
    )
    parser.usage = "%(prog)s [--preset NAME] [--name NAME] [--json] [--SETTING VALUE ...]"
    parser.add_argument("--name", help="the name of the run in lists")
    add_settings(parser)
    add_json(parser)

    parser = add_command(
        commands,
        "resume",
        resume,
        "Continue the training of a run that was stopped or interrupted.",
    )
    add_run(parser, bundled=False)
    add_json(parser)

    parser = add_command(
        commands,
        "stop",
        stop,
        "Ask a run that is queued or training to save its state and stop.",
        "The training can be continued with resume.",
    )
    add_run(parser, bundled=False)
    add_json(parser)

    parser = add_command(commands, "runs", list_all, "List the runs, newest first.")
    add_json(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for the preset and one for each setting."""
    parser.add_argument(
        "--preset",
        default="quick",
        metavar="NAME",
        help=f"the preset to start from: {', '.join(PRESETS)} (default: quick)",
    )
    add_flags(parser)


def train(given: argparse.Namespace) -> int:
    """Create a run and train it in this process; `torchrun` trains it in several processes.

    Returns:
        0, or 1 if the training failed.
    """
    with system.process_group() as world:
        if world.rank:
            return _follow(world)
        return _execute(_created(given), given.json, world)


def _created(given: argparse.Namespace) -> Run:
    config = parse_config(given_settings(given, preset(given.preset)))
    require_trainable(config)
    return create_run(config, name=given.name)


def require_trainable(config: RunConfig) -> str:
    """Return the type of the device that a run of `config` will train on: cpu, cuda or mps.

    Raises:
        DataError: if there is no data set of that name.
        ConfigError: if this machine does not have the device, or the device does not support the
            precision.
    """
    if not config.data.name.startswith(UPLOAD_PREFIX):
        dataset_info(config.data.name)
    return system.choose_device(config.train.device, config.train.precision).type


def resume(given: argparse.Namespace) -> int:
    """Continue a run from its newest checkpoint, in one or several processes as `train` does.

    Returns:
        0, or 1 if the training failed.
    """
    with system.process_group() as world:
        if world.rank:
            return _follow(world)
        return _execute(_run(given.run), given.json, world)


def _follow(world: system.World) -> int:
    runs.follow(world)
    return 0


def stop(given: argparse.Namespace) -> None:
    """Ask a run to save and stop, which it does within seconds.

    Raises:
        RunError: if the run is neither queued nor running.
    """
    run = _run(given.run)
    if (state := run.state()) not in ACTIVE:
        raise RunError(f"The run {run.id} is {state}; there is nothing to stop.")
    run.request_stop()
    print(
        json_text({"run": run.id, "stop": True}) if given.json else f"{run.id} was asked to stop."
    )


def list_all(given: argparse.Namespace) -> None:
    """List the runs, newest first."""
    rows = [_row(run) for run in list_runs()]
    if given.json:
        print(json_text({"runs": rows}))
        return
    if not rows:
        print("There are no runs yet.", file=sys.stderr)
        return
    print_table(
        ("run", "state", "epoch", "valid bound", "data", "name"),
        [
            (
                *(row[key] for key in ("run", "state", "epoch")),
                decimal(row["best_valid_bound"]),
                *(row[key] for key in ("data", "name")),
            )
            for row in rows
        ],
        right=("epoch", "valid bound"),
    )


def _run(text: str) -> Run:
    found = find_run(text, allow_path=True)
    if not isinstance(found, Run):
        raise RunError(f"{found.id} is a bundled model, which cannot be resumed or stopped.")
    return found


def _row(run: Run) -> dict[str, Any]:
    status, config = run.status(), run.config()
    return {
        "run": run.id,
        "name": run.name(),
        "state": status.state,
        "reason": status.reason,
        "data": config.data.name,
        "epoch": status.progress.epoch,
        "epochs": config.train.epochs,
        "best_valid_bound": status.progress.best_valid_bound,
        "best_epoch": status.progress.best_epoch,
    }


def _execute(run: Run, as_json: bool, world: system.World) -> int:
    if as_json:
        _print_line({"run": run.id})
        state = runs.execute(
            run, on_event=_print_epoch, compose_sample=runs.compose_midi, world=world
        )
    else:
        print(f"{run.id} in {run.folder}", file=sys.stderr)
        with _Bar(run) as bar:
            state = runs.execute(
                run, on_event=bar.show, compose_sample=runs.compose_midi, world=world
            )
    status = run.status()
    progress = status.progress
    if as_json:
        _print_line(
            {
                "run": run.id,
                "state": state,
                "best_valid_bound": progress.best_valid_bound,
                "best_epoch": progress.best_epoch,
            }
        )
    elif state != "failed":
        bound = progress.best_valid_bound
        best = (
            "" if bound is None else f" Best valid bound {bound:.3f}, epoch {progress.best_epoch}."
        )
        print(f"{state}: {status.reason}{best}")
    if state == "failed":
        print(status.reason, file=sys.stderr)
        return 1
    return 0


def _print_line(values: dict[str, Any]) -> None:
    print(json_text(values), flush=True)


def _print_epoch(event: Event) -> None:
    if isinstance(event, EpochEnd):
        values = dataclasses.asdict(event)
        _print_line({key: value for key, value in values.items() if value is not None})


class _Bar:
    """A progress bar over the epochs that also shows the bounds."""

    def __init__(self, run: Run) -> None:
        self._bar = tqdm(total=run.config().train.epochs, unit="epoch")
        self._bar.set_description("Preparing the data")
        self._begun = False
        self._valid = ""

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, event: Event) -> None:
        if not self._begun and isinstance(event, Progress | EpochEnd):
            # The speed excludes the preparation of the data and the epochs before the resume.
            self._begun = True
            self._bar.set_description("", refresh=False)
            self._bar.reset()
            self._bar.initial = self._bar.n = event.epoch - 1
        if isinstance(event, EpochEnd):
            if event.valid_bound is not None:
                self._valid = f", valid {event.valid_bound:.3f}"
            self._bar.set_postfix_str(f"bound {event.train_bound:.3f}{self._valid}", refresh=False)
            self._bar.update(event.epoch - self._bar.n)
        elif isinstance(event, Progress):
            self._bar.refresh()
