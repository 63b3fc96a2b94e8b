"""Own files on the command line: inspected, trained on, and looked at through a model."""

import json
from pathlib import Path

import hostile_data
import numpy as np
import pytest

from dmm_core.cli import main
from dmm_core.commands.files import read_own_files
from dmm_core.data.sequences import Sequences
from dmm_core.data.uploads import UploadOptions, UploadReport, read_files, store_upload
from dmm_core.errors import DataError, UploadError
from dmm_core.music.pianoroll import notes_from_roll
from dmm_core.music.score import musicxml_from_notes
from dmm_core.runs.record import DataFacts

TINY = (
    "--model.z-dim=2 --model.rnn-size=4 --model.emission-hidden=4 --model.transition-hidden=4 "
    "--train.batch-size=4 --train.eval-every=1 --train.epochs=1 --train.device=cpu --json"
).split()

TABLE = "sequence,a,b,u_dose\n" + "".join(
    f"{t // 5},{np.sin(t):.3f},{'' if t % 7 == 3 else np.cos(t)},{t % 2}\n" for t in range(60)
)


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def facts(**changed):
    common = {"name": "it", "kind": "real", "x_dim": 2, "steps_per_quarter": None}
    return DataFacts(**(common | changed))


@pytest.fixture
def write(tmp_path):
    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.musicxml", hostile_data.SCORE, ("musicxml", 1, 12, 5)),
        ("a.mxl", hostile_data.mxl(), ("mxl", 1, 12, 5)),
        ("a.abc", hostile_data.TUNE.encode(), ("abc", 1, 16, 6)),
        ("a.csv", TABLE.encode(), ("csv", 12, 60, 0)),
        ("a.npz", hostile_data.npz(x=hostile_data.X), ("npz", 2, 8, 0)),
    ],
)
def test_inspect_says_what_every_kind_holds(write, capsys, name, content, found):
    path = write(name, content)
    assert main(["inspect", str(path), "--json"]) == 0
    (said,) = lines(capsys)
    assert set(said) == {"file", "kind", "sequences", "frames", "notes", "changes"}
    assert (said["kind"], said["sequences"], said["frames"], said["notes"]) == found
    assert said["file"] == name
    assert main(["inspect", str(path)]) == 0
    assert f"{name}: {found[0]}, " in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["musicxml", "mxl", "abc", "csv", "npz"])
def test_inspect_says_why_a_file_is_refused(write, capsys, kind):
    path = write(f"bad.{kind}", b"\x80\x04nothing of the kind")
    assert main(["inspect", str(path), "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(f"bad.{kind}: The ")
    assert said.err.count("\n") == 1


def test_a_table_is_trained_on_and_looked_at(dmm_home, write, tmp_path, capsys):
    path = write("patients.csv", TABLE)
    report = read_files([(path.name, path.read_bytes())], UploadOptions())
    upload = store_upload(report, title="patients", options=UploadOptions())
    assert main(["train", f"--data.name=upload:{upload}", "--model.emission=gaussian", *TINY]) == 0
    *_, last = lines(capsys)
    assert last["state"] == "finished" and np.isfinite(last["best_valid_bound"])
    out = tmp_path / "q.npz"
    assert main(["infer", last["run"], str(path), "--draws=3", f"--out={out}"]) == 0
    with np.load(out, allow_pickle=False) as q:
        assert q["loc"].shape == (60, 2) and q["lengths"].tolist() == [5] * 12
        assert all(np.isfinite(q[name]).all() for name in ("loc", "scale", "kl", "nll"))
        assert q["names"][0] == "patients.csv: 0"
    capsys.readouterr()
    other = write("other.csv", "a,b\n1,2\n")
    assert main(["infer", last["run"], str(other), f"--out={out}"]) == 1
    assert "other.csv has 0 actions a frame, but the model" in capsys.readouterr().err


def test_a_score_is_continued_and_looked_at(dmm_home, write, tmp_path, capsys):
    rng = np.random.default_rng(0)
    roll = rng.random((12, 88)) < 0.05
    roll[:, 40] = True
    rolls = Sequences((roll.astype(np.uint8),) * 4, tuple("abcd"))
    options = UploadOptions(steps_per_quarter=1)
    upload = store_upload(UploadReport(rolls, ()), title="x", options=options)
    assert main(["train", f"--data.name=upload:{upload}", *TINY]) == 0
    run = lines(capsys)[0]["run"]
    notes = notes_from_roll(roll, tempo=90, steps_per_quarter=1, rearticulate=True)
    path = write("start.musicxml", musicxml_from_notes(notes, tempo=90, title="start"))
    assert main(["continue", run, str(path), "--frames=4", f"--out={tmp_path}", "--json"]) == 0
    assert (tmp_path / "continuation-000.mid").is_file()
    out = tmp_path / "q.npz"
    assert main(["infer", run, str(path), f"--out={out}", "--draws=2"]) == 0
    with np.load(out, allow_pickle=False) as q:
        assert q["lengths"].tolist() == [12]


def test_files_have_to_be_what_the_model_explains(write):
    real, binary = write("real.csv", "1,2\n3,4\n"), write("binary.csv", "1,0\n0,1\n")
    missing, acting = write("missing.csv", "1,2\n,4\n"), write("acting.csv", "a,b,u_c\n1,0,5\n")
    assert read_own_files([real], facts()).x[0].dtype == np.float32
    assert read_own_files([binary], facts()).x[0].dtype == np.float32
    assert read_own_files([binary], facts(kind="binary")).x[0].dtype == np.uint8
    assert read_own_files([missing], facts(missing=True)).observed is not None
    assert read_own_files([acting], facts(u_dim=1)).u_dim == 1
    for path, data, words in (
        (real, facts(kind="binary"), "other values than 0 and 1"),
        (real, facts(x_dim=3), "real.csv has 2 features a frame, but the model explains it with 3"),
        (acting, facts(), "1 action a frame, but the model explains it with 0 actions"),
        (missing, facts(), "has missing values"),
        (real, facts(kind="binary", x_dim=88, steps_per_quarter=2), "with 88 features"),
    ):
        with pytest.raises(DataError, match=words):
            read_own_files([path], data)
    with pytest.raises(UploadError, match=r"^bad\.mid: The file is not a MIDI file"):
        read_own_files([write("bad.mid", "?")], facts())
