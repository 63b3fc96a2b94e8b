"""`search`: trials within ranges, judged by their valid bound, which go on where they stopped."""

import json
import threading

import pytest
from test_cli import TINY, keep_six_pieces

from dmm_core.cli.main import main
from dmm_core.config.schema import RunConfig
from dmm_core.errors import ConfigError
from dmm_core.experiments import search as module
from dmm_core.experiments.search import Range, Space, parse_ranges, run_search
from dmm_core.experiments.sweep import Axis
from dmm_core.runs.store import find_run, list_runs
from dmm_core.training.events import EpochEnd

START = RunConfig().model_dump()
RANGES = ["--range=model.z-dim=2..6", "--range=train.lr=0.001..0.1:log"]


@pytest.fixture
def pieces(dmm_home):
    return keep_six_pieces()


def searched(capsys, pieces, *arguments, status=0):
    tiny = [word for word in TINY if "z-dim" not in word and "eval-every" not in word]
    fixed = [f"--data.name={pieces}", "--train.epochs=2", "--train.eval-every=1", "--json"]
    assert main(["search", *fixed, *tiny, *arguments]) == status
    said = capsys.readouterr()
    return json.loads(said.out) if status == 0 else said.err


def space(pieces, epochs=2):
    start = RunConfig().model_dump()
    start["data"]["name"] = pieces
    start["model"] |= {"rnn_size": 8, "emission_hidden": 6, "transition_hidden": 6}
    start["train"] |= {"epochs": epochs, "batch_size": 2, "eval_every": 1, "device": "cpu"}
    return Space((Range("model.z-dim", 2, 40, True),), (Axis("model.rnn", ("rnn", "gru")),), start)


def test_ranges_are_parsed_with_the_type_of_their_setting():
    found = parse_ranges(["model.z-dim=4..64", "train.lr=3e-4..0.03:log"], START)
    assert found == (Range("model.z-dim", 4, 64, False), Range("train.lr", 3e-4, 0.03, True))
    assert found[0].whole and not found[1].whole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model.zdim=1..2", "did you mean model.z-dim"),
        ("train.lr=0..0.1:log", "both above 0 on a logarithmic scale"),
        ("model.z-dim=4", "SETTING=LOW..HIGH with two whole numbers"),
        ("model.z-dim=4..2", "the smaller first"),
        ("model.z-dim=1.5..3", "two whole numbers"),
        ("model.z-dim=0..3", "model.z_dim is 0"),
        ("model.rnn=gru..lstm", "is not a number"),
        ("model.x-to-z=0..1", "is not a number"),
    ],
)
def test_a_faulty_range_is_refused(text, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        parse_ranges([text], START)


def test_a_range_is_given_once_and_is_needed(capsys, pieces):
    with pytest.raises(ConfigError, match=r"names model\.z-dim twice"):
        parse_ranges(["model.z-dim=4..64", "model.z-dim=4..8"], START)
    said = searched(capsys, pieces, status=2)
    assert "needs at least one --range" in said
    said = searched(capsys, pieces, *RANGES, "--over=model.z-dim=3,4", status=2)
    assert "model.z-dim is given both" in said


def test_a_choice_that_is_not_allowed_is_refused_before_the_search(capsys, pieces):
    said = searched(capsys, pieces, *RANGES, "--over=model.rnn=gru,transformer", status=2)
    assert "model.rnn is 'transformer'" in said and not list_runs()


def test_trials_are_ranked_and_are_not_trained_again(capsys, pieces, monkeypatch):
    first = searched(capsys, pieces, *RANGES, "--trials=3", "--sampler=random", "--name=mine")
    assert len(first["search"]) == 3 == len(list_runs())
    bounds = [one["best_valid_bound"] for one in first["search"]]
    assert bounds == sorted(bounds) and first["best"] == first["search"][0]["run"]
    for one in first["search"]:
        config = find_run(one["run"]).config()
        assert config.model.z_dim == one["settings"]["model.z-dim"]
        assert config.train.lr == one["settings"]["train.lr"]
        assert 2 <= config.model.z_dim <= 6 and 0.001 <= config.train.lr <= 0.1
        assert find_run(one["run"]).name().startswith("mine: z-dim ")
    trained = []
    execute = module.execute
    monkeypatch.setattr(
        module, "execute", lambda run, **k: trained.append(run) or execute(run, **k)
    )
    again = searched(capsys, pieces, *RANGES, "--trials=3", "--sampler=random", "--name=mine")
    assert again == first and not trained
    more = searched(capsys, pieces, *RANGES, "--trials=4", "--sampler=random", "--name=mine")
    assert len(more["search"]) == 4 and len(trained) == 1


def test_a_search_that_was_stopped_resumes_its_trial(pieces):
    stop, seen = threading.Event(), []
    execute = module.execute

    def stopped(run, *, on_event):
        def follow(event):
            seen.append(event)
            if isinstance(event, EpochEnd) and len(list_runs()) == 2:
                stop.set()
            on_event(event)

        return execute(run, on_event=follow)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "execute", stopped)
        assert len(run_search(space(pieces, 6), trials=3, seed=0, stop=stop)) == 1
    (open_run,) = [run for run in list_runs() if run.state() == "cancelled"]
    assert 0 < len(open_run.metrics()) < 6
    results = run_search(space(pieces, 6), trials=3, seed=0)
    assert len(results) == 3 == len(list_runs())
    undisturbed = run_search(space(pieces, 6), trials=3, seed=0, name="again")
    assert [one.settings for one in undisturbed] == [one.settings for one in results]
    assert [one.best_valid_bound for one in undisturbed] == [
        one.best_valid_bound for one in results
    ]
    assert open_run.state() == "finished" and open_run.id in [one.run for one in results]


def test_worse_trials_are_pruned(pieces, monkeypatch):
    monkeypatch.setattr(
        "optuna.pruners.SuccessiveHalvingPruner.prune", lambda *_: len(list_runs()) > 1
    )
    results = run_search(space(pieces, 5), trials=3, seed=0, prune=True)
    states = [one.state for one in results]
    assert states[0] == "finished" and states[1:] == ["cancelled"] * 2
    assert all(len(find_run(one.run).metrics()) < 5 for one in results[1:])
    assert len(run_search(space(pieces, 5), trials=3, seed=0, prune=True)) == 3


def test_the_sampler_looks_near_the_best_trials(pieces, monkeypatch):
    """The bound is made up: the best z_dim is 7. Most trials after the first come close to it."""

    class Made:
        def __init__(self, config):
            self.id, self.z_dim = f"run {config.model.z_dim}", config.model.z_dim

    def result(run, values):
        bound = abs(run.z_dim - 7) / 10
        return module.Result(run.id, values, "finished", "", bound, 1)

    monkeypatch.setattr(module, "create_run", lambda config, **_: Made(config))
    monkeypatch.setattr(module, "execute", lambda run, **_: "finished")
    monkeypatch.setattr(module, "_result", result)
    monkeypatch.setattr(module, "_stored", lambda trial: result(Made_of(trial), trial.params))

    class Made_of:
        def __init__(self, trial):
            self.id, self.z_dim = trial.user_attrs["run"], trial.params["model.z-dim"]

    found = run_search(space(pieces), trials=30, seed=0)
    late = [one.settings["model.z-dim"] for one in found[15:]]
    assert sum(abs(z - 7) <= 3 for z in late) > 5  # at random, 3 of 15 would be
    assert min(one.best_valid_bound for one in found) == 0
