"""Files that nobody vouches for: refused in a sentence, in little time and memory, never run."""

import subprocess
import sys
from pathlib import Path

import hostile_data
import numpy as np
import psutil
import pytest

from dmm_core.data.uploads import child as upload_child, reader as uploads
from dmm_core.data.uploads.kinds import EXTENSIONS, file_kind, parse_file
from dmm_core.data.uploads.reader import UploadOptions, inspect_file
from dmm_core.errors import UploadError
from dmm_core.music.abc_notation import read_abc
from dmm_core.system import limited_child

OPTIONS = UploadOptions()

GOLDENS = """
import sys, time, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import hostile_data
import lytk
from dmm_core.system.limited_child import Limits, limit_process
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError

limit_process(Limits(120))
for name, (data, words) in hostile_data.REFUSED.items():
    began = time.process_time()
    try:
        parse_file(data, name.partition(":")[0], UploadOptions())
    except UploadError as error:
        said = str(error)
        if words not in said or not said.endswith(".") or "\\n" in said:
            print(name, "was refused with:", said)
    else:
        print(name, "was read")
    if time.process_time() - began > 2:
        print(name, "took", time.process_time() - began, "s")
"""

FUZZ = """
import sys, time, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import hostile_data
from dmm_core.system.limited_child import Limits, limit_process
from dmm_core.data.uploads.kinds import parse_file
from dmm_core.data.uploads.parsed import decode, encode
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError

limit_process(Limits(120))
for kind, count in zip(sys.argv[3::2], map(int, sys.argv[4::2])):
    read, refused, slowest = 0, 0, 0.0
    for data in hostile_data.mutants(kind, count, seed=int(sys.argv[2])):
        began = time.process_time()
        try:
            parsed = decode(encode(parse_file(data, kind, UploadOptions(4, transpose=True))))
            assert len(parsed.x) == sum(parsed.lengths)
            read += 1
        except UploadError:
            refused += 1
        except BaseException:
            print(kind, data, file=sys.stderr)
            raise
        slowest = max(slowest, time.process_time() - began)
    print(kind, read, refused, slowest)
"""


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), *arguments],
        capture_output=True,
        text=True,
        cwd=Path(uploads.__file__).parents[3],
        timeout=300,
        check=False,
    )


def cpu_of_children():
    """Seconds, which unlike those of the clock do not depend on what else runs."""
    used = psutil.Process().cpu_times()
    return used.children_user + used.children_system


def test_every_hostile_file_is_refused_within_a_childs_memory():
    done = run_python(GOLDENS)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout + done.stderr


def test_mutated_files_are_read_or_refused_and_nothing_else():
    amounts = {"csv": 6000, "npz": 4000, "musicxml": 500, "mxl": 200, "abc": 300}
    done = run_python(FUZZ, "0", *(str(x) for pair in amounts.items() for x in pair))
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        kind, read, refused, slowest = line.split()
        assert min(int(read), int(refused)) > amounts[kind] / 50, line
        assert float(slowest) < 2, line


@pytest.mark.parametrize(
    "name",
    ["npz: a bomb of 1.5 GB", "musicxml: a billion laughs", "csv: 20 MB of rows", "mxl: a bomb"],
)
def test_hostile_bytes_through_a_child(name):
    data, words = hostile_data.REFUSED[name]
    began = cpu_of_children()
    with pytest.raises(UploadError, match=words):
        upload_child.parse_in_child(data, name.partition(":")[0], OPTIONS)
    assert cpu_of_children() - began < 3  # 2 s of parsing, and the start of a process


@pytest.mark.parametrize("extension", [*EXTENSIONS, "npy", "pkl", "pt", ""])
def test_a_renamed_pickle_is_never_run(extension, tmp_path):
    marker = tmp_path / "marker"
    report = inspect_file(f"x.{extension}", hostile_data.poison(marker))
    assert report.refusal and not marker.exists()


@pytest.mark.parametrize("kind", ["npz", "mxl"])
def test_a_pickle_in_an_archive_is_never_run(kind, tmp_path):
    marker = tmp_path / "marker"
    members = {name: hostile_data.poison(marker) for name in ("x.npy", "score.xml")}
    assert inspect_file(f"x.{kind}", hostile_data.archive(members)).refusal
    objects = hostile_data.npz(x=np.array([hostile_data.Marker(marker)], object))
    assert "never loaded" in inspect_file("x.npz", objects).refusal
    assert not marker.exists()


def test_a_score_fetches_nothing_and_leaves_nothing(tmp_path, monkeypatch):
    seen = []
    real = limited_child.subprocess.run

    def watched(command, **keywords):
        folder = Path(keywords["env"]["TMPDIR"])
        assert keywords["env"]["HOME"] == str(folder) and list(folder.iterdir()) == []
        done = real(command, **keywords)
        seen.append((folder, list(folder.rglob("*.p*"))))
        return done

    monkeypatch.setattr(limited_child.subprocess, "run", watched)
    parsed = upload_child.parse_in_child(hostile_data.SCORE, "musicxml", OPTIONS)
    assert parsed.notes == 5
    [(folder, pickles)] = seen
    assert not folder.exists() and not pickles


@pytest.mark.parametrize("include", ["%%abc-include {}", "I:abc-include {}", "%%include {}"])
def test_a_tune_includes_no_file(include, tmp_path):
    other = tmp_path / "other.abc"
    other.write_text("GABc|\nX:2\nK:C\nGABc|\n")
    line = include.format(other)
    tune = f"{line}\nX:1\nL:1/4\n{line}\nK:C\nC|\n{line}\nD|[I:abc-include {other}]E|\n"
    [read] = read_abc(tune.encode()).tunes
    assert [note.pitch for note in read.notes] == [60, 62, 64]


def test_readers_of_scores_open_no_file(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a file was opened")

    parse_file(hostile_data.SCORE, "musicxml", OPTIONS)  # imports what it needs
    parse_file(hostile_data.TUNE.encode(), "abc", OPTIONS)
    for name in ("builtins.open", "io.open", "pickle.load", "pickle.loads", "socket.socket"):
        monkeypatch.setattr(name, refuse)
    read = [
        parse_file(data, kind, OPTIONS).notes
        for kind, data in (
            ("musicxml", hostile_data.SCORE),
            ("mxl", hostile_data.mxl()),
            ("abc", hostile_data.TUNE.encode()),
        )
    ]
    monkeypatch.undo()
    assert read == [5, 5, 6]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("song.mid", b"MThd", "midi"),
        ("song.xml", b"MThd", "midi"),
        ("a.csv", b"<?xml", "csv"),
        ("A.CSV", b"1,2", "csv"),
        ("a.csv", b"PK,PL\n1,2", "csv"),
        ("a.mxl", b"<?xml", "musicxml"),
        ("x", b"\xef\xbb\xbf <?xml", "musicxml"),
        ("x", "<score>".encode("utf-16"), "musicxml"),
        ("x", b"% a book\nX: 1\nK:C\nC", "abc"),
        ("x", hostile_data.npz(x=hostile_data.X), "npz"),
        ("x.zip", hostile_data.mxl(), "mxl"),
        ("x.mxl", hostile_data.npz(x=hostile_data.X), "mxl"),
        ("x.mid", b"not midi", "midi"),
        ("x.txt", b"1,2\n", "unknown"),
        ("", b"", "unknown"),
        ("..", b"\x89PNG", "unknown"),
    ],
)
def test_the_first_bytes_and_then_the_name_say_what_a_file_is(name, data, kind):
    assert file_kind(name, data) == kind


def test_what_is_none_of_these_is_told():
    assert "none of MIDI, MusicXML" in inspect_file("x.png", b"\x89PNG").refusal
    assert inspect_file("x", b"").refusal == "The file is empty."
