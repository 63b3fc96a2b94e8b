"""A search over ranges of settings by Optuna: each trial is a run, judged by its valid bound.

The sampler is the tree-structured Parzen estimator (Bergstra et al., "Algorithms for
hyper-parameter optimization", 2011), or random. With pruning, asynchronous successive halving stops
trials whose valid bound is among the worse at an epoch (Li et al., "A system for massively parallel
hyperparameter tuning", 2020). The study is a file, so a search that was stopped goes on.
"""

import difflib
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dmm_core.config.flags import setting_names
from dmm_core.config.schema import RunConfig, parse_config
from dmm_core.errors import ConfigError
from dmm_core.experiments.ranking import Result
from dmm_core.experiments.sweep import Axis, short_name
from dmm_core.experiments.trainings import token_of
from dmm_core.runs.run import Run
from dmm_core.runs.store import create_run
from dmm_core.runs.worker import execute
from dmm_core.system.files import home
from dmm_core.training.events import EpochEnd, Event

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = ["Range", "Sampler", "Space", "parse_ranges", "run_search"]

Sampler = Literal["tpe", "random"]
"""How the next trial is chosen."""

_LOG = ":log"
_STARTUP_TRIALS = 8
"""Random trials before the first that the sampler chooses."""


class Range(NamedTuple):
    """A setting and the range of its values.

    Attributes:
        setting: name of the setting on the command line, such as model.z-dim.
        low: the smallest value.
        high: the largest value.
        log: whether values are drawn on a logarithmic scale.
    """

    setting: str
    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int)


class Space(NamedTuple):
    """What a search varies, and where it starts.

    Attributes:
        ranges: settings with ranges.
        choices: settings with a few values.
        start: the values of all settings, section -> field -> value.
    """

    ranges: Sequence[Range]
    choices: Sequence[Axis]
    start: Mapping[str, Any]

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """The configuration with these values of the varied settings.

        Raises:
            ConfigError: if the combination is not valid.
        """
        names = setting_names()
        changed = {section: dict(fields) for section, fields in self.start.items()}
        for setting, value in values.items():
            section, field = names[setting]
            changed[section][field] = value
        return parse_config(changed)

    def suggest(self, trial: "Trial") -> dict[str, Any]:
        """Values of the varied settings, chosen by the trial's study."""
        values: dict[str, Any] = {}
        for one in self.ranges:
            suggest = trial.suggest_int if one.whole else trial.suggest_float
            values[one.setting] = suggest(one.setting, one.low, one.high, log=one.log)  # pyright: ignore[reportArgumentType]
        for axis in self.choices:
            values[axis.setting] = trial.suggest_categorical(axis.setting, axis.values)
        return values


def parse_ranges(texts: Sequence[str], start: Mapping[str, Any]) -> tuple[Range, ...]:
    """Parse the ranges of a search.

    Args:
        texts: texts of the form SETTING=LOW..HIGH or SETTING=LOW..HIGH:log.
        start: the values of all settings, section -> field -> value.

    Raises:
        ConfigError: if a text is not valid, or an end of a range is not allowed for its setting.
    """
    found: dict[str, Range] = {}
    for text in texts:
        one = _range(text, start)
        if one.setting in found:
            raise ConfigError(f"--range names {one.setting} twice; give it once.")
        found[one.setting] = one
    return tuple(found.values())


def _range(text: str, start: Mapping[str, Any]) -> Range:
    given, _, ends = text.partition("=")
    names, name = setting_names(), given.strip().replace("_", "-")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else "model.z-dim and train.lr are."
        raise ConfigError(f"--range {given.strip()!r:.60} is not a setting; {hint}")
    section, field = names[name]
    log = ends.endswith(_LOG)
    low, dots, high = ends.removesuffix(_LOG).partition("..")
    kind = type(start[section][field])
    if kind not in (int, float):
        raise ConfigError(f"{name} is not a number, so it has no range; give its values to --over.")
    try:
        bounds = (kind(low), kind(high)) if dots else None
    except ValueError:
        bounds = None
    if bounds is None or not bounds[0] < bounds[1] or (log and bounds[0] <= 0):
        numbers = "whole numbers" if kind is int else "numbers"
        raise ConfigError(
            f"--range {text!r:.60} is not SETTING=LOW..HIGH with two {numbers}, the smaller first"
            f"{', both above 0 on a logarithmic scale' if log else ''}; an example is "
            "train.lr=0.0003..0.03:log."
        )
    one = Range(name, *bounds, log)
    for value in bounds:  # the schema says what is allowed
        Space((), (), start).config({name: value})
    return one


def run_search(
    space: Space,
    *,
    trials: int,
    seed: int,
    sampler: Sampler = "tpe",
    prune: bool = False,
    name: str | None = None,
    stop: threading.Event | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """Train trials until there are `trials` of them, and return all of the search.

    The same search continues where it was stopped: a trial that was interrupted is resumed from its
    checkpoint, and the trials are those of a search that was not stopped.

    Args:
        space: what is varied.
        trials: number of trials, those of earlier calls included.
        seed: seed of the sampler.
        sampler: tpe or random.
        prune: whether to stop trials early whose valid bound is worse than that of others.
        name: a name to show before the settings of each run in lists.
        stop: set it to stop after the current update; the run is saved.
        on_result: called with the result of each trial that ends.

    Raises:
        ConfigError: if a combination is not a valid configuration.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    stop = stop or threading.Event()
    study = _study(space, repr((seed, sampler)), prune, name)
    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.RUNNING:  # its program was killed
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    while not stop.is_set():
        done = study.get_trials(deepcopy=False, states=ended)
        failed = [t for t in study.get_trials(deepcopy=False) if "failed" in t.user_attrs]
        count = len(done) + len(failed)
        if count >= trials:
            break
        study.sampler = _sampler(sampler, seed + count)  # so that a resumed search draws the same
        result = _train(study, space, name, stop)
        if result and on_result:
            on_result(result)
    return [_stored(trial) for trial in study.get_trials(deepcopy=False) if _is_ended(trial)]


def _sampler(kind: Sampler, seed: int) -> "BaseSampler":
    import optuna

    if kind == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)


def _study(space: Space, drawn: str, prune: bool, name: str | None) -> "Study":
    """The study of these arguments, from its file if there is one."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    identity = repr((space.ranges, space.choices, space.start, drawn, prune, name))
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder = home() / "searches"
    folder.mkdir(parents=True, exist_ok=True)
    pruners = optuna.pruners
    return optuna.create_study(
        study_name=key,
        storage=JournalStorage(JournalFileBackend(str(folder / f"{key}.journal"))),
        load_if_exists=True,
        direction="minimize",
        pruner=pruners.SuccessiveHalvingPruner() if prune else pruners.NopPruner(),
    )


def _train(study: "Study", space: Space, name: str | None, stop: threading.Event) -> Result | None:
    """Train one trial; None if the search was stopped meanwhile."""
    from optuna.trial import TrialState

    trial = study.ask()
    values = space.suggest(trial)
    try:
        config = space.config(values)
    except ConfigError:  # valid one by one, but not together
        study.tell(trial, state=TrialState.FAIL)
        raise
    shown = {setting: _shown(value) for setting, value in values.items()}
    label = ", ".join(f"{short_name(key)} {value}" for key, value in shown.items())
    run = create_run(
        config,
        name=f"{name}: {label}" if name else label,
        token=token_of(f"search {name or ''}", config),
    )
    pruned = False

    def follow(event: Event) -> None:
        nonlocal pruned
        if isinstance(event, EpochEnd) and event.valid_bound is not None:
            trial.report(event.valid_bound, event.epoch)
            pruned = pruned or trial.should_prune()
        if pruned or stop.is_set():
            run.request_stop()

    state = execute(run, on_event=follow)
    if stop.is_set() and state != "finished" and not pruned:
        return None  # the trial stays open, and is resumed by the next call
    result = _result(run, values)
    trial.set_user_attr("run", run.id)
    if state == "finished" and result.best_valid_bound is not None:
        study.tell(trial, result.best_valid_bound)
    elif pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        trial.set_user_attr("failed", result.reason)
        study.tell(trial, state=TrialState.FAIL)
    return result


def _shown(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value


def _result(run: Run, values: Mapping[str, Any]) -> Result:
    status = run.status()
    progress = status.progress
    return Result(
        run.id,
        values,
        status.state,
        status.reason,
        progress.best_valid_bound,
        progress.best_epoch,
    )


def _is_ended(trial: "FrozenTrial") -> bool:
    return "run" in trial.user_attrs


def _stored(trial: "FrozenTrial") -> Result:
    return _result(Run(home() / "runs" / trial.user_attrs["run"]), trial.params)
