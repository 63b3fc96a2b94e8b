import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import hostile
import mido
import numpy as np
import psutil
import pytest

from dmm_core.data.uploads import child as upload_child, join as upload_join, reader as uploads
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.music import parse_midi
from dmm_core.data.uploads.reader import (
    FileReport,
    UploadOptions,
    UploadReport,
    delete_upload,
    inspect_file,
    list_uploads,
    load_upload,
    read_files,
    store_upload,
)
from dmm_core.data.uploads.report import display_name
from dmm_core.data.uploads.time_grid import grid_changes
from dmm_core.errors import ConfigError, DataError, UploadError
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import Note
from dmm_core.system import limited_child

OPTIONS = UploadOptions()


def melody(pitches, seconds=0.5):
    notes = [Note(p, i * seconds, (i + 1) * seconds) for i, p in enumerate(pitches)]
    return midi_from_notes(notes, tempo=120)


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(uploads.__file__).parents[3],
        timeout=60,
        check=False,
    )


@pytest.fixture
def in_process(monkeypatch):
    """Parse without a child: for what does not depend on it."""
    monkeypatch.setattr(uploads, "parse_in_child", parse_file)


def test_one_bad_file_spoils_no_other():
    report = read_files(
        [("a.mid", melody([60, 62, 64])), ("b.mid", b"\x89PNG"), ("c.mid", melody([60]))], OPTIONS
    )
    assert [file.refusal is None for file in report.files] == [True, False, True]
    assert report.files[1] == FileReport(
        "b.mid", "midi", refusal="The file is not a MIDI file: it does not begin with MThd."
    )
    assert report.files[0] == FileReport("a.mid", "midi", sequences=1, frames=6, notes=3)
    assert report.sequences.names == ("a.mid", "c.mid")
    first = report.sequences.x[0]
    assert first.dtype == np.uint8 and first.shape == (6, 88)
    assert [np.flatnonzero(frame).tolist() for frame in first[::2]] == [[39], [41], [43]]


def test_the_child_and_this_process_agree():
    data = hostile.midi(
        hostile.track(hostile.NOTE * 3 + b"\x0a\x99\x24\x40\x00\x90\x10\x40\x0a\x80\x10\x40"),
        hostile.track(b"\x13\x91\x4f\x40\x00\x91\x41\x40\x60\x81\x4f\x00" + hostile.END),
    )
    here, there = parse_midi(data, OPTIONS), upload_child.parse_in_child(data, "midi", OPTIONS)
    assert np.array_equal(here.x, there.x) and np.array_equal(here.spans, there.spans)
    assert here._replace(x=0, spans=0) == there._replace(x=0, spans=0)
    assert here.changes == (
        "Left out 1 drum note.",
        "Left out 1 note without an end.",
        "Left out 1 note outside the piano's range.",
        "1 of 4 onsets (25 %) was moved to the eighth grid.",
        "1 of 4 note ends (25 %) was moved to the eighth grid.",
        "Lengthened 1 note to one eighth note, the shortest that the grid holds.",
        "2 notes touch or overlap another of the same pitch; a piano-roll shows them as one.",
        "Merged 2 tracks into one piano-roll.",
    )


@pytest.mark.usefixtures("in_process")
def test_a_waltz_of_two_tempos_is_told_what_it_loses():
    file = mido.MidiFile(file=io.BytesIO(melody([60, 62, 64], 1.0)))
    for tempo in (500_000, 750_000):
        file.tracks[0].insert(0, mido.MetaMessage("set_tempo", tempo=tempo))
    for meter in ((6, 8), (4, 4), (3, 4)):
        said = dict(zip(("numerator", "denominator"), meter, strict=True))
        file.tracks[0].insert(0, mido.MetaMessage("time_signature", **said))
    buffer = io.BytesIO()
    file.save(file=buffer)
    assert inspect_file("x.mid", buffer.getvalue()).changes == (
        "Left out 2 tempos: frames are note values, so tempo has no effect on them.",
        "Bars are counted in 4/4, not in 3/4, 6/8.",
    )


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("grid", "frames", "changes"),
    [
        (
            1,
            3,
            (
                "2 of 5 onsets (40 %) were moved to the quarter grid; choose eighths or sixteenths "
                "to keep them.",
                "3 of 5 note ends (60 %) were moved to the quarter grid.",
                "Lengthened 5 notes to one quarter note, the shortest that the grid holds.",
            ),
        ),
        (2, 5, ()),
        (4, 10, ()),
    ],
)
def test_grids(grid, frames, changes):
    eighths = melody([60, 61, 62, 63, 64], 0.25)
    report = inspect_file("x", eighths, replace(OPTIONS, steps_per_quarter=grid))
    assert (report.frames, report.notes, report.changes) == (frames, 5, changes)


@pytest.mark.usefixtures("in_process")
def test_transposition():
    d_major = [62, 64, 66, 67, 69, 71, 73, 74, 69, 66, 62]
    transposing = replace(OPTIONS, transpose=True)
    [file] = read_files([("d", melody(d_major))], transposing).files
    assert file.changes == ("Transposed down 2 semitones, D major to C major (by its notes).",)
    roll = read_files([("d", melody(d_major))], transposing).sequences.x[0]
    assert np.flatnonzero(roll[0]).tolist() == [60 - 21]
    assert read_files([("d", melody(d_major))], OPTIONS).files[0].changes == ()
    sharps = b"\x00\xff\x59\x02\x04\x01"  # C sharp minor
    signed = parse_midi(hostile.midi(hostile.track(sharps + hostile.NOTE)), transposing)
    assert signed.changes == (
        "Transposed down 4 semitones, C♯ minor to A minor (by the key signature).",
    )
    assert np.flatnonzero(signed.x[0]).tolist() == [56 - 21]
    assert np.array_equal(signed.spans, [[60, 0, 1]])  # as the file has it


DRUM = hostile.NOTE.replace(b"\x90", b"\x99").replace(b"\x80", b"\x89", 1)
ENDLESS, LOW = hostile.NOTE[:4], hostile.NOTE.replace(b"\x3c", b"\x05")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("events", "why"),
    [
        (DRUM * 4, "all 4 notes are drums (channel 10)"),
        (DRUM, "its only note is a drum (channel 10)"),
        (ENDLESS * 3, "all 3 notes are without an end"),
        (LOW * 2, "all 2 notes are outside the piano's range"),
        (
            DRUM * 2 + ENDLESS + LOW,
            "of its notes, 2 are drums (channel 10), 1 is without an end, 1 is outside the piano's "
            "range",
        ),
    ],
)
def test_a_file_without_a_note_is_told_why(events, why):
    refusal = inspect_file("x", hostile.midi(hostile.track(events))).refusal
    assert refusal == f"The MIDI file holds no notes that a piano can play: {why}."


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    ("events", "said"),
    [
        (b"\x00\xff\x59\x02\xee\x01", "Left out 1 key signature that cannot be read."),
        (b"\x00\xff\x20\x00" * 2, "Left out 2 meta events that cannot be read."),
        (b"\x00\xff\x58\x01\x04", "Left out 1 time signature that cannot be read."),
        (b"\x00\xff\x51\x04\x07\xa1\x20\x00", "Left out 1 tempo that cannot be read."),
        (b"\x00\xf0\x02\x81\xf7", "Left out 1 system-exclusive message with bytes above 127."),
        (b"\x00\xfe", "Left out 1 real-time or system common message."),
        (
            b"\x00\xff\x59\x02\x02\x00",
            "Ignored the key signature (D major); pitches are as in the file.",
        ),
        (
            b"\x00\x90\x45\x40\x10\xb0\x7b\x00",
            "All Notes Off ended 1 note.",
        ),
        (b"\x00\x90\x45\x40\x10\xb0\x78\x00", "All Sound Off ended 1 note."),
        (
            b"\x00\xc0\x05\x00\xb0\x40\x7f\x00\x40\x00\x00\xe0\x00\x41\x00\x90\x45\x41\x83\x60\x45\x00",
            "A piano-roll does not keep: velocities (2 different), the sustain pedal (2 events), "
            "pitch bends (1), instruments (1).",
        ),
    ],
)
def test_what_a_midi_file_loses_is_told(events, said):
    data = hostile.midi(hostile.track(events + hostile.NOTE + hostile.END))
    assert said in inspect_file("x", data).changes
    assert said not in inspect_file("x", hostile.GOOD).changes


@pytest.mark.usefixtures("in_process")
def test_what_a_midi_file_as_a_whole_loses_is_told():
    drums = b"\x00\xff\x03\x05Drums" + hostile.NOTE.replace(b"\x90", b"\x9a").replace(
        b"\x80", b"\x8a", 1
    )
    tracks = [hostile.track(events) for events in (drums, hostile.NOTE, hostile.NOTE[:4])]
    data = hostile.midi(*tracks, hostile.chunk(b"XFIH"), claimed=5) + b"\n"
    assert {
        "The file claims 5 tracks, but it has 3.",
        "Left out 1 chunk of an unknown type.",
        "Left out 1 byte after the end of a track or the file.",
        "Merged 2 tracks into one piano-roll.",
        "Read the track 'Drums' on channel 11 as pitched notes, not as drums.",
    } <= set(inspect_file("x", data).changes)
    offs = hostile.track(b"\x83\x60\x80\x3c\x00" + hostile.END)
    assert inspect_file("x", hostile.midi(tracks[2], offs)).changes == (
        "Ended 1 note by note-offs in another track.",
    )


def test_short_notes_are_lengthened_and_told():
    def told(*lengths):
        notes = [Note(60 + i, 0, length / 2) for i, length in enumerate(lengths)]
        return parse_midi(midi_from_notes(notes, tempo=120), OPTIONS).changes

    said = "Lengthened {} to one eighth note, the shortest that the grid holds."
    assert told(0.5, 1) == ()
    assert told(0.25, 1)[-1] == said.format("1 note")
    assert said.format("2 notes") in told(0.25, 1, 0.1)
    click = hostile.midi(hostile.track(b"\x00\x90\x3c\x40\x00\x80\x3c\x40" + hostile.END))
    assert parse_midi(click, OPTIONS).changes == (said.format("1 note"),)


@pytest.mark.parametrize(
    ("moved", "share"), [(1, "under 1 %"), (606, "52 %"), (1155, "over 99 %"), (1156, "100 %")]
)
def test_a_share_is_never_rounded_to_nothing_or_everything(moved, share):
    counts = Counter({"onsets": 1156, "onsets off 1": moved})
    were = "was" if moved == 1 else "were"
    assert list(grid_changes(counts, 1)) == [
        f"{moved:,} of 1,156 onsets ({share}) {were} moved to the quarter grid; choose eighths or "
        "sixteenths to keep them."
    ]


@pytest.mark.usefixtures("in_process")
def test_onsets_are_moved_by_a_share_and_with_advice():
    def told(*starts, grid):
        notes = [Note(60 + i, start / 2, start / 2 + 1) for i, start in enumerate(starts)]
        data = midi_from_notes(notes, tempo=120)
        return inspect_file("x", data, replace(OPTIONS, steps_per_quarter=grid)).changes

    assert told(0, 0.25, grid=1)[0] == (
        "1 of 2 onsets (50 %) was moved to the quarter grid; choose sixteenths to keep them."
    )
    assert told(0, 0.25, 0.5, grid=1)[0].endswith(
        "choose eighths (1 moved) or sixteenths to keep them."
    )
    assert told(0, 1 / 3, grid=2)[0] == "1 of 2 onsets (50 %) was moved to the eighth grid."
    assert told(0, 1, 2, grid=1) == ()


@pytest.mark.usefixtures("in_process")
def test_caps(monkeypatch):
    with pytest.raises(UploadError, match="201 files, but at most 200"):
        read_files([("x.mid", b"")] * 201, OPTIONS)
    refusal = inspect_file("x.mid", bytes(uploads.MAX_BYTES + 1)).refusal
    assert refusal == "The file has 20,971,521 bytes, but at most 20,971,520 are read."
    monkeypatch.setattr(upload_join, "MAX_FRAMES", 5)
    report = read_files(
        [("a", melody([60])), ("b", melody([60, 61])), ("c", melody([60]))], OPTIONS
    )
    assert [file.frames for file in report.files] == [2, 0, 2]
    assert "over 5 frames" in report.files[1].refusal
    assert read_files([], OPTIONS) == UploadReport(None, ())


@pytest.mark.usefixtures("in_process")
def test_progress_is_told_in_order():
    told = []
    read_files(
        [("a", b""), ("b", melody([60]))], OPTIONS, lambda share, name: told.append((share, name))
    )
    assert told == [(0.5, "a"), (1.0, "b")]


@pytest.mark.parametrize("faulty", [{"steps_per_quarter": 3}, {"seed": -1}, {"seed": 2**31}])
def test_options_are_checked(faulty):
    with pytest.raises(ConfigError):
        UploadOptions(**faulty)


def test_names_are_made_fit_to_show():
    shown = [display_name(name) for name in hostile.NAMES]
    assert all(0 < len(name) <= 200 and name.isprintable() for name in shown)
    assert json.dumps(shown, ensure_ascii=False).encode()
    assert display_name("שלום <b>.mid") == "שלום <b>.mid"
    assert display_name("a\u202eb\x00\ud800") == "a\ufffdb\ufffd\ufffd"


@pytest.mark.parametrize(
    "name", ["1 MB of 0xFF as a length", "44 bytes that ask for terabytes", "1,000,000 events"]
)
def test_hostile_bytes_through_a_child(name):
    data, words = hostile.REFUSED[name]
    used = psutil.Process().cpu_times()
    with pytest.raises(UploadError, match=words):
        upload_child.parse_in_child(data, "midi", OPTIONS)
    now = psutil.Process().cpu_times()
    # 2 s of parsing, and the start of a process
    assert now.children_user + now.children_system < used.children_user + used.children_system + 3


def test_the_child_loads_little():
    code = "import sys, dmm_core.data.uploads.child; print(*sys.modules)"
    modules = set(run_python(code).stdout.split())
    assert "mido" in modules
    assert not modules & {"torch", "scipy", "music21", "streamlit", "pydantic", "pretty_midi"}


@pytest.mark.skipif(limited_child.resource is None, reason="this system has no resource limits")
def test_the_limits_hold():
    limited = "from dmm_core.system.limited_child import *; limit_process(Limits(1)); "
    memory = run_python(limited + "bytearray(600 * 2**20)")
    assert "MemoryError" in memory.stderr
    forever = run_python(limited + "\nwhile True: pass")
    assert forever.returncode == -signal.SIGXCPU


def test_a_system_without_limits_is_no_error(monkeypatch):
    monkeypatch.setattr(limited_child, "resource", None)
    assert limited_child.limit_process(limited_child.Limits(1)) is None


def answering(monkeypatch, tmp_path, code):
    """Children run `code` in place of a reader; yields the refusal of a file."""
    (tmp_path / "stand_in.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(UploadError) as refusal:
        limited_child.read_in_child("stand_in", (), b"data", limited_child.Limits(1))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", "takes more than 1 s of processor time"),
        ("bytearray(2**40)", "takes more than 512 MB of memory"),
        ("import os; os.abort()", "its parser ended without an answer"),
        ("raise SystemExit(3)", "its parser ended without an answer"),
        ("print('refused \"No.\"', end='')", "No."),
        ("print('refused {', end='')", "The file cannot be read."),
    ],
)
def test_a_child_that_fails_is_a_refusal_that_says_why(monkeypatch, tmp_path, code, said):
    limited = "from dmm_core.system.limited_child import *\nlimit_process(Limits(1))\n"
    assert said in answering(monkeypatch, tmp_path, limited + code)


def test_a_file_is_not_blamed_for_a_busy_server(monkeypatch, tmp_path):
    monkeypatch.setattr(limited_child.Limits, "wall", 0.5)
    busy = "The server is busy, so the file was not read. Try again in a minute."
    assert answering(monkeypatch, tmp_path, "import time; time.sleep(60)") == busy
    assert not psutil.Process().children()
    monkeypatch.setattr(limited_child, "QUEUE_TIMEOUT", 0.05)
    with limited_child._child_slot(), limited_child._child_slot():
        assert answering(monkeypatch, tmp_path, "") == busy


def test_limits_count_processor_time():
    """A good file is read however little of a core its reader gets."""
    for limits in (upload_child.LIMITS, upload_child.SCORE_LIMITS):
        assert limits.wall >= 10 * limits.cpu


def test_an_answer_that_is_none_is_a_refusal(monkeypatch):
    monkeypatch.setattr(sys, "executable", "echo")  # answers, but not as a child does
    with pytest.raises(UploadError, match="cannot be read"):
        upload_child.parse_in_child(hostile.GOOD, "midi", OPTIONS)


def test_the_child_sees_no_secrets(monkeypatch):
    seen = {}

    def run(command, **keywords):
        seen.update(keywords["env"])
        raise subprocess.TimeoutExpired(command, 0)

    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UploadError):
        upload_child.parse_in_child(b"", "midi", OPTIONS)
    assert "SECRET_TOKEN" not in seen and seen["OPENBLAS_NUM_THREADS"] == "1"


def test_at_most_two_children_at_once():
    def upload():
        read_files([("x", hostile.GOOD)] * 3, OPTIONS)

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(psutil.Process().children()))
        time.sleep(0.005)
    assert most == 2


FUZZ = """
import sys, time
sys.path.insert(0, sys.argv[1])
import hostile
import mido
from dmm_core.system.limited_child import Limits, limit_process
from dmm_core.data.uploads.time_grid import grid_changes
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.music import parse_midi
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError

limit_process(Limits(30))
counts, slowest = [0, 0], 0.0
every = [data for data, _ in (*hostile.REFUSED.values(), *hostile.ACCEPTED.values())]
for data in [*every, *hostile.mutants(int(sys.argv[2]), seed=int(sys.argv[3]))]:
    began = time.process_time()
    try:
        roll = parse_midi(data, UploadOptions(4, transpose=True)).x
        assert roll.any()
        counts[0] += 1
    except UploadError:
        counts[1] += 1
    except BaseException:
        print(data, file=sys.stderr)
        raise
    slowest = max(slowest, time.process_time() - began)
print(*counts, slowest)
"""


def test_mutated_files_are_read_or_refused_and_nothing_else():
    done = run_python(FUZZ, str(Path(__file__).parent), "4000", "0")
    assert done.returncode == 0, done.stderr
    read, refused, slowest = done.stdout.split()
    assert int(read) > 500 and int(refused) > 200
    assert float(slowest) < 2


@pytest.fixture
def report(in_process):
    files = [(f"{i}.mid", melody([60 + i] * (i + 1))) for i in range(10)]
    return read_files([*files, ("bad", b"")], OPTIONS)


def test_an_upload_comes_back(dmm_home, report):
    upload = store_upload(report, title="Folk \u202esongs", options=replace(OPTIONS, seed=3))
    splits = load_upload(upload)
    assert (splits.name, splits.kind, splits.steps_per_quarter) == (f"upload:{upload}", "binary", 2)
    parts = [splits.train, splits.valid, splits.test]
    assert [len(part) for part in parts] == [8, 1, 1]
    stored = {name: x for part in parts for name, x in zip(part.names, part.x, strict=True)}
    assert sorted(stored) == [f"{i}.mid" for i in range(10)]
    for name, x in zip(report.sequences.names, report.sequences.x, strict=True):
        assert np.array_equal(stored[name], x) and stored[name].dtype == np.uint8
    [info] = list_uploads()
    assert info[:2] + info[3:5] == (upload, "Folk \ufffdsongs", 10, report.sequences.frames)
    assert info.spec == splits.spec
    again = store_upload(report, title="again", options=replace(OPTIONS, seed=3))
    assert load_upload(again).train.names == splits.train.names
    assert {info.id for info in list_uploads()} == {upload, again}
    delete_upload(upload)
    assert [info.id for info in list_uploads()] == [again]
    assert [path.name for path in (dmm_home / "uploads").iterdir()] == [again]


def test_one_sequence_stands_in_every_split(dmm_home, report):
    one = UploadReport(report.sequences.subset(np.array([0])), report.files[:1])
    splits = load_upload(store_upload(one, title="", options=OPTIONS))
    assert [len(splits[name]) for name in ("train", "valid", "test")] == [1, 1, 1]


@pytest.mark.parametrize(
    "upload", ["", ".", "..", "../runs", "/etc", "0123456789ABCDEF", "0" * 15, "0" * 16, "%2e%2e"]
)
@pytest.mark.parametrize("action", [load_upload, delete_upload])
def test_foreign_ids_are_not_found(dmm_home, action, upload):
    with pytest.raises(DataError, match="was not found") as error:
        action(upload)
    assert str(error.value).endswith(".") and list_uploads() == []


def test_nothing_read_is_nothing_to_keep(dmm_home):
    with pytest.raises(DataError, match="nothing to store"):
        store_upload(UploadReport(None, ()), title="x", options=OPTIONS)


def test_damage_is_told(dmm_home, report):
    upload = store_upload(report, title="x", options=OPTIONS)
    folder = dmm_home / "uploads" / upload
    content = (folder / "sequences.npz").read_bytes()
    for damaged in (content[:-1], b"", b"\x80\x04." + content):
        (folder / "sequences.npz").write_bytes(damaged)
        with pytest.raises(DataError, match="is damaged"):
            load_upload(upload)
    (folder / "sequences.npz").unlink()
    with pytest.raises(DataError, match="is damaged"):
        load_upload(upload)
    for manifest in ("", "[]", "{}", '{"info": {}, "names": [], "sha256": ""}'):
        (folder / "upload.json").write_text(manifest)
        with pytest.raises(DataError, match="is damaged"):
            load_upload(upload)
        assert list_uploads() == []


def test_one_damaged_upload_hides_no_other(dmm_home, report):
    sound, damaged = (store_upload(report, title="x", options=OPTIONS) for _ in range(2))
    manifest = dmm_home / "uploads" / damaged / "upload.json"
    values = json.loads(manifest.read_text())
    faults = (
        ("created", 5),
        ("title", ["x"]),
        ("sequences", "many"),
        ("sequences", 0),
        ("frames", float("nan")),
        ("frames", 10**30),
        ("spec", {**values["info"]["spec"], "kind": "evil"}),
        ("spec", {**values["info"]["spec"], "x_dim": -5}),
        ("id", sound),
    )
    for field, value in faults:
        manifest.write_text(json.dumps({**values, "info": {**values["info"], field: value}}))
        assert [info.id for info in list_uploads()] == [sound], field
    manifest.write_text("[" * 100_000)
    assert [info.id for info in list_uploads()] == [sound]


def test_a_refusing_disk_leaves_nothing(dmm_home, report, monkeypatch):
    def write(path, content):
        if path.name == "upload.json":
            raise OSError("No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("dmm_core.data.uploads.store.write_atomic", write)
    with pytest.raises(OSError, match="No space"):
        store_upload(report, title="x", options=OPTIONS)
    assert list((dmm_home / "uploads").iterdir()) == []
