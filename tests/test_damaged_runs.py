"""One damaged run never hides the others, in the library, on the command line and on the pages."""

import json

import pytest
from runs_by_state import open_page, run_in, texts

from dmm_core.cli.main import main
from dmm_core.runs.store import list_runs

DEEP = "[" * 100_000
EPOCH = '{"epoch": 1, "update": 1, "seconds": 1.0, "train_bound": 7.0, "train_nll": 6}'

DAMAGE = {
    "a pid below zero": ("status.json", {"owner": {"pid": -1}}),
    "a pid beyond all": ("status.json", {"owner": {"pid": 10**30}}),
    "a start of NaN": ("status.json", {"owner": {"started": float("nan")}}),
    "a heartbeat of infinity": ("status.json", {"heartbeat": float("inf")}),
    "progress beyond all": ("status.json", {"progress": {"fraction": 1e300, "epoch": 10**18}}),
    "a fraction of NaN": ("status.json", {"progress": {"fraction": float("nan")}}),
    "time left of infinity": ("status.json", {"progress": {"seconds_left": float("inf")}}),
    "a bound of NaN": ("status.json", {"progress": {"best_valid_bound": float("nan")}}),
    "a state that there is not": ("status.json", {"state": "dreaming"}),
    "a status that is a list": ("status.json", "[]"),
    "a status that is deep": ("status.json", DEEP),
    "a status of bytes": ("status.json", b"\xff\xfe\x00"),
    **{
        f"{name} as a folder": (name, None)
        for name in (
            "status.json",
            "metrics.jsonl",
            "log.txt",
            "name.json",
            "evaluations.json",
            "request.json",
            "lesson.json",
            "config.json",
        )
    },
    "samples as a file": ("samples", "text"),
    "checkpoints as a file": ("checkpoints", "text"),
    "metrics of text": ("metrics.jsonl", EPOCH.replace("7.0", '"7"')),
    "metrics of NaN": ("metrics.jsonl", EPOCH.replace("7.0", "NaN")),
    "metrics beyond all": ("metrics.jsonl", EPOCH.replace("7.0", "1e300")),
    "metrics without bounds": ("metrics.jsonl", '{"epoch": 1, "update": 1, "seconds": 1}'),
    "metrics that are deep": ("metrics.jsonl", DEEP),
    "a bound that is a group": ("metrics.jsonl", EPOCH.replace("7.0", '{"a": 1}')),
    "evaluations of numbers": ("evaluations.json", "[1, null]"),
    "an evaluation of texts": ("evaluations.json", '[{"split": "test", "ess": {"least": "x"}}]'),
    "an evaluation of NaN": ("evaluations.json", '[{"split": "test", "importance_nll": NaN}]'),
    "a name of surrogates": ("name.json", '{"name": "\\ud800", "notes": "\\udfff"}'),
    "an empty configuration": ("config.json", "{}"),
    "a configuration that is deep": ("config.json", DEEP),
    "a configuration of bytes": ("config.json", b"\xff" * 100),
    "a date of nothing": ("config.json", {"created": 7}),
    "a date beyond all": ("config.json", {"created": "99999-01-01"}),
    "versions of nothing": ("config.json", {"versions": 3}),
}


def damage(run, name, content):
    path = run.folder / name
    if content is None or isinstance(content, str | bytes):
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content + "\n")
    else:
        document = json.loads(path.read_text())
        for key, value in content.items():
            inner = document.get(key)
            both = isinstance(inner, dict) and isinstance(value, dict)
            document[key] = {**inner, **value} if both else value
        path.write_text(json.dumps(document))


def damaged(kind):
    run = run_in("running", epochs=3)
    damage(run, *DAMAGE[kind])
    return run


def failures(at):
    return [error.value for error in at.error if "unexpected error" in error.value] + list(
        at.exception
    )


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_others_are_listed(dmm_home, capsys, kind):
    good = run_in("finished", name="good one", epochs=3)
    damaged(kind)
    assert good.id in [run.id for run in list_runs()]
    assert main(["runs", "--json"]) == 0
    listed = strict(capsys.readouterr().out)["runs"]
    assert good.id in [row["run"] for row in listed]
    assert main(["runs"]) == 0 and "good one" in capsys.readouterr().out


def test_the_others_are_shown(dmm_home):
    good = run_in("finished", name="good one", epochs=3)
    for kind in DAMAGE:
        damaged(kind)
    for page in ("3_Runs.py", "2_Train.py"):
        at = open_page(page, run=good.id)
        assert not failures(at), page
        assert "good one" in texts(at) or "good one" in str(at.get("arrow_data_frame")), page


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_damaged_one_is_a_sentence_where_it_is_asked_for(dmm_home, kind):
    bad = damaged(kind)
    for page in ("3_Runs.py", "2_Train.py"):
        at = open_page(page, run=bad.id, compare=bad.id)
        assert not failures(at), page
