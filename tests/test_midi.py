import io
import time

import hostile
import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from dmm_core.errors import DataError, UploadError
from dmm_core.music import key, midi, midi_scan
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.pianoroll import Note, notes_from_roll, roll_from_notes

QUARTER = 480

_SHARPS = ["C", "G", "D", "A", "E", "B", "F#", "C#"]
_FLATS = ["C", "F", "Bb", "Eb", "Ab", "Db", "Gb", "Cb"]
_MINOR_SHARPS = ["Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m"]
_MINOR_FLATS = ["Am", "Dm", "Gm", "Cm", "Fm", "Bbm", "Ebm", "Abm"]
KEYS = {
    name: key.key_from_fifths(sign * count, minor=name.endswith("m"))
    for sign, names in ((1, _SHARPS), (-1, _FLATS), (1, _MINOR_SHARPS), (-1, _MINOR_FLATS))
    for count, name in enumerate(names)
}
"""What mido calls the keys."""


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


def test_the_length_in_seconds_follows_the_tempos(monkeypatch):
    slower = b"\x00\xff\x51\x03\x0f\x42\x40"  # a second per quarter
    later = b"\x83\x60\xff\x51\x03\x1e\x84\x80"  # two, a quarter on
    data = hostile.midi(
        hostile.track(later + b"\x83\x60" + hostile.NOTE[1:]), hostile.track(slower)
    )
    monkeypatch.setattr(midi_scan, "MAX_SECONDS", 5.0)  # 1 + 2 + 2
    assert spans(read_midi(data)) == [(60, 2.0, 3.0)]
    monkeypatch.setattr(midi_scan, "MAX_SECONDS", 4.99)
    with pytest.raises(UploadError, match="minutes"):
        read_midi(data)


MESSAGES = st.builds(
    lambda kind, channel, first, second: mido.Message.from_bytes(
        [kind << 4 | channel, first, second][: 2 if kind in (0xC, 0xD) else 3]
    ),
    *(st.integers(8, 14), st.integers(0, 15), st.integers(0, 127), st.integers(0, 127)),
)
OTHER = st.one_of(
    st.builds(mido.MetaMessage, st.just("lyrics"), text=st.text("abc é", max_size=9)),
    st.builds(mido.MetaMessage, st.just("set_tempo"), tempo=st.integers(1, 2**24 - 1)),
    st.builds(mido.Message, st.just("sysex"), data=st.lists(st.integers(0, 127), max_size=9)),
    st.builds(
        mido.MetaMessage,
        st.just("key_signature"),
        key=st.sampled_from(sorted(KEYS)),
    ),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 500), MESSAGES | OTHER)), min_size=1, max_size=4),
)
def test_a_scan_finds_what_mido_finds(tracks):
    """On well-formed files, which are all that mido reads."""
    first = mido.Message("note_on", velocity=1)
    made = [[m.copy(time=time) for time, m in track] for track in tracks]
    file = mido.MidiFile(tracks=[mido.MidiTrack([first, *track]) for track in made])
    buffer = io.BytesIO()
    file.save(file=buffer)
    events = midi_scan.scan_midi(buffer.getvalue())
    found, tempos, keys = [], [], []
    for number, track in enumerate(mido.MidiFile(file=io.BytesIO(buffer.getvalue())).tracks):
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempos.append((tick, message.tempo))
            elif message.type == "key_signature":
                keys.append((tick, str(KEYS[message.key])))
            elif not message.is_meta and message.type != "sysex":
                status, *values = message.bytes()
                found.append((tick, number, status >> 4, status & 15, *values, 0)[:6])
    assert [tuple(event) for event in events.messages] == found
    assert (events.tempos, [(tick, str(key)) for tick, key in events.keys]) == (tempos, keys)
    assert not +events.left_out and events.claimed == len(events.names) == len(tracks)


META = {
    "key of 18 flats": (b"\xff\x59\x02\xee\x01", "key"),
    "key of 8 sharps": (b"\xff\x59\x02\x08\x00", "key"),
    "key of a third mode": (b"\xff\x59\x02\x00\x02", "key"),
    "key of one byte": (b"\xff\x59\x01\x00", "key"),
    "key of no byte": (b"\xff\x59\x00", "key"),
    "key of three bytes": (b"\xff\x59\x03\x00\x00\x00", "key"),
    "tempo of four bytes": (b"\xff\x51\x04\x07\xa1\x20\x00", "tempo"),
    "tempo of one byte": (b"\xff\x51\x01\x07", "tempo"),
    "tempo of no byte": (b"\xff\x51\x00", "tempo"),
    "metre of two bytes": (b"\xff\x58\x02\x04\x02", "meter"),
    "metre of nothing": (b"\xff\x58\x04\x00\x02\x18\x08", "meter"),
    "metre in 2 ** 255": (b"\xff\x58\x04\x04\xff\x18\x08", "meter"),
    "SMPTE offset of one byte": (b"\xff\x54\x01\x00", "meta"),
    "SMPTE offset of nonsense": (b"\xff\x54\x05\xff\xff\xff\xff\xff", None),
    "sequence number of one byte": (b"\xff\x00\x01\x05", "meta"),
    "sequence number of none": (b"\xff\x00\x00", None),
    "channel prefix of no byte": (b"\xff\x20\x00", "meta"),
    "channel prefix of 255": (b"\xff\x20\x01\xff", None),
    "port of two bytes": (b"\xff\x21\x02\x00\x00", "meta"),
    "a type of tomorrow": (b"\xff\x60\x03abc", None),
    "a type above 127": (b"\xff\xf0\x03abc", None),
    "text in no encoding": (b"\xff\x01\x02\xff\xfe", None),
    "sysex of bytes above 127": (b"\xf0\x05\x7e\x7f\x09\x81\xf7", "sysex"),
    "sysex of an opening byte": (b"\xf0\x02\xf0\xf7", "sysex"),
    "active sensing": (b"\xfe", "system"),
    "clock": (b"\xf8", "system"),
    "song position": (b"\xf2\x01\x02", "system"),
}


@pytest.mark.parametrize("name", META)
@pytest.mark.parametrize("place", ["first", "inside", "last", "running", "own track"])
def test_what_no_note_depends_on_costs_no_note(name, place):
    event, counted = META[name]
    event = b"\x00" + event
    head, tail = hostile.NOTE[:4], hostile.NOTE[4:]
    if place == "running":
        tail = b"\x83\x60\x3c\x00"
    tracks = {
        "first": [event + head + tail],
        "last": [head + tail + event],
        "own track": [event, head + tail],
    }.get(place, [head + event + tail])
    score = read_midi(hostile.midi(*(hostile.track(t + hostile.END) for t in tracks)))
    assert spans(score) == [(60, 0, 1)]
    left_out = {n: score.counts[n] for n in ("key", "tempo", "meter", "meta", "sysex", "system")}
    assert {n: count for n, count in left_out.items() if count} == ({counted: 1} if counted else {})


@pytest.mark.parametrize("controller", [120, 123, 124, 125, 126, 127])
def test_all_notes_off_ends_the_notes_of_its_channel(controller):
    def silence(wait=0, channel=0):
        return mido.Message("control_change", control=controller, time=wait, channel=channel)

    kind = "sound off" if controller == 120 else "notes off"
    score = played(on(60), on(64), silence(480), on(62), off(62, 480))
    assert spans(score) == [(60, 0, 1), (64, 0, 1), (62, 1, 2)]
    assert score.counts[kind] == 2 and not score.unreleased
    score = played(on(60), on(64, channel=1), silence(480), off(64, 480, channel=1))
    assert spans(score) == [(60, 0, 1), (64, 0, 2)] and score.counts[kind] == 1
    score = played(on(60), silence(480), off(60, 480))  # a late release ends nothing
    assert spans(score) == [(60, 0, 1)]
    score = played(silence(), on(60), silence(480), on(60), off(60, 480), silence())
    assert spans(score) == [(60, 0, 1), (60, 1, 2)]
    assert played(on(60), off(60, 480), silence()).counts[kind] == 0


def test_controllers_of_other_numbers_end_nothing():
    for controller in (0, 64, 119, 121, 122):
        message = mido.Message("control_change", control=controller, time=480)
        assert spans(played(on(60), message, off(60, 480))) == [(60, 0, 2)]


def test_all_notes_off_reaches_other_tracks_of_the_channel():
    silence = b"\x83\x60\xb0\x7b\x00"
    long = b"\x00\x90\x3c\x40\x87\x40\x80\x3c\x00"
    assert spans(read_tracks(silence, long)) == [(60, 0, 1)]
    at_once = b"\x00\xb0\x7b\x00"  # as many files begin, in every track
    assert spans(read_tracks(at_once, long, at_once)) == [(60, 0, 2)]
    other_port = b"\x00\xff\x21\x01\x01" + silence
    assert spans(read_tracks(other_port, long)) == [(60, 0, 2)]


def read_tracks(*tracks):
    return read_midi(hostile.midi(*(hostile.track(events + hostile.END) for events in tracks)))


def test_a_release_in_another_track_ends_what_nothing_else_does():
    ons, offs = b"\x00\x90\x3c\x50\x00\x90\x40\x50", b"\x83\x60\x80\x3c\x40\x00\x80\x40\x40"
    for tracks in ((ons, offs), (offs, ons)):
        score = read_tracks(*tracks)
        assert spans(score) == [(60, 0, 1), (64, 0, 1)]
        assert (score.counts["paired"], score.unreleased) == (2, 0)
    other_channel = offs.replace(b"\x80", b"\x81")
    assert read_tracks(ons, other_channel).unreleased == 2
    # Two tracks of one channel that release the same pitch twice keep their own ends.
    held = b"\x00\x90\x3c\x50\x87\x40\x80\x3c\x00"
    twice = b"\x00\x90\x3c\x50\x83\x60\x80\x3c\x00\x00\x80\x3c\x00"
    score = read_tracks(held, twice)
    assert spans(score) == [(60, 0, 1), (60, 0, 2)] and not score.counts["paired"]


def test_many_notes_that_never_end_take_no_time():
    ons = b"\x00\x90\x3c\x40" * 90_000
    began = time.process_time()
    score = read_tracks(ons, b"\x01\x80\x3c\x40" * 90_000)
    assert len(score.notes) == score.counts["paired"] == 90_000
    assert read_tracks(ons, b"\x01\xb0\x7b\x40" * 90_000).counts["notes off"] == 90_000
    assert time.process_time() - began < 4


@pytest.mark.parametrize(
    ("name", "channel", "told"),
    [
        (b"Drums", 10, True),
        (b"My drumkit", 0, True),
        (b"PERCUSSION", 3, True),
        (b"Schlagzeug", 0, True),
        ("Batería".encode("latin-1"), 0, True),
        (b"Piano", 10, False),
        (b"Drums", 9, False),
    ],
)
def test_tracks_named_like_drums_are_told(name, channel, told):
    note = b"\x00%c\x3c\x40\x83\x60%c\x3c\x40" % (0x90 | channel, 0x80 | channel)
    score = read_tracks(b"\x00\xff\x03%c%b" % (len(name), name) + note, hostile.NOTE)
    assert [(shown[:3], at) for shown, at in score.drum_tracks] == (
        [(name.decode("latin-1")[:3], channel + 1)] if told else []
    )


def test_tempo_bounds_fit_the_file_format():
    for tempo in midi.TEMPOS:
        score = read_midi(midi_from_notes([Note(60, 0, 1)], tempo=tempo))
        assert score.tempo == pytest.approx(tempo)


@pytest.mark.parametrize(
    ("fifths", "minor", "shown", "shift"),
    [
        (0, False, "C major", 0),
        (0, True, "A minor", 0),
        (6, False, "F♯ major", -6),
        (-2, False, "B♭ major", 2),
        (-7, False, "B major", 1),
        (-6, True, "E♭ minor", -6),
        (5, True, "G♯ minor", 1),
        (7, True, "B♭ minor", -1),
    ],
)
def test_keys(fifths, minor, shown, shift):
    named = key.key_from_fifths(fifths, minor=minor)
    assert (str(named), named.shift) == (shown, shift)


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
