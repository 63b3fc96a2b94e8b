import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace

import psutil
import pytest
import torch
from fake_training import CONFIG, tiny_splits
from hostile import mutate
from page_models import music_run

from dmm_core.cli.main import main
from dmm_core.data.uploads.archive import read_zip
from dmm_core.data.uploads.reader import delete_upload
from dmm_core.errors import DMMError
from dmm_core.runs import import_child, imported, worker
from dmm_core.runs.bundled import load_model
from dmm_core.runs.exporting import export_run
from dmm_core.runs.imported import import_run
from dmm_core.runs.rendering import compose_midi
from dmm_core.runs.run import Run
from dmm_core.runs.store import create_run, find_run, list_runs
from dmm_core.training.checkpoint import decode_tensors, encode_tensors


@pytest.fixture
def run(dmm_home, monkeypatch):
    """A run that has really been trained, named and evaluated."""
    monkeypatch.setattr(worker, "load_dataset", tiny_splits)
    run = create_run(CONFIG)
    assert worker.execute(run) == "finished"
    run.rename("Évening <b>", "two\nlines")
    ess = {"median": 3.5, "least": 1.0}
    run.add_evaluation(
        {"run": run.id, "split": "test", "importance_nll": 6.5, "samples": 500, "ess": ess}
    )
    return run


@pytest.fixture
def files(run):
    """What its export holds, by name."""
    return {name.rpartition("/")[2]: of for name, of in read_zip(export_run(run)).items()}


def packed(files, folder="20260101-000000-abcdef", **changes):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, **changes}.items():
            if content is not None:
                archive.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def changed(content, **values):
    return json.dumps({**json.loads(content), **values})


def contents(home):
    return {p.relative_to(home): p.is_file() and p.read_bytes() for p in home.rglob("*")}


def test_there_and_back_nothing_is_lost(run, tmp_path, monkeypatch):
    zipped = export_run(run)
    monkeypatch.setenv("DMM_HOME", str(tmp_path / "another machine"))
    there = import_run(zipped)
    assert there.folder != run.folder and there.id == run.id
    assert [found.id for found in list_runs()] == [run.id]
    for name in ("config.json", "metrics.jsonl", "evaluations.json", "name.json"):
        assert (there.folder / name).read_bytes() == (run.folder / name).read_bytes(), name
    before, after = run.weights(), there.weights()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert compose_midi(load_model(there), there.data()) == compose_midi(
        load_model(run), run.data()
    )
    status, was = there.status(), run.status()
    assert status.state == "finished" and "no optimiser state" in status.reason
    assert status.progress == was.progress
    assert replace(there.data(), name="") == replace(run.data(), name="")
    again = read_zip(export_run(there))
    assert {name: of for name, of in again.items()} == read_zip(zipped)


def test_an_export_with_a_setting_that_was_removed_is_imported(run, files):
    config = json.loads(files["config.json"])
    config["config"]["train"]["kernels"] = True
    assert import_run(packed(files, **{"config.json": json.dumps(config)})).config() == run.config()


def test_an_imported_run_is_left_alone_by_a_worker(run, files):
    there = import_run(packed(files))
    before = contents(there.folder)
    assert worker.execute(there) == "finished"
    assert contents(there.folder) == before


def test_a_name_that_is_taken_is_marked_on_import(run, files):
    assert import_run(packed(files)).name() == f"{run.name()} (imported)"
    run.rename("long " * 20)
    files["run.json"] = changed(files["run.json"], name="long " * 30)
    marked = import_run(packed(files)).name()
    assert marked.startswith("long long") and marked.endswith(" (imported)") and len(marked) <= 100
    files["run.json"] = changed(files["run.json"], name="Other")
    assert import_run(packed(files)).name() == "Other"
    files["run.json"] = changed(files["run.json"], name="")
    assert [import_run(packed(files)).name() for _ in range(2)] == ["", ""]


def test_an_id_that_is_taken_or_none_gets_a_new_one(run, files):
    before = contents(run.folder)
    for folder in (run.id, run.id, "a folder", "..", "bundled:chorales", "20260101-000000-ABCDEF"):
        there = import_run(packed(files, folder))
        assert there.id != folder and find_run(there.id) == there
    assert contents(run.folder) == before
    assert import_run(packed(files, "20260101-000000-abcdef")).id == "20260101-000000-abcdef"
    assert len(list_runs()) == 8


def test_an_archive_packed_anew_by_another_program_is_read(run, files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("renamed")
        for name in ("config.json", "run.json", "model.safetensors"):
            archive.writestr(f"renamed/{name}", files[name])
    there = import_run(buffer.getvalue())
    assert there.metrics() == [] and there.evaluations() == []


def test_what_is_left_out_of_a_name_is_what_steers(files):
    card = changed(files["run.json"], name="a\nb\x1b[31m\u202ec", notes="\x00<img>")
    there = import_run(packed(files, **{"run.json": card}))
    assert there.name() == "a b[31mc"
    assert there.notes() == "\x00<img>"  # whoever shows it escapes it


def test_without_its_data_a_run_still_composes(dmm_home, monkeypatch, capsys, tmp_path):
    run = music_run()
    zipped = tmp_path / "run.zip"
    assert main(["export", run.id, "--out", str(zipped), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"run": run.id, "out": str(zipped), "bytes": zipped.stat().st_size}
    delete_upload(run.config().data.name.removeprefix("upload:"))
    run.delete()
    assert main(["import", str(zipped)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(run.id) and "is not on this machine" in told.err
    assert main(["sample", run.id, "--out", str(tmp_path), "--frames", "8"]) == 0
    capsys.readouterr()
    assert main(["evaluate", run.id, "--samples", "2"]) == 1
    assert "was not found" in capsys.readouterr().err
    assert main(["import", str(zipped), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["name"] == "mine (imported)" and not said["data_here"] and said["run"] != run.id


def test_exports_that_cannot_be_are_one_sentence(dmm_home, capsys, tmp_path):
    for words, part in (
        (["export", "bundled:chorales", "--out", "x.zip"], "bundled model"),
        (["export", "bundled:chorales", "--out", "x.tar"], "but a run is exported to a .zip"),
        (["export", create_run(CONFIG).id, "--out", str(tmp_path / "x.zip")], "no checkpoint"),
        (["import", str(tmp_path / "none.zip")], "No such file"),
    ):
        assert main(words) == 1
        told = capsys.readouterr().err
        assert part in told and told.count("\n") == 1
    assert not (tmp_path / "x.zip").exists()


class Marker:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def tensors(files, change):
    weights = decode_tensors(files["model.safetensors"], "")
    change(weights)
    return encode_tensors(weights)


def first(weights):
    return next(name for name in weights if weights[name].is_floating_point())


def header(**entries):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


DEEP = "[" * 100_000

ATTACKS = {
    "nothing": (lambda f: b"", "not an archive"),
    "no zip": (lambda f: f["config.json"], "not an archive"),
    "torn": (lambda f: packed(f)[:-30], "directory cannot be read"),
    "torn early": (lambda f: packed(f)[:2000], "directory cannot be read"),
    "no members": (lambda f: packed({}), "not an archive|0 members"),
    "too large": (lambda f: bytes(import_child.MAX_BYTES + 1), "134,217,729 bytes, but at most"),
    "bomb": (lambda f: packed(f, **{"README.md": bytes(2**27)}), "unpacks"),
    "large README": (lambda f: packed(f, **{"README.md": bytes(2**19)}), "README.md has 524,288"),
    "traversal": (lambda f: packed(f, **{"../../x.json": b"{}"}), r"holds 20.*/\.\./\.\./x\.json"),
    "a path of its own": (lambda f: packed(f, **{"checkpoints/1.json": b""}), "1.json, but an exp"),
    "absolute": (lambda f: packed(f, folder="/etc", passwd=b""), "holds /etc/README.md, but"),
    "foreign member": (lambda f: packed(f, **{"model.pt": b"x"}), "model.pt, but an exported run"),
    "no folder": (lambda f: packed(f, folder=""), "holds /README.md, but"),
    "two folders": (lambda f: twice(f), "holds 2 folders"),
    "many members": (lambda f: packed({**f, **{f"{i}": b"" for i in range(20)}}), "members, but"),
    **{
        f"no {name}": (lambda f, name=name: packed(f, **{name: None}), f"has no {name}")
        for name in ("config.json", "run.json", "model.safetensors")
    },
    "pickle as weights": (
        lambda f: packed(f, **{"model.safetensors": pickle.dumps(Marker("pickled"))}),
        "not a safetensors file",
    ),
    "PyTorch's pickle": (lambda f: packed(f, **{"model.safetensors": torched()}), "not a safeten"),
    "header of 8 EB": (
        lambda f: packed(f, **{"model.safetensors": b"\xff" * 64}),
        "not a safetensors file",
    ),
    "tensor beyond the file": (
        lambda f: packed(
            f,
            **{
                "model.safetensors": header(
                    x={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
                )
            },
        ),
        "not a safetensors file",
    ),
    "numbers that nobody has": (
        lambda f: packed(
            f,
            **{
                "model.safetensors": header(x={"dtype": "F4", "shape": [2], "data_offsets": [0, 1]})
                + b"\x00"
            },
        ),
        "not a safetensors file|lack",
    ),
    "no weights": (
        lambda f: packed(f, **{"model.safetensors": encode_tensors({})}),
        "weights lack",
    ),
    "a weight too many": (
        lambda f: packed(
            f,
            **{"model.safetensors": tensors(f, lambda w: w.update({"a\x1b": torch.zeros(1)}))},
        ),
        "weights have a\ufffd, unlike",
    ),
    "weights of another shape": (
        lambda f: packed(
            f,
            **{"model.safetensors": tensors(f, lambda w: w.update({first(w): torch.zeros(9, 9)}))},
        ),
        r"\(9, 9\) float32, but the configuration's model has it as",
    ),
    "weights of another type": (
        lambda f: packed(
            f,
            **{
                "model.safetensors": tensors(
                    f, lambda w: w.update({first(w): w[first(w)].double()})
                )
            },
        ),
        "float64, but",
    ),
    "weights of NaN": (
        lambda f: packed(
            f,
            **{
                "model.safetensors": tensors(
                    f, lambda w: w.update({first(w): w[first(w)] * torch.nan})
                )
            },
        ),
        "not finite",
    ),
    "a giant's configuration": (lambda f: packed(f, **{"config.json": giant(f)}), "weights have"),
    "another data set": (lambda f: packed(f, **{"config.json": on(f, "medical")}), "for medical"),
    "a foreign data set": (lambda f: packed(f, **{"config.json": on(f, "mine")}), "mine"),
    "data by a path": (lambda f: packed(f, **{"config.json": on(f, "upload:../..")}), "upload:"),
    "data by a surrogate": (lambda f: packed(f, **{"config.json": on(f, "upload:\ud800")}), "."),
    "no configuration": (lambda f: packed(f, **{"config.json": b"[]"}), "not a JSON object"),
    "no date": (
        lambda f: packed(f, **{"config.json": changed(f["config.json"], created=7)}),
        "created is not a date",
    ),
    "a date of long ago": (
        lambda f: packed(f, **{"config.json": changed(f["config.json"], created="0001-01-01")}),
        "created is not a date",
    ),
    "versions of nothing": (
        lambda f: packed(f, **{"config.json": changed(f["config.json"], versions=[])}),
        "needs config and versions",
    ),
    "a link": (lambda f: linked(f), "config.json does not describe a run"),
    "deep JSON": (lambda f: packed(f, **{"run.json": DEEP}), "run.json does not|nested too deep"),
    "a card of nothing": (
        lambda f: packed(f, **{"run.json": "{}"}),
        "value name: field required",
    ),
    "more on the card": (
        lambda f: packed(f, **{"run.json": changed(f["run.json"], owner={})}),
        "value owner: extra",
    ),
    "epochs for ever": (
        lambda f: packed(f, **{"run.json": changed(f["run.json"], epoch=10**99)}),
        "value epoch",
    ),
    "a bound of NaN": (
        lambda f: packed(f, **{"run.json": changed(f["run.json"], best_valid_bound=float("nan"))}),
        "best_valid_bound",
    ),
    **{
        f"metrics: {line[:40]}": (
            lambda f, line=line: packed(f, **{"metrics.jsonl": f["metrics.jsonl"] + line}),
            "Line 7 of metrics.jsonl is not",
        )
        for line in (
            b"\n",
            b"[]\n",
            b"{}\n",
            b'{"epoch": 1, "update": 1, "seconds": null}\n',
            b'{"epoch": 1, "update": 1, "seconds": "1"}\n',
            b'{"epoch": 1, "update": 1, "seconds": 1, "train_bound": NaN}\n',
            b'{"epoch": 1, "update": 1, "seconds": 1, "train_bound": 1e39}\n',
            b'{"epoch": 1, "update": 1, "seconds": 1, "train_bound": "<b>"}\n',
            b'{"epoch": 1, "update": 1, "seconds": 1, "learned": {"a": [1]}}\n',
            b'{"epoch": 1, "update": 1, "seconds": 1, "a": ' + b"9" * 5000 + b"}\n",
            b" " * 70_000 + b'{"epoch": 1, "update": 1, "seconds": 1}\n',
            DEEP.encode()[:60_000] + b"\n",
        )
    },
    "a million lines": (
        lambda f: packed(f, **{"metrics.jsonl": b"{}\n" * 10**6}),
        "over 100,000 lines",
    ),
    "evaluations of nothing": (
        lambda f: packed(f, **{"evaluations.json": b"{}"}),
        "evaluations.json does not describe a run: it is not a JSON list",
    ),
    "an evaluation that steers": (
        lambda f: packed(f, **{"evaluations.json": '[{"split": "test\\u001b[31m"}]'}),
        "Entry 1 of evaluations.json is not",
    ),
    "an evaluation of texts in a group": (
        lambda f: packed(f, **{"evaluations.json": '[{"ess": {"median": "x"}}]'}),
        "Entry 1 of evaluations.json is not",
    ),
    "an evaluation of lists": (
        lambda f: packed(f, **{"evaluations.json": '[{"split": "test"}, {"nll": [1]}]'}),
        "Entry 2 of evaluations.json is not",
    ),
}
"""Name -> (files of an honest export -> a stranger's zip, part of the sentence of refusal)."""


def torched():
    buffer = io.BytesIO()
    torch.save({"weights": Marker("pickled")}, buffer)
    return buffer.getvalue()


def on(files, name):
    config = json.loads(files["config.json"])["config"]
    return changed(files["config.json"], config={**config, "data": {"name": name}})


def giant(files):
    config = json.loads(files["config.json"])["config"]
    model = {**config["model"], "z_dim": 1024, "rnn_size": 4096, "rnn_layers": 4, "flows": 8}
    return changed(files["config.json"], config={**config, "model": model})


def twice(files):
    buffer = io.BytesIO(packed(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("another/config.json", "{}")
    return buffer.getvalue()


def linked(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"run/{name}")
            if name == "config.json":
                entry.external_attr, content = 0o120777 << 16, b"/etc/passwd"
            archive.writestr(entry, content)
    return buffer.getvalue()


def attacked(files, attack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, of names twice
        return attack(files)


@pytest.fixture
def in_process(monkeypatch):
    """Exports are read in this process, through the same bytes that a child would answer with."""

    def read(data):
        return import_child._decode(import_child._encode(import_child.read_export(data)))

    monkeypatch.setattr(imported, "read_export_in_child", read)


@pytest.mark.usefixtures("in_process")
def test_attacks_are_refused_in_one_sentence_and_leave_nothing(run, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    for name, (attack, part) in ATTACKS.items():
        with pytest.raises(DMMError, match=part) as refusal:
            import_run(attacked(files, attack))
        sentence = str(refusal.value)
        assert sentence.endswith(".") and len(sentence) < 400 and sentence.isprintable(), name
        assert contents(tmp_path) == before, name


def test_a_foreign_configuration_is_refused_with_every_fault(files):
    config = json.loads(files["config.json"])["config"]
    config["model"] |= {"z_dim": 0, "layers": "many"}
    with pytest.raises(DMMError, match=r"model\.z_dim is 0.*model\.layers is not a setting"):
        import_run(packed(files, **{"config.json": changed(files["config.json"], config=config)}))


def test_a_disk_that_is_full_leaves_nothing(run, files, monkeypatch):
    def refuse(folder, checkpoint):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imported, "save_checkpoint", refuse)
    before = contents(run.folder.parent)
    with pytest.raises(OSError, match="No space"):
        import_run(packed(files))
    assert contents(run.folder.parent) == before


@pytest.mark.parametrize(
    "name", ["bomb", "deep JSON", "header of 8 EB", "a million lines", "pickle as weights"]
)
def test_attacks_are_refused_through_a_child(files, name):
    attack, part = ATTACKS[name]
    with pytest.raises(DMMError, match=part):
        import_run(attack(files))


def million_tensors(files):
    """A zip of 3 MB whose weights list over a million tensors."""
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return packed(
        files, **{"model.safetensors": header(**{f"{i:07x}": entry for i in range(1_200_000)})}
    )


def test_weights_that_list_a_million_tensors_cost_the_server_nothing(files):
    data = million_tensors(files)
    process = psutil.Process()
    before, began = process.memory_info().rss, process.cpu_times()
    with pytest.raises(DMMError, match="lists its tensors in"):
        import_run(data)
    ended = process.cpu_times()
    assert ended.user + ended.system - began.user - began.system < 1
    assert process.memory_info().rss - before < 2**26


def test_the_child_that_reads_an_export_loads_no_pytorch():
    code = "import sys, dmm_core.runs.import_child; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "streamlit", "scipy"} & set(found.stdout.split())


@pytest.mark.usefixtures("in_process")
def test_damage_of_any_kind_is_a_sentence(run, files):
    whole = packed(files)
    rng = random.Random(0)
    kept = 0
    for _ in range(300):
        name = rng.choice([*files, None])
        damaged = (
            mutate(whole, rng)
            if name is None
            else packed(files, **{name: mutate(files[name], rng)})
        )
        try:
            there = import_run(damaged)
        except DMMError as refusal:
            assert str(refusal).isprintable()
        else:
            kept += 1
            assert isinstance(there, Run) and there.status().state == "finished"
            load_model(there)
            there.delete()
    assert 0 < kept < 300
    assert [found.id for found in list_runs()] == [run.id]
    assert not os.listdir(run.folder.parent) == []
