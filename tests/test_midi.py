import io
import time

import hostile
import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmm_core.errors import DataError, UploadError
from dmm_core.music import key, midi
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.midi_scan import scan_midi
from dmm_core.music.pianoroll import Note, notes_from_roll, roll_from_notes

QUARTER = 480


def played(*messages, division=QUARTER):
    file = mido.MidiFile(ticks_per_beat=division, tracks=[mido.MidiTrack(messages)])
    buffer = io.BytesIO()
    file.save(file=buffer)
    return read_midi(buffer.getvalue())


def on(pitch, wait=0, velocity=64, channel=0):
    return mido.Message("note_on", note=pitch, time=wait, velocity=velocity, channel=channel)


def off(pitch, wait=0, channel=0):
    return mido.Message("note_off", note=pitch, time=wait, channel=channel)


def spans(score):
    return [(note.pitch, note.start, note.end) for note in score.notes]


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 30), st.just(88))),
    st.floats(4.0, 1000.0),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
def test_a_roll_comes_back_through_midi(roll, tempo, grid, rearticulate):
    roll[0, 0] = True  # a file without notes is refused
    notes = notes_from_roll(roll, tempo=tempo, steps_per_quarter=grid, rearticulate=rearticulate)
    score = read_midi(midi_from_notes(notes, tempo=tempo))
    assert len(score.notes) == len(notes)
    assert score.tempo == pytest.approx(tempo, rel=1e-4)
    back = roll_from_notes(score.notes, tempo=60, steps_per_quarter=grid, frames=len(roll))
    assert np.array_equal(back, roll)


def test_other_libraries_read_what_is_written():
    notes = [Note(60, 0.0, 0.5), Note(64, 0.5, 1.0, 90), Note(60, 0.5, 2.0)]
    data = midi_from_notes(notes, tempo=120, program=19)
    assert data == midi_from_notes(list(reversed(notes)), tempo=120, program=19)
    file = mido.MidiFile(file=io.BytesIO(data))
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (1, QUARTER, 2)
    assert file.length == pytest.approx(2.0)
    score = pretty_midi.PrettyMIDI(io.BytesIO(data))
    assert score.get_tempo_changes()[1].tolist() == [120.0]
    assert score.get_downbeats().tolist() == [0.0]
    [instrument] = score.instruments
    assert instrument.program == 19
    read = sorted((note.start, note.pitch, note.end, note.velocity) for note in instrument.notes)
    assert read == [(0.0, 60, 0.5, 80), (0.5, 60, 2.0, 80), (0.5, 64, 1.0, 90)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tempo": 3.0}, "tempo is 4 to 1000"),
        ({"tempo": float("nan")}, "tempo is 4 to 1000"),
        ({"program": 128}, "program is 0 to 127"),
        ({"notes": [Note(60, 1.0, 0.0)]}, "in order"),
    ],
)
def test_what_cannot_be_written(change, words):
    with pytest.raises(DataError, match=words):
        midi_from_notes(**{"notes": [Note(60, 0, 1)], "tempo": 90.0} | change)


def test_tempo_key_programs_and_drums():
    score = played(
        mido.MetaMessage("key_signature", key="Ebm"),
        mido.MetaMessage("set_tempo", tempo=750_000),
        mido.Message("program_change", program=40),
        mido.Message("program_change", program=7, channel=5),
        on(60),
        on(36, channel=9),
        off(36, channel=9),
        mido.MetaMessage("set_tempo", tempo=100_000, time=QUARTER),
        off(60, QUARTER),
    )
    assert spans(score) == [(60, 0.0, 2.0)]  # in quarters, so the second tempo moves nothing
    assert (score.tempo, str(score.key)) == (80.0, "E♭ minor")
    assert (score.programs, score.drums, score.unreleased) == ((40,), 1, 0)
    plain = played(on(60), off(60, 1))
    assert (plain.tempo, plain.key, plain.programs) == (120.0, None, (0,))


@pytest.mark.parametrize(
    ("messages", "notes", "unreleased"),
    [
        ([on(60), on(60, 480), off(60, 480), off(60, 480)], [(60, 0, 2), (60, 1, 3)], 0),
        ([on(60), on(60, 480), off(60, 480)], [(60, 0, 2)], 1),
        ([on(60), on(60, 480), off(60), off(60, 480)], [(60, 0, 1), (60, 1, 2)], 0),
        ([on(60), on(60, 480, velocity=0)], [(60, 0, 1)], 0),
        ([on(60), off(60)], [(60, 0, 0)], 0),
        ([off(60), on(60, 480), off(60, 480)], [(60, 1, 2)], 0),
        ([on(60), off(60, 480, channel=1), off(60, 480)], [(60, 0, 2)], 0),
        ([on(60), on(62)], [], 2),
    ],
    ids=[
        "overlap",
        "struck again, released once",
        "struck again in the tick of the release",
        "velocity 0 releases",
        "no length",
        "release first",
        "another channel's release",
        "never released",
    ],
)
def test_which_release_ends_which_note(messages, notes, unreleased):
    score = played(*messages)
    assert spans(score) == notes
    assert score.unreleased == unreleased


def test_any_division():
    assert spans(played(on(60, 5), off(60, 2), division=3)) == [(60, 5 / 3, 7 / 3)]


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_hostile_bytes_are_refused_at_once(name):
    data, words = hostile.REFUSED[name]
    began = time.process_time()
    with pytest.raises(UploadError, match=words) as refusal:
        read_midi(data)
    assert time.process_time() - began < 2
    sentence = str(refusal.value)
    assert sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("name", hostile.ACCEPTED)
def test_odd_but_honest_files_are_read(name):
    data, notes = hostile.ACCEPTED[name]
    assert len(read_midi(data).notes) == notes


def test_a_file_cut_anywhere_is_refused():
    data = midi_from_notes([Note(60 + i % 7, i, i + 1.0) for i in range(8)], tempo=90)
    for length in range(len(data)):
        with pytest.raises(UploadError):
            read_midi(data[:length])
    assert len(read_midi(data).notes) == 8


def test_a_huge_file_is_read_in_time():
    events = b"\x00\x90\x3c\x40" + b"\x01\x3c\x00\x00\x3c\x40" * 50_000 + hostile.END
    began = time.process_time()
    score = read_midi(hostile.midi(hostile.track(events)))
    assert (len(score.notes), score.unreleased) == (50_000, 1)
    assert time.process_time() - began < 4


def test_what_a_scan_counts():
    facts = scan_midi(hostile.midi(hostile.track(hostile.NOTE), hostile.track(b""), division=120))
    assert facts == (2, 2, 4.0, 2.0)
    slower = b"\x00\xff\x51\x03\x0f\x42\x40"  # a second per quarter
    later = b"\x83\x60\xff\x51\x03\x1e\x84\x80"  # two, a quarter on
    data = hostile.midi(
        hostile.track(later + b"\x83\x60" + hostile.NOTE[1:]), hostile.track(slower)
    )
    assert scan_midi(data)[2:] == (3.0, 5.0)


def test_tempo_bounds_fit_the_file_format():
    for tempo in midi.TEMPOS:
        score = read_midi(midi_from_notes([Note(60, 0, 1)], tempo=tempo))
        assert score.tempo == pytest.approx(tempo)


@pytest.mark.parametrize(
    ("name", "shown", "shift"),
    [
        ("C", "C major", 0),
        ("Am", "A minor", 0),
        ("F#", "F♯ major", -6),
        ("Bb", "B♭ major", 2),
        ("Cb", "B major", 1),
        ("Ebm", "E♭ minor", -6),
        ("G#m", "G♯ minor", 1),
        ("A#m", "B♭ minor", -1),
    ],
)
def test_keys(name, shown, shift):
    parsed = key.key_from_name(name)
    assert (str(parsed), parsed.shift) == (shown, shift)


def test_every_key_moves_to_its_goal():
    for tonic in range(12):
        for minor in (False, True):
            shift = key.Key(tonic, minor).shift
            assert -6 <= shift <= 5 and (tonic + shift) % 12 == (9 if minor else 0)


@pytest.mark.parametrize("tonic", range(12))
def test_scales_give_away_their_key(tonic):
    major, harmonic_minor = np.zeros(12), np.zeros(12)
    major[[0, 2, 4, 5, 7, 9, 11]] = [3, 1, 2, 1, 2, 1, 1]
    harmonic_minor[[0, 2, 3, 5, 7, 8, 11]] = [3, 1, 2, 1, 2, 1, 1]
    assert key.estimate_key(np.roll(major, tonic)) == (tonic, False)
    assert key.estimate_key(np.roll(harmonic_minor, tonic)) == (tonic, True)


def test_equal_weights_point_to_no_key():
    assert key.estimate_key(np.zeros(12)) is None
    assert key.estimate_key(np.full(12, 0.1)) is None
