"""Own files on the command line: inspected, trained on, and looked at through a model."""

import json
import subprocess
import sys
from pathlib import Path

import hostile
import hostile_data
import numpy as np
import pytest

from dmm_core.cli.input_files import read_own_files
from dmm_core.cli.main import main
from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import (
    UploadOptions,
    UploadReport,
    list_uploads,
    load_upload,
    read_files,
    store_upload,
)
from dmm_core.errors import DataError, UploadError
from dmm_core.music.pianoroll import notes_from_roll
from dmm_core.music.score import musicxml_from_notes

TINY = (
    "--model.z-dim=2 --model.rnn-size=4 --model.emission-hidden=4 --model.transition-hidden=4 "
    "--train.batch-size=4 --train.eval-every=1 --train.epochs=1 --train.device=cpu --json"
).split()

TABLE = "sequence,a,b,u_dose\n" + "".join(
    f"{t // 5},{np.sin(t):.3f},{'' if t % 7 == 3 else np.cos(t)},{t % 2}\n" for t in range(60)
)

KEYS = {"file", "kind", "sequences", "frames", "notes", "changes"}


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def facts(**changed):
    common = {"name": "it", "kind": "real", "x_dim": 2, "steps_per_quarter": None}
    return DataSpec(**(common | changed))


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
    assert set(said) == KEYS | ({"columns"} if name == "a.csv" else set())
    assert (said["kind"], said["sequences"], said["frames"], said["notes"]) == found
    assert said["file"] == name
    assert main(["inspect", str(path)]) == 0
    assert f"{name}: {found[0]}, " in capsys.readouterr().out


SLUR = b"\x00\x90\x3c\x50\x81\x70\x90\x40\x50\x81\x40\x80\x3c\x00\x83\x60\x80\x40\x00"


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("a.mid", hostile.midi(hostile.track(SLUR)), [[60, 0, 0.9], [64, 0.5, 1.9]]),
        ("a.abc", b"X:1\nL:1/16\nK:C\nCD\n\nX:2\nK:C\nE\n", [[60, 0, 0.25], [62, 0.25, 0.5]]),
        ("a.musicxml", hostile_data.score(hostile_data.note("D")), [[62, 0, 1]]),
    ],
)
def test_inspect_lists_the_notes_as_they_were_read(write, capsys, name, content, notes):
    path = write(name, content)
    assert main(["inspect", str(path), "--json", "--notes", "--grid=quarter"]) == 0
    (said,) = lines(capsys)
    assert set(said) == KEYS and said["notes"] == notes
    assert main(["inspect", str(path), "--notes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        str(notes[-1][0]),
        *(str(float(t)) for t in notes[-1][1:]),
    ]


def test_inspect_tells_music_from_tables(write, capsys):
    frames = [[int(i in (39, 40 + t)) for i in range(88)] for t in range(2)]
    path = write("roll.csv", "\n".join(",".join(map(str, frame)) for frame in frames))
    assert main(["inspect", str(path), "--json", "--notes", "--grid=quarter"]) == 0
    (said,) = lines(capsys)
    assert (said["kind"], said["features"], said["frames"]) == ("music", 88, 2)
    assert said["notes"] == [[60, 0, 2], [61, 0, 1], [62, 1, 2]]
    path = write("table.csv", TABLE)
    assert main(["inspect", str(path), "--json", "--notes"]) == 0
    (said,) = lines(capsys)
    assert set(said) == KEYS | {"features", "time", "columns"}
    assert (said["kind"], said["features"], said["time"]) == ("csv", 2, None)
    assert (said["notes"], said["frames"]) == ([], 60)


def test_columns_of_tables_have_roles_and_times(dmm_home, write, capsys):
    text = "when,v,dose,note\n" + "".join(
        f"{year},{year % 7},{year % 2},a\n" for year in range(1950, 2000)
    )
    path = write("series.csv", text)
    assert main(["inspect", str(path), "--json", "--notes", "--role=dose=action"]) == 0
    (said,) = lines(capsys)
    assert {column["name"]: column["role"] for column in said["columns"]} == {
        "when": "time",
        "v": "feature",
        "dose": "action",
        "note": "ignore",
    }
    assert said["time"] == {"name": "when", "unit": "number", "step": 1, "starts": ["1950"]}
    assert main(["inspect", str(path)]) == 0
    assert ["when", "time", "-", "1950,", "1951,", "1952"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]
    options = ["--role=dose=ignore", "--kind=real", "--split=time", "--window=10"]
    assert main(["upload", str(path), "--title=x", *options, "--json"]) == 0
    (said,) = lines(capsys)
    (info,) = list_uploads()
    assert (info.spec.kind, info.spec.features, info.spec.u_dim) == ("real", ("v",), 0)
    splits = load_dataset(DataConfig(name=said["upload"]))
    assert splits.train.lengths.tolist() == [10, 10, 10, 5]
    assert main(["upload", str(path), "--title=x", "--role=dosis=action"]) == 1
    assert "There is no column 'dosis'; the columns are when, v," in capsys.readouterr().err
    for wrong in ("--role=dose", "--role=dose=hero", "--role==time", "--kind=odd", "--window=1"):
        with pytest.raises(SystemExit, match="2"):
            main(["upload", str(path), "--title=x", wrong])


def test_uploads_are_kept_and_listed(dmm_home, write, capsys):
    notes = [write(f"{i}.mid", hostile.midi(hostile.track(SLUR * (i + 1)))) for i in range(3)]
    bad = write("bad.mid", b"?")
    command = ["upload", *map(str, [*notes, bad]), "--title=Slurs", "--grid=sixteenth"]
    assert main([*command, "--split-seed=7", "--json"]) == 0
    said = capsys.readouterr()
    kept = json.loads(said.out)
    assert (kept["sequences"], kept["frames"]) == (3, 8 + 15 + 23)
    assert kept["refused"] == ["bad.mid: The file is not a MIDI file: it does not begin with MThd."]
    assert "0.mid: 2 of 2 note ends (100 %) were moved to the sixteenth grid." in kept["changes"]
    assert said.err.splitlines() == [*kept["changes"], *kept["refused"]]
    options = UploadOptions(steps_per_quarter=4, seed=7)
    report = read_files([(path.name, path.read_bytes()) for path in notes], options)
    same = load_upload(store_upload(report, title="Slurs", options=options))
    here = load_upload(kept["upload"].removeprefix("upload:"))
    for split in ("train", "valid", "test"):
        assert here[split].names == same[split].names
        assert all(map(np.array_equal, here[split].x, same[split].x))
    assert main(["datasets", "--json"]) == 0
    (row,) = [row for row in lines(capsys)[0]["datasets"] if row["name"] == kept["upload"]]
    assert (row["title"], row["kind"], row["grid"], row["on_disk"]) == (
        "Slurs",
        "binary",
        "sixteenth",
        True,
    )
    for split in ("train", "valid", "test"):
        assert row["sequences"][split] == len(here[split])
        assert row["frames"][split] == here[split].frames
    (dmm_home / "uploads" / kept["upload"][7:] / "sequences.npz").write_bytes(b"PK\x03\x04")
    assert main(["datasets"]) == 0
    listed = capsys.readouterr().out
    assert kept["upload"] not in listed and "Slurs" in listed  # the other one is whole


def test_an_upload_of_nothing_is_refused(dmm_home, write, capsys):
    bad = [str(write(name, b"?")) for name in ("a.mid", "b.mid")]
    assert main(["upload", bad[0], "--title=x"]) == 1
    assert capsys.readouterr().err.startswith("a.mid: The file is not a MIDI file")
    assert main(["upload", *bad, "--title=x", "--json"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("None of the 2 files can be read; a.mid: The file is not")
    assert (said.out, said.err.count("\n")) == ("", 1) and not list_uploads()
    with pytest.raises(SystemExit, match="2"):
        main(["upload", bad[0], "--title=x", "--grid=third"])


def test_looking_at_a_file_needs_no_torch(write):
    path = write("a.mid", hostile.GOOD)
    code = "import sys; from dmm_core.cli.main import main; main(sys.argv[1:])"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout.splitlines() == ["a.mid: midi, 1 sequence, 2 frames, 1 note", "False"]


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
    go_on = ["continue", run, "--frames=4", f"--out={tmp_path}"]
    assert main([*go_on, str(path), "--json"]) == 0
    assert (tmp_path / "continuation-000.mid").is_file()
    out = tmp_path / "q.npz"
    look = ["infer", f"--out={out}", "--draws=2", run]
    assert main([*look, str(path)]) == 0
    with np.load(out, allow_pickle=False) as q:
        assert q["lengths"].tolist() == [12]
    # Both tell what `inspect` tells, on stderr and in JSON.
    odd = write("odd.mid", hostile.midi(hostile.track(SLUR + b"\x00\x99\x24\x40")))
    capsys.readouterr()
    assert main(["inspect", str(odd), "--grid=quarter", "--json"]) == 0
    told = lines(capsys)[0]["changes"]
    assert told[0] == "Left out 1 drum note." and "1 of 2 onsets" in told[1]
    for command in (go_on, look):
        assert main([*command, str(odd), "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["changes"] == told
        assert said.err.splitlines()[: len(told)] == [f"odd.mid: {change}" for change in told]
    tunes = write("tunes.abc", b"X:1\nL:1/4\nK:C\nC2E2\n\nX:2\nL:1/4\nK:C\nE2G2\n")
    assert main([*go_on, str(tunes)]) == 0
    assert "tunes.abc: Continued the first of 2 sequences.\n" in capsys.readouterr().err
    assert main([*look, str(odd), str(path), "--json"]) == 0
    assert f"odd.mid: {told[0]}" in lines(capsys)[0]["changes"]


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


def test_columns_of_a_file_are_matched_by_their_names(write):
    spec = DataSpec(
        "real",
        2,
        "own",
        u_dim=1,
        c_dim=1,
        features=("a", "b"),
        actions=("dose",),
        covariates=("season",),
    )
    path = write("own.csv", "year,season,b,dose,a\n1990,1,2,3,4\n1991,5,6,7,8\n")
    found = read_own_files([path], spec)
    assert found.x[0].tolist() == [[4, 2], [8, 6]] and found.starts == (20,)
    assert found.u is not None and found.u[0].tolist() == [[3], [7]]
    assert found.c is not None and found.c[0].tolist() == [[1], [5]]
    with pytest.raises(DataError, match="0 covariates a frame"):
        read_own_files([write("b.csv", "year,b,dose,a\n1990,2,3,4\n1991,6,7,8\n")], spec)
    counts = DataSpec("count", 1, "own", features=("n",))
    assert read_own_files([write("c.csv", "n\n0\n1\n")], counts).x[0].dtype == np.float32
    with pytest.raises(UploadError, match="kind counts"):
        read_own_files([write("c.csv", "n\n0\n-1\n")], counts)
