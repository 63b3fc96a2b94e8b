"""Lines of notes from files: what was written comes back, and what is changed is said."""

import io
import subprocess
import sys
from pathlib import Path

import hostile
import mido
import numpy as np
import pytest
from hostile_data import mxl, note, score
from hypothesis import given, settings
from test_midi import off, on
from test_voices import voiced
from voiced_pieces import bach, pieces

from dmm_core.data.uploads.kinds import file_kind
from dmm_core.data.uploads.lines import parse_lines, read_lines
from dmm_core.errors import DataError, UploadError
from dmm_core.music import voice_files
from dmm_core.music.key import Key
from dmm_core.music.meter import Meter
from dmm_core.music.voice_files import Line, piece_from_lines
from dmm_core.music.voice_midi import midi_from_voices
from dmm_core.music.voice_score import musicxml_from_voices
from dmm_core.music.voices import REST

TIME = "<attributes><time><beats>{}</beats><beat-type>{}</beat-type></time></attributes>"


def same(read, written):
    """Whether two pieces are equal, up to the silence at the end."""
    steps = min(read.pitches.shape[1], written.pitches.shape[1])
    return (
        np.array_equal(read.pitches[:, :steps], written.pitches[:, :steps])
        and np.array_equal(read.onsets[:, :steps], written.onsets[:, :steps])
        and (read.pitches[:, steps:] == REST).all()
        and (written.pitches[:, steps:] == REST).all()
    )


@settings(max_examples=40, deadline=None)
@given(pieces())
def test_a_piece_comes_back_from_its_own_files(piece_and_meter):
    piece, meter = piece_and_meter
    midi = parse_lines(midi_from_voices(piece, meter=meter, tempo=72), "midi")
    back = piece_from_lines(midi.lines, midi.fermatas)
    assert same(back, piece) and back.fermatas is None
    assert (midi.meter, midi.tempo, midi.changes) == (meter, 72, ())
    for staves in {None, min(2, len(piece.pitches))}:
        data = musicxml_from_voices(piece, meter=meter, tempo=72, title="", staves=staves)
        file = parse_lines(data, "musicxml")
        back = piece_from_lines(file.lines, file.fermatas)
        assert np.array_equal(back.pitches, piece.pitches)
        assert np.array_equal(back.onsets, piece.onsets)
        found = np.zeros(piece.beats, bool) if back.fermatas is None else back.fermatas
        assert np.array_equal(found, piece.fermatas)
        # A piece that ends within its upbeat has one bar, which does not show that it is short.
        assert piece.beats <= meter.upbeat or file.meter == meter
        assert (file.tempo, file.changes) == (72, ())


@pytest.mark.parametrize("name", ["bwv65.2"])
def test_a_chorale_comes_back_through_the_child_process(name):
    piece, meter = bach(name)
    key = Key(9, False)
    data = musicxml_from_voices(piece, meter=meter, tempo=72, title="", key=key, staves=2)
    file = read_lines("chorale.musicxml", data)
    back = piece_from_lines(file.lines, file.fermatas)
    assert np.array_equal(back.pitches, piece.pitches)
    assert np.array_equal(back.onsets, piece.onsets)
    assert np.array_equal(back.fermatas, piece.fermatas)
    assert (file.meter, file.key, file.tempo, file.changes) == (meter, key, 72, ())
    assert file.beats == piece.beats
    assert [line.name for line in file.lines] == [
        "Soprano and Alto, voice 1",
        "Soprano and Alto, voice 2",
        "Tenor and Bass, voice 1",
        "Tenor and Bass, voice 2",
    ]


def test_chorales_of_the_corpus():
    from dmm_core.data.chorales import chorale_paths

    (path,) = (path for path in chorale_paths("train") if path.stem == "bwv3.6")
    file = parse_lines(path.read_bytes(), "mxl")
    piece, meter = bach("bwv3.6")
    back = piece_from_lines(file.lines, file.fermatas)
    assert same(back, piece) and file.meter == meter and file.key == Key(9, False)
    assert [line.name for line in file.lines] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert back.fermatas[piece.fermatas].all()


def midi(*tracks, kind=1):
    buffer = io.BytesIO()
    tracks = list(map(mido.MidiTrack, tracks))
    mido.MidiFile(type=kind, ticks_per_beat=480, tracks=tracks).save(file=buffer)
    return buffer.getvalue()


def lines_of(data, kind="midi"):
    file = parse_lines(data, kind)
    return {
        line.name: " ".join(
            f"{n.pitch}:{n.start}-{n.end}" for n in piece_from_lines([line]).notes(0)
        )
        for line in file.lines
    }, file


def test_channels_of_a_single_track_are_lines():
    data = midi(
        [
            mido.MetaMessage("track_name", name="Duet"),
            on(72), on(48, channel=1), on(40, channel=9), off(40, 10, channel=9),
            off(72, 470), on(74), off(74, 480), off(48, channel=1),
        ],
        kind=0,
    )  # fmt: skip
    lines, file = lines_of(data)
    assert lines == {"Duet, channel 1": "72:0-4 74:4-8", "Duet, channel 2": "48:0-8"}
    assert file.meter is None and file.tempo is None and file.key is None
    assert file.changes == (
        "The file does not say where its bars are.",
        "Left out 1 drum note.",
    )


def test_one_note_at_a_time():
    chord = [on(60), on(64), on(67), off(60, 480), off(64), off(67)]
    under = [on(72), on(65, 240), off(65, 120), off(72, 120)]
    legato = [on(72), on(71, 480), off(72, 120), off(71, 360)]
    lines, file = lines_of(midi([*chord, *under, *legato]))
    assert lines == {"Track 1": "67:0-4 72:4-8 72:8-12 71:12-16"}
    assert file.changes == (
        "Left out 3 notes under a higher note of the same line, because a line has one note at a "
        "time.",
        "Ended 1 note early, where the next note of the line begins.",
        "The file does not say where its bars are.",
    )


def test_what_is_not_on_the_grid_is_moved_and_counted():
    triplet = [on(60), off(60, 160), on(62), off(62, 160), on(64), off(64, 160)]
    short = [on(65), off(65, 60), on(67), off(67, 420)]
    lines, file = lines_of(midi([*triplet, *short]))
    assert lines == {"Track 1": "60:0-1 62:1-3 64:3-4 65:4-5 67:5-8"}
    assert file.changes[0] == (
        "Moved 3 onsets and 3 ends of 5 notes to the grid of sixteenths, which has no triplets and "
        "no shorter notes."
    )


def signatures(*changes):
    return [
        mido.MetaMessage("time_signature", numerator=n, denominator=d, time=wait)
        for wait, n, d in changes
    ]


@pytest.mark.parametrize(
    ("changes", "meter", "said"),
    [
        ([(0, 3, 4)], Meter(3), ()),
        ([(0, 2, 2)], Meter(4), ()),
        ([(0, 1, 4), (480, 4, 4)], Meter(4, 1), ()),
        ([(0, 4, 4), (1920, 3, 4)], Meter(4), ("Bars are counted in the first of 2 different",)),
        ([(0, 1, 8), (240, 4, 4)], Meter(4, 1), ("Put a rest of 0.5 quarter notes before",)),
        ([(0, 3, 8)], None, ("A bar has 1.5 quarter notes, but bars are counted only",)),
    ],
)
def test_meters_of_midi_files(changes, meter, said):
    data = midi(signatures(*changes), [on(60), off(60, 480), on(62), off(62, 480 * 9)])
    file = parse_lines(data, "midi")
    assert file.meter == meter and len(file.changes) == len(said)
    assert all(got.startswith(words) for got, words in zip(file.changes, said, strict=True))
    late = 2 if "Put a rest" in "".join(said) else 0
    assert file.lines[0].onsets.nonzero()[0].tolist() == [late, late + 4]


def test_two_staves_with_two_voices():
    def staff(number, voice, step, octave, duration=2, more=""):
        return note(step, octave, duration, f"<voice>{voice}</voice><staff>{number}</staff>{more}")

    fermata = "<notations><fermata/></notations>"
    back = "<backup><duration>4</duration></backup>"
    bar = back.join(
        [
            staff(1, 1, "C", 5) + staff(1, 1, "D", 5, more=fermata),
            staff(1, 2, "E", 4, 4),
            staff(2, 1, "C", 4, 4),
            staff(2, 5, "C", 3) + staff(2, 5, "G", 2),
        ]
    )
    lines, file = lines_of(score(TIME.format(4, 4) + bar), "musicxml")
    assert lines == {
        "Piano, voice 1": "72:0-8 74:8-16",
        "Piano, voice 2": "64:0-16",
        "Piano, voice 3": "60:0-16",
        "Piano, voice 4": "48:0-8 43:8-16",
    }
    assert file.fermatas.tolist() == [False, False, True, False] and file.meter == Meter(4)
    again = parse_lines(mxl(score(TIME.format(4, 4) + bar)), "mxl")
    assert [line.name for line in again.lines] == list(lines)


def test_a_pickup_of_half_a_beat_and_bars_of_other_lengths():
    half = "<attributes><divisions>2</divisions></attributes>"
    data = score(
        half + TIME.format(3, 4) + note("C", duration=1),
        note("D", duration=6),
        note("E", duration=4),
        note("F", duration=6),
    )
    lines, file = lines_of(data, "musicxml")
    assert lines == {"Piano": "60:2-4 62:4-16 64:16-24 65:24-36"} and file.meter == Meter(3, 1)
    assert file.changes == (
        "Put a rest of 0.5 quarter notes before the upbeat, so that bars begin on beats.",
        "1 bar begins elsewhere than the regular bars, in which beats are counted.",
    )


TUNE = b"""X:1
T:A tune in three
M:3/4
L:1/4
Q:1/4=108
K:D
A|d>ef|!fermata!a2f|(3g/f/e/ dc|d2||
X:2
T:Another
K:C
C|
"""
"""Made up for this test."""


def test_a_tune_in_abc():
    lines, file = lines_of(TUNE, "abc")
    [(name, notes)] = lines.items()
    assert notes.startswith("69:0-4 74:4-10 76:10-12 78:12-16 81:16-24 78:24-28 79:28-29")
    assert (file.meter, file.tempo, file.key) == (Meter(3, 1), 108, Key(2, False))
    assert file.fermatas.nonzero()[0].tolist() == [4] and file.beats == 12
    assert file.changes[0].startswith("Moved 2 onsets and 2 ends of 12 notes")
    assert file.changes[1:] == ("Read the first of 2 tunes.",)
    assert read_lines("tune.abc", TUNE).changes == file.changes
    (line,) = read_lines("tune", TUNE).lines
    assert line.name == name and line.pitches.dtype == np.int16


def test_lines_are_ordered_by_name_or_by_pitch():
    piece = voiced("60:4", "72:4", "50:4", "48:4")  # the alto is above the soprano
    named = parse_lines(midi_from_voices(piece, meter=Meter(), tempo=90), "midi")
    assert piece_from_lines(named.lines[::-1]).on_beats[:, 0].tolist() == [60, 72, 50, 48]
    other = [line._replace(name=f"Line {n}") for n, line in enumerate(named.lines)]
    assert piece_from_lines(other).on_beats[:, 0].tolist() == [72, 60, 50, 48]
    short = Line("x", other[0].pitches[:0], other[0].onsets[:0])
    for lines in ([], [*other, short]):
        with pytest.raises(DataError, match="same length"):
            piece_from_lines(lines)


def test_long_files_are_cut(monkeypatch):
    monkeypatch.setattr(voice_files, "MAX_BEATS", 2)
    monkeypatch.setattr(voice_files, "MAX_LINES", 1)
    data = midi_from_voices(voiced("60:4 62:8", "48:12"), meter=Meter(), tempo=90)
    file = parse_lines(data, "midi")
    assert len(file.lines) == 1 and file.beats == 2
    assert file.changes == (
        "Left out 1 line after the first 1.",
        "Left out what follows the first 2 of 3 quarter notes.",
    )
    late = midi_from_voices(voiced("-:8 60:4"), meter=Meter(), tempo=90)
    with pytest.raises(UploadError, match="no notes in its first 2 quarter"):
        parse_lines(late, "midi")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.mid", b"", "empty"),
        ("table.csv", b"a,b\n1,2\n", "none of MIDI"),
        ("what", b"what", "none of MIDI"),
        ("cut.mid", hostile.GOOD[:30], "MIDI file"),
        ("low.mid", midi([on(5), off(5, 480)]), "no notes that a piano can play"),
        ("x.musicxml", b"<score-partwise/>", "no notes"),
    ],
)
def test_what_holds_no_lines_is_refused_in_a_sentence(name, data, words):
    with pytest.raises(UploadError, match=words) as refusal:
        parse_lines(data, file_kind(name, data))
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


def test_the_child_passes_a_refusal_on():
    with pytest.raises(UploadError, match="holds no notes that a piano can play"):
        read_lines("low.mid", midi([on(5), off(5, 480)]))


def test_a_file_that_is_too_large_is_not_parsed(monkeypatch):
    monkeypatch.setattr("dmm_core.data.uploads.lines.MAX_BYTES", 10)
    with pytest.raises(UploadError, match="has 11 bytes, but at most 10"):
        read_lines("x.mid", bytes(11))


HOSTILE = """
import sys, time, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import hostile, hostile_data
from dmm_core.data.uploads.lines import _decode, _encode, parse_lines
from dmm_core.errors import UploadError
from dmm_core.system.limited_child import Limits, limit_process

limit_process(Limits(60))
files = [("midi", data) for data, _ in hostile.REFUSED.values()]
files += [("midi", data) for data in hostile.mutants(150, seed=0)]
for kind in ("musicxml", "abc"):
    files += [(kind, data) for data in hostile_data.mutants(kind, 50, seed=0)]
read = 0
for kind, data in files:
    began = time.process_time()
    try:
        file = _decode(_encode(parse_lines(data, kind)))
        read += bool(file.lines)
    except UploadError as error:
        assert str(error).endswith(".") and "\\n" not in str(error), (kind, data)
    except BaseException:
        print(kind, data, file=sys.stderr)
        raise
    assert time.process_time() - began < 2, (kind, data[:100])
print(len(files), read)
"""


def test_hostile_files_are_refused_in_little_time():
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    files, read = map(int, done.stdout.split())
    assert files > 250 and 50 < read < files - 50
