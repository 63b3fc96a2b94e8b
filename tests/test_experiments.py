import json

import pytest
from fake_training import CONFIG, tiny_splits

from dmm_core.cli.main import main
from dmm_core.config.schema import RunConfig
from dmm_core.errors import RunError
from dmm_core.experiments import tables
from dmm_core.experiments.patients import QUARTERS, true_effect
from dmm_core.experiments.published import CANONICAL, NETWORKS, published
from dmm_core.experiments.report import Comparison, Row, table_of, write_comparison
from dmm_core.experiments.trainings import measured, train_run
from dmm_core.runs import evaluations as measure, worker
from dmm_core.runs.store import list_runs


def silent(sentence):
    pass


@pytest.fixture
def tiny(dmm_home, monkeypatch):
    """Every data set is a tiny one, in a few moments."""
    for module in (worker, measure):
        monkeypatch.setattr(module, "load_dataset", lambda *_: tiny_splits())


def test_the_same_experiment_is_the_same_run(tiny):
    run = train_run(CONFIG, name="one", show=silent)
    before = run.metrics()
    assert train_run(CONFIG, name="one", show=silent).id == run.id
    assert run.metrics() == before and len(before) == CONFIG.train.epochs
    assert train_run(CONFIG, name="other", show=silent).id != run.id


def test_an_experiment_that_was_stopped_goes_on_where_it_was(tiny):
    def stop(sentence):
        list_runs()[0].request_stop()

    with pytest.raises(RunError, match="ended cancelled"):
        train_run(CONFIG, name="one", show=stop)
    (run,) = list_runs()
    assert len(run.metrics()) < CONFIG.train.epochs
    assert train_run(CONFIG, name="one", show=silent).id == run.id
    assert [line["epoch"] for line in run.metrics()] == list(range(1, CONFIG.train.epochs + 1))


def test_what_was_measured_is_not_measured_again(tiny):
    run = train_run(CONFIG, name="one", show=silent)
    told = []
    first = measured(run, samples=5, show=told.append)
    again = measured(run, samples=5, show=told.append)
    assert len(told) == len(run.evaluations()) == 1
    assert first["bound_per_step"] == again["bound_per_step"]
    assert measured(run, samples=6, show=told.append)["samples"] == 6


@pytest.mark.parametrize(
    ("table", "titles"),
    [
        (tables.table2, ["DKS", "ST-L", "ST-LR", "MF-LR"]),
        (tables.table3, ["DMM", "DMM-Aug"]),
        (tables.table4, ["DMM-Aug-NADE"]),
    ],
)
def test_a_table_stands_beside_the_papers(tiny, monkeypatch, table, titles):
    def small(name, data, quick, **model):
        values = CONFIG.model_dump()
        values["model"] |= model
        values["data"]["name"] = data
        return RunConfig.model_validate(values)

    monkeypatch.setattr(tables, "_config", small)
    found = table("jsb", quick=True, show=silent)
    assert [row.title for row in found.rows] == titles
    for row in found.rows:
        assert row.found.keys() >= row.reference.keys() and len(row.reference) in (2, 3)
    for number in [f"{row.found['bound_per_step']:.3f}" for row in found.rows[:1]]:
        assert number in found.sentence
    if table is not tables.table2:  # a tiny model reaches no published number
        assert not found.reached
        assert f"{found.rows[0].reference['bound_per_step']:.3f}" in found.sentence
    other = table("jsb-m21", quick=True, show=silent)
    assert not any(row.reference for row in other.rows)


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("name", ["paper-dmm", "paper-aug", "paper-aug-nade"])
def test_the_short_version_keeps_what_the_table_is_about(name, quick):
    config = tables._config(name, "nottingham", quick, inference="ST-L")
    assert config.data.name == "nottingham" and config.model.inference == "ST-L"
    assert config.model.x_to_z == config.model.x_to_x == (name != "paper-dmm")
    assert (config.model.emission == "nade") == (name == "paper-aug-nade")
    assert (config.train.epochs < 100) == quick


def test_a_comparison_is_kept_as_json_table_and_picture(dmm_home):
    rows = (Row("a", {"bound": 1.25}, {"bound": 1.0}, "id"), Row("b", {"other": 2.0}, {}))
    found = Comparison("fig4", "toy", True, rows, "A sentence.", False, b"<svg/>")
    assert table_of(found).splitlines()[2:] == ["| a | 1.250 [1.000] |  |", "| b |  | 2.000 |"]
    folder = write_comparison(found)
    assert folder == dmm_home / "reproductions" / "fig4-toy-quick"
    kept = json.loads((folder / "comparison.json").read_text())
    assert kept["rows"][0]["found"] == {"bound": 1.25} and kept["reached"] is False
    assert "A sentence." in (folder / "comparison.md").read_text()
    assert (folder / "figure.svg").read_bytes() == b"<svg/>"


def test_alpha_and_beta_are_found_by_the_command(dmm_home, capsys):
    assert main(["reproduce", "fig3", "--quick", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    values = {row["title"]: row["found"]["value"] for row in found["rows"]}
    assert values == {"alpha": pytest.approx(0.5, abs=0.05), "beta": pytest.approx(-0.1, abs=0.05)}
    assert found["reached"] and "epoch 5 of 5" in said.err
    picture = (dmm_home / "reproductions" / "fig3-nonlinear-gssm-quick" / "figure.svg").read_text()
    assert "<svg" in picture and "</svg>" in picture


def test_the_true_effect_is_clear_and_grows():
    effect = true_effect(0)
    assert effect.shape == (QUARTERS,)
    assert effect[0] > 0.05 and effect[-1] > 0.2 and (effect[1:] > effect[:-1]).all()


def test_every_canonical_set_has_its_published_rows():
    assert set(NETWORKS) == CANONICAL
    for name in CANONICAL:
        titles = [row.title for row in published(name)]
        assert titles[:3] == ["DMM", "DMM-Aug", "DMM-Aug-NADE"]
    assert published("jsb-m21") == []
