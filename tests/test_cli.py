import json
import os
import signal
import subprocess
import sys
import time
import wave
from functools import cache

import mido
import numpy as np
import pytest

from dmm_core.cli.main import main
from dmm_core.data.uploads.lines import parse_lines
from dmm_core.data.uploads.reader import UploadOptions, read_files, store_upload
from dmm_core.inference.sampling import continuation
from dmm_core.music.meter import Meter
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.pianoroll import notes_from_roll, roll_from_notes
from dmm_core.music.score import read_musicxml
from dmm_core.music.transposition import transposed

TINY = (
    "--model.z-dim=3 --model.rnn-size=8 --model.emission-hidden=6 --model.transition-hidden=6 "
    "--train.batch-size=2 --train.eval-every=2 --train.device=cpu"
).split()


def midi_file(seed):
    roll = np.random.default_rng(seed).random((12, 88)) < 0.04
    roll[:, 40] = True
    notes = notes_from_roll(roll, tempo=90, steps_per_quarter=1, rearticulate=True)
    return midi_from_notes(notes, tempo=90)


SIX = UploadOptions(steps_per_quarter=1)


@cache
def six_pieces():
    """The report on six short pieces, which a child process reads once for all tests."""
    return read_files([(f"{i}.mid", midi_file(i)) for i in range(6)], SIX)


def keep_six_pieces():
    """The name of an upload of six short pieces that is kept."""
    return "upload:" + store_upload(six_pieces(), title="six pieces", options=SIX)


@pytest.fixture
def data(dmm_home):
    return keep_six_pieces()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def trained(data, capsys):
    """The id of a run of four epochs."""
    assert main(["train", f"--data.name={data}", "--train.epochs=4", "--json", *TINY]) == 0
    return lines(capsys)[0]["run"]


def test_train_prints_its_run_its_epochs_and_its_end(data, capsys):
    status = main(["train", f"--data.name={data}", "--train.epochs=4", "--json", *TINY])
    first, *epochs, last = lines(capsys)
    assert status == 0 and set(first) == {"run"}
    assert [e["epoch"] for e in epochs] == [1, 2, 3, 4]
    needed = {"epoch", "update", "train_bound", "train_nll", "train_kl", "kl_weight", "seconds"}
    assert all(needed <= set(e) for e in epochs)
    assert ["valid_bound" in e for e in epochs] == [False, True, False, True]
    assert last["run"] == first["run"] and last["state"] == "finished"
    best = min(e["valid_bound"] for e in epochs if "valid_bound" in e)
    assert last["best_valid_bound"] == best


def test_train_for_a_person(data, capsys):
    assert main(["train", f"--data.name={data}", "--train.epochs=2", *TINY]) == 0
    assert "finished: All 2 epochs are done. Best valid bound" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (
            ["train", "--model.z-dim=0", "--train.lr=x"],
            2,
            ["model.z_dim is '0'", "train.lr is 'x'"],
        ),
        (["train", "--preset=slow"], 2, ["no preset 'slow'"]),
        (["train", "--data.name=mozart"], 1, ["no data set 'mozart'", "jsb-m21"]),
        (["evaluate", "../../etc"], 1, ["There is no such run"]),
        (["sample", "bundled:none", "--out=x"], 1, ["There is no such run"]),
        (["resume", "nothing"], 1, ["There is no such run"]),
    ],
)
def test_errors_are_one_sentence_on_stderr(dmm_home, capsys, arguments, status, words):
    assert main(arguments) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert all(word in said.err for word in words)


@pytest.mark.parametrize(
    "arguments",
    [[], ["foo"], ["train", "--model.size=3"], ["evaluate", "x", "--samples=0"], ["sample", "x"]],
)
def test_usage_errors_are_one_sentence_and_status_2(dmm_home, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_lists_the_newest_first(trained, data, capsys):
    main(["train", f"--data.name={data}", "--train.epochs=1", "--name=second", "--json", *TINY])
    second = lines(capsys)[0]["run"]
    assert main(["runs", "--json"]) == 0
    (listed,) = lines(capsys)
    assert [row["run"] for row in listed["runs"]] == [second, trained]
    assert [row["name"] for row in listed["runs"]] == ["second", ""]
    assert listed["runs"][1]["state"] == "finished" and listed["runs"][1]["epoch"] == 4
    assert main(["runs"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "run" and header.endswith("  name")
    assert len(rows) == 2 and rows[0].endswith("  second")
    assert all(row.index(data) == header.index("data") for row in rows)


def test_evaluate_gives_every_average_and_keeps_it(trained, capsys):
    arguments = ["evaluate", trained, "--split=test", "--samples=20", "--json"]
    assert main(arguments) == 0
    (result,) = lines(capsys)
    assert set(result) == {
        *("run", "split", "sequences", "frames", "samples", "bound_per_step", "importance_nll"),
        *("standard_error", "bound_per_sequence", "nll", "kl", "seconds", "estimator", "seed"),
        *("ess", "replicates", "replicate_spread", "smc_nll", "smc_spread", "smc_standard_error"),
        "particles",
    }
    assert set(result["ess"]) == {"median", "least"} and result["replicates"] == 4
    assert result["standard_error"] == pytest.approx(result["replicate_spread"] / 2)
    assert result["samples"] == 20 and result["importance_nll"] <= result["bound_per_step"]
    assert main(arguments) == 0
    (again,) = lines(capsys)
    assert again["importance_nll"] == result["importance_nll"]
    assert main([*arguments, "--estimator=smc", "--samples=2000"]) == 0
    (filtered,) = lines(capsys)
    assert main([*arguments, "--samples=2000"]) == 0
    (weighed,) = lines(capsys)
    # The model is hardly trained, so that whole paths weigh badly and the filters come closer.
    assert filtered["importance_nll"] < weighed["importance_nll"]
    assert filtered["bound_per_step"] == weighed["bound_per_step"]
    assert main(["evaluate", trained]) == 0
    said = capsys.readouterr().out
    assert "importance NLL" in said and "particle-filter NLL" in said
    assert "upper bounds in expectation" in said and "Warning: The importance NLL depends" in said
    assert main(["evaluate", trained, "--samples=20", "--replicates=3", "--particles=7"]) == 0
    assert "(3 replicates of 7 particles)" in capsys.readouterr().out


def test_infer_writes_the_posterior_of_a_split_and_of_files(trained, tmp_path, capsys):
    out = tmp_path / "q.npz"
    assert main(["infer", trained, "--split=train", "--draws=5", f"--out={out}", "--json"]) == 0
    frames = lines(capsys)[0]["frames"]
    with np.load(out, allow_pickle=False) as q:
        assert q["loc"].shape == q["scale"].shape == (frames, 3)
        assert q["kl"].shape == q["nll"].shape == (frames,)
        assert q["lengths"].sum() == frames
    file = tmp_path / "own.mid"
    file.write_bytes(midi_file(9))
    assert main(["infer", trained, str(file), f"--out={out}"]) == 0
    with np.load(out, allow_pickle=False) as q:
        assert list(q["names"]) == ["own.mid"] and len(q["loc"]) == 12


def test_there_is_nothing_to_stop_in_a_finished_run(trained, capsys):
    assert main(["stop", trained]) == 1
    assert "is finished; there is nothing to stop" in capsys.readouterr().err


def test_a_missing_file_is_named(dmm_home, tmp_path, capsys):
    missing = tmp_path / "nothere.mid"
    assert main(["inspect", str(missing)]) == 1
    assert capsys.readouterr().err == f"{missing}: No such file or directory.\n"


def test_sample_and_continue_write_midi_and_audio(trained, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["sample", trained, "--frames=16", "--count=2", "--seed=3", f"--out={out}"]
    assert main([*arguments, "--wav", "--json"]) == 0
    files = sorted(path.name for path in out.iterdir())
    assert files == [f"sample-00{i}.{kind}" for i in (0, 1) for kind in ("mid", "wav")]
    first = (out / "sample-000.mid").read_bytes()
    assert mido.MidiFile(out / "sample-000.mid").length > 0
    assert main(arguments) == 0  # into the same folder: numbered on
    names = sorted(path.name for path in out.iterdir())
    assert names == [*files, "sample-002.mid", "sample-003.mid"]
    assert (out / "sample-000.mid").read_bytes() == first
    assert (out / "sample-002.mid").read_bytes() == first
    other = tmp_path / "other"
    assert main([*arguments[:-2], "--seed=4", f"--out={other}"]) == 0
    assert (other / "sample-000.mid").read_bytes() != first

    assert main([*arguments[:-1], "--musicxml", f"--out={tmp_path / 'score'}"]) == 0
    for number in (0, 1):
        path = tmp_path / "score" / f"sample-00{number}.musicxml"
        written = read_musicxml(path.read_bytes()).notes
        assert len(written) == len(read_midi(path.with_suffix(".mid").read_bytes()).notes) > 0

    four = [*arguments[:-1], "--notes=4", "--no-clash", f"--out={tmp_path / 'four'}"]
    assert main(four) == 0
    for file in (tmp_path / "four").iterdir():
        notes = read_midi(file.read_bytes()).notes
        roll = roll_from_notes(notes, tempo=60.0, steps_per_quarter=1)
        assert (roll.sum(1) == 4).all() and not (roll[:, 1:] & roll[:, :-1]).any()
    capsys.readouterr()
    assert main([*four[:-3], "--notes=45", "--no-clash", four[-1]]) == 1
    assert "At most 44 notes fit" in capsys.readouterr().err

    start = tmp_path / "start.mid"
    start.write_bytes(midi_file(1))
    assert main(["continue", trained, str(start), "--frames=8", f"--out={out}"]) == 0
    length = mido.MidiFile(out / "continuation-000.mid").length
    assert length > mido.MidiFile(start).length - 0.1
    again = ["continue", trained, str(start), "--frames=8", "--seed=4", f"--out={other}"]
    assert main(again) == 0
    pieces = ((folder / "continuation-000.mid").read_bytes() for folder in (out, other))
    assert next(pieces) != next(pieces)


def test_sample_writes_music_in_voices(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["sample", "bundled:voices", "--frames=14", "--seed=3", f"--out={out}"]
    shape = ["--meter=3", "--upbeat=1", "--phrase=4", "--tempo=75"]
    assert main([*arguments, *shape, "--count=2", "--wav", "--musicxml", "--json"]) == 0
    files = sorted(path.name for path in out.iterdir())
    kinds = ("mid", "musicxml", "wav")
    assert files == [f"sample-00{i}.{kind}" for i in (0, 1) for kind in kinds]
    midi = parse_lines((out / "sample-000.mid").read_bytes(), "midi")
    score = parse_lines((out / "sample-000.musicxml").read_bytes(), "musicxml")
    assert [line.name for line in midi.lines] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert midi.meter == score.meter == Meter(3, 1) and midi.tempo == score.tempo == 75
    assert score.fermatas.nonzero()[0].tolist() == [3, 7, 11, 13] and score.beats == 14
    for one, other in zip(midi.lines, score.lines, strict=True):
        steps = len(one.pitches)
        assert np.array_equal(one.pitches, other.pitches[:steps]) and one.name == other.name
    with wave.open(str(out / "sample-000.wav")) as file:
        assert file.getnchannels() == 2 and file.getnframes() > 14 * 0.8 * 44100
    assert len({(out / f"sample-00{i}.mid").read_bytes() for i in (0, 1)}) == 2
    assert main(arguments) == 0
    again = parse_lines((out / "sample-002.mid").read_bytes(), "midi")
    assert again.meter == Meter(4) and again.beats <= 14
    capsys.readouterr()

    for options, words in (
        (["--notes=4"], "--notes and --no-clash are for models of piano-rolls"),
        (["--meter=3", "--upbeat=3"], "upbeat of a bar of 3 beats has 0 to 2 beats, not 3"),
    ):
        assert main([*arguments, *options]) == 1
        assert words in capsys.readouterr().err
    assert main(["sample", "bundled:chorales", "--meter=3", f"--out={out}"]) == 1
    assert "are for models of music in voices" in capsys.readouterr().err
    start = tmp_path / "start.mid"
    start.write_bytes(midi_file(1))
    assert main(["continue", "bundled:voices", str(start), f"--out={out}"]) == 1
    assert "needs a model of piano-rolls" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("transpose", "said"),
    [
        (
            "auto",
            "Estimated key: D major. Transposed 10 semitones up for the model. The result is "
            "transposed back.\n",
        ),
        ("none", ""),
        ("-3", ""),
    ],
)
def test_a_start_in_d_is_continued_in_d_and_stays_as_it_is(
    dmm_home, tmp_path, capsys, monkeypatch, transpose, said
):
    seen = []
    monkeypatch.setattr(
        "dmm_core.inference.continuation",
        lambda model, start, **how: seen.append(start) or continuation(model, start, **how),
    )
    chords = ((62, 66, 69), (67, 71, 74), (69, 73, 76), (62, 66, 108))
    start = np.zeros((4, 88), np.uint8)
    for frame, chord in enumerate(chords):
        start[frame, np.array(chord) - 21] = 1
    notes = notes_from_roll(start, tempo=90, steps_per_quarter=1, rearticulate=True)
    file = tmp_path / "d.mid"
    file.write_bytes(midi_from_notes(notes, tempo=90))
    arguments = ["continue", "bundled:chorales", str(file), "--frames=12", f"--out={tmp_path}"]
    assert main([*arguments, f"--transpose={transpose}"]) == 0
    assert capsys.readouterr().err == said
    move = {"auto": 10, "none": 0, "-3": -3}[transpose]
    assert np.array_equal(seen[0], transposed(start, move))
    written = read_midi((tmp_path / "continuation-000.mid").read_bytes()).notes
    roll = roll_from_notes(written, tempo=60.0, steps_per_quarter=1)
    assert np.array_equal(roll[:4], start > 0) and roll[4:].any()
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--transpose=up"])


def test_bundle_packs_a_run_that_every_command_can_use(trained, tmp_path, monkeypatch, capsys):
    for module in ("cli.bundle", "runs.bundled"):
        monkeypatch.setattr(f"dmm_core.{module}.assets", lambda: tmp_path)
    arguments = ["bundle", trained, "tiny", "--title=Six pieces", "--samples=10", "--json"]
    assert main(arguments) == 0
    (card,) = lines(capsys)
    assert card["title"] == "Six pieces" and card["test"]["samples"] == 10
    assert main(["evaluate", "bundled:tiny", "--samples=10", "--json"]) == 0
    assert lines(capsys)[0]["importance_nll"] == card["test"]["importance_nll"]
    half = ["bundle", trained, "half", "--title=Six pieces", "--samples=10", "--half", "--json"]
    assert main(half) == 0
    assert lines(capsys)[0]["precision"] == "float16"
    sizes = [
        (tmp_path / "models" / name / "model.safetensors").stat().st_size
        for name in ("tiny", "half")
    ]
    assert sizes[1] < 0.65 * sizes[0]  # the header is the same
    assert main(["evaluate", "bundled:half", "--samples=10", "--json"]) == 0
    nll = lines(capsys)[0]["importance_nll"]
    assert nll == pytest.approx(card["test"]["importance_nll"], rel=1e-2)
    assert main(["bundle", trained, "../tiny", "--title=x"]) == 1
    assert main(["bundle", "bundled:tiny", "again", "--title=x"]) == 1


def test_inspect_reads_or_refuses(dmm_home, tmp_path, capsys):
    good, bad = tmp_path / "good.mid", tmp_path / "bad.mid"
    good.write_bytes(midi_file(0))
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert main(["inspect", str(good), "--json"]) == 0
    (found,) = lines(capsys)
    assert set(found) == {"file", "kind", "sequences", "frames", "notes", "changes"}
    assert found["file"] == "good.mid" and found["notes"] > 0
    assert main(["inspect", str(bad), "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("bad.mid") and said.err.count("\n") == 1
    assert main(["inspect", str(tmp_path / "none.mid")]) == 1


def test_datasets_lists_what_there_is(dmm_home, capsys):
    assert main(["datasets", "--json"]) == 0
    (listed,) = lines(capsys)
    rows = {row["name"]: row for row in listed["datasets"]}
    assert rows["jsb"]["frames"] == {"train": 13807, "valid": 4602, "test": 4725}
    assert rows["linear-gssm"]["on_disk"] and not rows["jsb"]["on_disk"]
    assert (rows["medical"]["u_dim"], rows["medical"]["missing"]) == (8, True)
    assert (rows["jsb"]["u_dim"], rows["jsb"]["missing"]) == (0, False)
    keys = {"name", "kind", "on_disk", "sequences", "frames", "x_dim", "u_dim", "missing", "grid"}
    assert all(keys | {"licence"} == set(row) for row in rows.values())


def test_datasets_gets_what_is_asked_for(mirror, dmm_home, capsys):
    assert main(["datasets", "--get", "jsb", "linear-toy", "--json"]) == 0
    (listed,) = lines(capsys)
    assert {"jsb", "linear-toy"} <= {row["name"] for row in listed["datasets"] if row["on_disk"]}
    assert main(["datasets", "--get", "jbs"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("There is no data set 'jbs'")


def start_training(data, home, epochs):
    arguments = ["train", f"--data.name={data}", f"--train.epochs={epochs}", "--json", *TINY]
    return subprocess.Popen(
        [sys.executable, "-m", "dmm_core", *arguments],
        env={**os.environ, "DMM_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        pipesize=4096,  # The training waits until its lines are read: it cannot end too early.
    )


def read_until_epoch(process, epoch):
    run = json.loads(process.stdout.readline())["run"]
    for line in process.stdout:
        if json.loads(line)["epoch"] >= epoch:
            return run
    raise AssertionError("the training ended early")


def timeless(metrics):
    return [{k: v for k, v in line.items() if k != "seconds"} for line in metrics]


def metrics_of(home, run):
    text = (home / "runs" / run / "metrics.jsonl").read_text()
    return timeless(json.loads(line) for line in text.splitlines())


def test_a_killed_training_reads_interrupted_and_resumes_exactly(data, dmm_home, capsys):
    epochs = 60
    process = start_training(data, dmm_home, epochs)
    run = read_until_epoch(process, 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert main(["runs", "--json"]) == 0
    assert lines(capsys)[0]["runs"][0]["state"] == "interrupted"

    assert main(["resume", run, "--json"]) == 0
    *_, last = lines(capsys)
    assert last["state"] == "finished"
    whole = ["train", f"--data.name={data}", f"--train.epochs={epochs}", "--json", *TINY]
    assert main(whole) == 0
    undisturbed = lines(capsys)
    assert metrics_of(dmm_home, run) == metrics_of(dmm_home, undisturbed[0]["run"])
    assert last["best_valid_bound"] == undisturbed[-1]["best_valid_bound"]


@pytest.mark.alone
def test_a_stopped_training_saves_and_resumes_exactly(data, dmm_home, capsys):
    epochs = 60
    process = start_training(data, dmm_home, epochs)
    run = read_until_epoch(process, 10)
    began = time.monotonic()
    assert main(["stop", run, "--json"]) == 0
    process.stdout.read()
    assert process.wait(timeout=10) == 0
    process.stdout.close()
    assert time.monotonic() - began < 5  # two seconds to save, and the end of the process
    main(["runs", "--json"])
    *_, listed = lines(capsys)
    assert listed["runs"][0]["state"] == "cancelled"
    stopped_at = listed["runs"][0]["epoch"]
    assert 10 <= stopped_at < epochs

    assert main(["resume", run, "--json"]) == 0
    assert lines(capsys)[1]["epoch"] >= stopped_at  # goes on, does not begin again
    whole = ["train", f"--data.name={data}", f"--train.epochs={epochs}", "--json", *TINY]
    assert main(whole) == 0
    undisturbed = lines(capsys)[0]["run"]
    assert metrics_of(dmm_home, run) == metrics_of(dmm_home, undisturbed)
