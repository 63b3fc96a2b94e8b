import io
import json
import shlex
import threading
import time
import zipfile

import mido
import pytest
import safetensors.torch
from runs_by_state import config_on, fresh_caches, open_page, run_in, texts, trained

from dmm_core.cli.main import build_parser
from dmm_core.config.flags import command_line, given_settings
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import parse_config
from dmm_core.errors import RunError
from dmm_core.inference.evaluation import EffectiveSamples, Estimate, Evaluation
from dmm_core.runs import evaluations as measuring
from dmm_core.runs.exporting import export_run
from dmm_core.runs.store import list_runs
from pages.ui import published
from pages.ui.runs import evaluator as evaluations
from pages.ui.runs.diff import differences

PAGE = "3_Runs.py"
FOUND = {
    "split": "test",
    "importance_nll": 6.5,
    "bound_per_step": 7.0,
    "bound_per_sequence": 6.9,
    "standard_error": 0.01,
    "samples": 500,
    "best_epoch": 2,
}


@pytest.fixture(autouse=True)
def caches(dmm_home):
    yield
    fresh_caches()


def overlay(at):
    (chart,) = at.get("plotly_chart")
    return json.loads(chart.proto.spec)


def buttons(at):
    return {button.label: button for button in at.button}


def test_without_runs_one_button_leads_to_train():
    at = open_page(PAGE)
    assert [button.label for button in at.button] == ["Train a model"]
    assert not at.dataframe and not at.get("plotly_chart")


def test_a_running_run_is_in_the_table_with_its_curve():
    run = run_in("running", epochs=4)
    at = open_page(PAGE)
    (row,) = at.dataframe[0].value.to_dict("records")
    assert (row["State"], row["Best valid bound"], row["Epoch"]) == ("Running", 5.25, "4 of 6")
    assert [trace["name"] for trace in overlay(at)["data"]] == ["A run"]
    assert "Evaluate on test" not in buttons(at)
    assert buttons(at)["Open"].proto.type == "primary"
    assert at.query_params["run"] == run.id


def test_the_name_of_a_preset_fits_into_its_column():
    run_in("finished", name="Classroom, Bach chorales (quarter notes) (imported)", epochs=2)
    (table,) = open_page(PAGE).dataframe
    assert json.loads(table.proto.columns)["Name"]["width"] >= 320


def test_the_address_chooses_runs_and_only_what_differs_is_compared():
    one_run = run_in("finished", config_on("jsb"), name="twin", epochs=4)
    other = run_in("failed", config_on("jsb", lr=0.01, seed=3), name="twin", epochs=2)
    run_in("finished", name="third", epochs=4)
    at = open_page(PAGE, compare=f"{one_run.id},{other.id}")
    assert len(at.dataframe[0].value) == 3
    names = [trace["name"] for trace in overlay(at)["data"]]
    assert f"twin ({one_run.id[-6:]})" in names and f"twin ({other.id[-6:]})" in names
    assert "DMM, test bound: 6.93" in names
    assert list(at.table[-1].value["Setting"]) == ["Learning rate", "Seed"]


def test_curves_of_different_data_are_not_called_comparable():
    a, b = run_in("finished", config_on("jsb"), epochs=4), run_in("finished", epochs=4)
    at = open_page(PAGE, compare=f"{a.id},{b.id}")
    assert "not comparable" in texts(at)
    assert not [t for t in overlay(at)["data"] if "test bound" in t["name"]]


def test_the_curves_change_with_the_controls():
    run_in("finished", epochs=4)
    at = open_page(PAGE, curve="train", over="time", smoothing="0.5", log="true")
    figure = overlay(at)
    assert figure["layout"]["yaxis"]["title"]["text"] == "Train bound, nats per frame"
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert figure["layout"]["xaxis"]["title"]["text"] == "Minutes of training"
    assert len(figure["data"]) == 2  # smoothed, and as it was measured


def test_runs_are_filtered_by_state():
    run_in("finished", name="good", epochs=2)
    run_in("failed", name="bad", epochs=2)
    at = open_page(PAGE)
    at.multiselect(key="states").set_value(["failed"]).run()
    assert not at.exception
    assert list(at.dataframe[0].value["Name"]) == ["bad"]
    at.multiselect(key="sets").set_value([]).run()
    assert not at.error


def test_a_choice_of_nothing_says_so():
    run_in("finished", epochs=2)
    at = open_page(PAGE, compare="")
    assert "Select a run in the table" in texts(at)


def test_a_damaged_run_is_named_and_the_others_are_shown():
    run_in("finished", epochs=2)
    damaged = run_in("finished", epochs=2)
    (damaged.folder / "config.json").write_text("{")
    at = open_page(PAGE)
    assert damaged.id in at.warning[0].value.replace("\\", "")
    assert len(at.dataframe[0].value) == 1


def test_an_evaluation_happens_in_the_background(monkeypatch):
    run = trained(monkeypatch)
    gate = threading.Event()

    def evaluate(model, sequences, *, samples, replicates, seed):
        gate.wait(10)
        ess = EffectiveSamples(4.2, 1.0)
        return Evaluation(2, 7, samples, 7.0, 6.5, 0.01, 6.9, 5.0, 2.0, ess, replicates, 0.02, 0.1)

    monkeypatch.setattr(measuring, "evaluate", evaluate)
    monkeypatch.setattr(measuring, "smc_nll", lambda *_, **__: Estimate(6.4, 0.06, 0.03))
    monkeypatch.setattr(measuring, "load_dataset", lambda config: {"test": None})
    at = open_page(PAGE)
    buttons(at)["Evaluate on test"].click().run()
    assert not at.exception
    assert buttons(at)["Evaluate on test"].disabled and at.status
    gate.set()
    end = time.monotonic() + 10
    while not run.evaluations() or evaluations.evaluator().is_pending(run):
        assert time.monotonic() < end
        time.sleep(0.01)
    at.run()
    assert "Evaluate on test" not in buttons(at) and not at.status
    table = at.table[0].value
    assert list(table["Importance NLL"]) == ["**6.500**"]
    assert list(table["Particle-filter NLL"]) == ["**6.400**"]
    assert any("is 4.2 of 500" in warning.value for warning in at.warning)
    said = texts(at)
    assert "500 samples per sequence and 4 replicates (standard error 0.0100)" in said
    assert "200 particles and 4 replicates (standard error 0.0300). The particle" in said
    (kept,) = run.evaluations()
    assert (kept["split"], kept["samples"], kept["best_epoch"]) == ("test", 500, 6)


def test_an_evaluation_that_fails_is_one_sentence(monkeypatch):
    run = trained(monkeypatch)

    def fail(config):
        raise RunError("The data are gone.")

    monkeypatch.setattr(measuring, "load_dataset", fail)
    at = open_page(PAGE)
    buttons(at)["Evaluate on test"].click().run()
    end = time.monotonic() + 10
    while not evaluations.evaluator().failure(run):
        assert time.monotonic() < end
        time.sleep(0.01)
    at.run()
    assert [error.value for error in at.error] == ["The data are gone\\."]
    assert not buttons(at)["Evaluate on test"].disabled


def test_test_figures_stand_beside_the_papers_on_its_data_only():
    run = run_in("finished", config_on("jsb"), epochs=2)
    run.add_evaluation(FOUND)
    table = open_page(PAGE).table[0].value
    assert list(table["Model"])[:3] == ["**A run**", "DMM", "DMM-Aug"]
    assert list(table["Importance NLL"])[:3] == ["**6.500**", "6.388", "6.288"]
    other = run_in("finished", config_on("jsb-m21"), name="other", epochs=2)
    other.add_evaluation(FOUND)
    at = open_page(PAGE, compare=other.id)
    assert list(at.table[0].value["Model"]) == ["**other**"]
    assert "Results are not comparable with the paper" in texts(at)


def test_an_evaluation_of_an_earlier_version_is_shown_as_what_it_is():
    run = run_in("finished", config_on("jsb"), epochs=2)
    run.add_evaluation({**FOUND, "estimator": "is"})
    at = open_page(PAGE)
    assert next(iter(at.table[0].value["Importance NLL"])) == "**6.500**"
    assert "computed by an earlier version without replicates" in texts(at)
    assert "(standard error" not in texts(at) and not at.warning
    run.add_evaluation({**FOUND, "estimator": "smc"})
    table = open_page(PAGE).table[0].value
    assert next(iter(table["Particle-filter NLL"])) == "**6.500**"
    assert next(iter(table["Importance NLL"])) == ""


def test_what_an_earlier_version_found_may_be_found_again(monkeypatch):
    run = trained(monkeypatch)
    found = {**FOUND, "best_epoch": run.status().progress.best_epoch}
    run.add_evaluation(found)
    assert "Evaluate on test" in buttons(open_page(PAGE))
    run.add_evaluation({**found, "replicates": 4})
    assert "Evaluate on test" not in buttons(open_page(PAGE))


def test_why_a_run_ended_is_said():
    run = run_in("finished", epochs=2)
    said = "All 2 epochs are done. The training diverged: it ended at a train bound of 9,000.00."
    status = json.loads((run.folder / "status.json").read_text())
    (run.folder / "status.json").write_text(json.dumps({**status, "reason": said}))
    assert "The training diverged" in texts(open_page(PAGE))


def test_texts_in_the_place_of_counts_are_not_shown():
    run = run_in("finished", config_on("jsb"), epochs=2)
    link = "[x](http://evil.example) ![i](http://evil.example/a.png)"
    counts = dict.fromkeys(("samples", "replicates", "particles"), link)
    run.add_evaluation({**FOUND, "smc_nll": 6.5, **counts})
    at = open_page(PAGE)
    assert "The importance NLL uses 0 samples" in texts(at) and "evil" not in texts(at)


def test_published_rows_are_the_papers():
    assert {"jsb", "nottingham", "musedata", "piano-midi"} == published.CANONICAL
    for data in published.CANONICAL:
        (dmm,) = [row for row in published.published(data) if row.title == "DMM"]
        assert dmm.importance_nll < dmm.bound_per_step
    assert published.published("jsb-m21") == []


def test_a_run_is_renamed_and_deleted():
    run = run_in("finished", epochs=2)
    at = open_page(PAGE)
    at.text_input[0].set_value("Evening")
    buttons(at)["Save"].click().run()
    assert not at.exception and list(at.dataframe[0].value["Name"]) == ["Evening"]
    at.button(key=f"really-{run.id}").click().run()
    assert not at.exception and not list_runs()
    assert [button.label for button in at.button] == ["Train a model"]


def test_an_export_holds_everything(monkeypatch):
    run = trained(monkeypatch, config_on("jsb", lr=0.01), name="Take me")
    archive = zipfile.ZipFile(io.BytesIO(export_run(run)))
    content = {name.removeprefix(f"{run.id}/"): archive.read(name) for name in archive.namelist()}
    assert set(content) == {
        "README.md",
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "run.json",
        "sample.mid",
    }
    assert content["config.json"] == (run.folder / "config.json").read_bytes()
    weights = safetensors.torch.load(content["model.safetensors"])
    assert weights.keys() == run.weights().keys()
    assert mido.MidiFile(file=io.BytesIO(content["sample.mid"])).length > 1
    readme = content["README.md"].decode()
    assert readme.startswith("# Take me\n") and command_line(run.config()) in readme


def test_an_exported_run_is_imported_and_chosen(monkeypatch):
    run = trained(monkeypatch, name="Take *me*")
    zipped = export_run(run)
    run.delete()
    at = open_page(PAGE)
    assert buttons(at)["Train a model"].proto.type == "primary"
    at.file_uploader(key="import-file-0").upload("run.zip", zipped, "application/zip").run()
    assert not at.exception and not at.error
    (row,) = at.dataframe[0].value.to_dict("records")
    assert (row["Name"], row["State"]) == ("Take *me*", "Finished")
    assert at.query_params["run"] == at.query_params["compare"] == run.id
    assert at.toast[0].value == "Take \\*me\\* has been imported."
    assert buttons(at)["Evaluate on test"].proto.type == "primary"
    at.file_uploader(key="import-file-1").upload("run.zip", zipped, "application/zip").run()
    assert len(at.dataframe[0].value) == 2 and len({found.id for found in list_runs()}) == 2


def test_a_file_that_is_no_run_is_one_sentence():
    at = open_page(PAGE)
    at.file_uploader(key="import-file-0").upload("run.zip", b"<b>no</b>", "application/zip").run()
    (error,) = at.error
    assert error.value.startswith("The file is not an archive") and not list_runs()


def test_a_run_whose_data_are_elsewhere_is_not_evaluated(monkeypatch):
    trained(monkeypatch, config_on("upload:0123456789abcdef"))
    at = open_page(PAGE)
    assert "is not on this machine" in texts(at)
    assert "Evaluate on test" not in buttons(at)


@pytest.mark.parametrize("name", PRESETS)
def test_the_command_reproduces_the_configuration(name):
    config = parse_config(
        {
            **PRESETS[name].model_dump(),
            "data": {"name": "upload:0123456789abcdef", "seed": 4},
        }
    )
    train = config.train.model_copy(update={"lr": 1.5e-5, "penalty_pattern": "^emission $ !*x"})
    config = config.model_copy(update={"train": train})
    words = shlex.split(command_line(config))
    assert words[:3] == ["python", "-m", "dmm_core"] and words[5] == name
    given = build_parser().parse_args(words[3:])
    assert parse_config(given_settings(given, PRESETS[given.preset])) == config


def test_differences_name_every_field_once():
    a, b = PRESETS["quick"], PRESETS["paper-dmm"]
    found = differences([a, b, a])
    assert differences([a, a]) == []
    for setting in found:
        first, second, third = setting.values
        assert first == third != second
    fields = [(setting.section, setting.field) for setting in found]
    assert ("data", "name") in fields and len(set(fields)) == len(fields)


def test_names_are_shown_letter_for_letter():
    run = run_in("finished", name="<img src=x> *b*", epochs=2)
    run.add_evaluation(FOUND)
    at = open_page(PAGE)
    assert at.subheader[0].value == "\\<img src\\=x\\> \\*b\\*"
    assert at.table[0].value["Model"][0] == "**\\<img src\\=x\\> \\*b\\***"
