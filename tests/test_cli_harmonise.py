"""The command that composes three voices to a melody."""

import json

import pytest

from dmm_core.cli.main import main
from dmm_core.data.uploads.lines import parse_lines

ABC = """X:1
M:3/4
L:1/4
Q:1/4=72
K:G
G A B | c2 B | A2 z |]
"""


@pytest.fixture
def melody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tune.abc").write_text(ABC)
    monkeypatch.setattr("dmm_core.runs.harmonising.DRAWN", 2)
    return tmp_path


@pytest.mark.parametrize(("suffix", "kind"), [("mid", "midi"), ("musicxml", "musicxml")])
def test_a_melody_is_harmonised(melody, suffix, kind, capsys):
    command = f"harmonise tune.abc --count 2 --out out.{suffix} --json".split()
    assert main(command) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["files"] == [f"out-1.{suffix}", f"out-2.{suffix}"]
    assert told["agreement"] == sorted(told["agreement"], reverse=True)
    assert "Harmonised 100%" in captured.err and "\n" in captured.err
    (tune,) = parse_lines(ABC.encode(), "abc").lines
    for name in told["files"]:
        found = parse_lines((melody / name).read_bytes(), kind)
        assert found.lines[0].name == "Soprano" and len(found.lines) == 4
        for sung, given in (
            (found.lines[0].pitches, tune.pitches),
            (found.lines[0].onsets, tune.onsets),
        ):
            assert (sung[:32] == given[:32]).all()  # a beat of silence ends the tune
        assert found.meter.beats == 3 and found.tempo == pytest.approx(72, abs=0.01)


def test_another_voice_can_sing_it(melody, capsys):
    command = "harmonise tune.abc --voice bass --beats 2 --temperature 0".split()
    assert main(command) == 0
    captured = capsys.readouterr()
    assert captured.out == "tune-harmonised.mid\n" and "first 2 quarter notes" in captured.err
    found = parse_lines((melody / "tune-harmonised.mid").read_bytes(), "midi")
    assert found.beats == 2 and found.lines[-1].name == "Bass"
    assert found.lines[-1].pitches[::4].tolist() == [67, 69]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("tune.abc --line 2", 1, "tune.abc has 1 line, and --line is 2."),
        ("tune.abc --out out.pdf", 1, "A file ends in .mid or .musicxml, not 'out.pdf'."),
        ("tune.abc --model bundled:chorales", 1, "Only a model of music in four voices"),
        ("other.abc", 1, "other.abc: No such file or directory."),
    ],
)
def test_what_cannot_be_harmonised_is_refused(melody, capsys, words, status, message):
    assert main(["harmonise", *words.split()]) == status
    assert message in capsys.readouterr().err
