import io

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from dmm_core.errors import DataError
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.pianoroll import Note
from dmm_core.music.prettymidi import (
    notes_from_pretty_midi,
    pretty_midi_from_notes,
    pretty_midi_from_roll,
    roll_from_pretty_midi,
)

NOTES = st.lists(
    st.tuples(
        *(st.integers(0, 127), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 127))
    ),
    min_size=1,
    max_size=20,
)
"""Pitch, start and length in sevenths of a tick, velocity: no time is halfway between two ticks."""


def written(score):
    buffer = io.BytesIO()
    score.write(buffer)
    return buffer.getvalue()


def ticks(data):
    """Every message that begins or ends a note, with its time in ticks."""
    events = []
    for track in mido.MidiFile(file=io.BytesIO(data)).tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on":
                events.append((now, message.note, message.velocity))
    return sorted(events)


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 30), st.just(88))),
    st.integers(4, 1000),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
def test_a_roll_comes_back(roll, tempo, grid, rearticulate):
    score = pretty_midi_from_roll(
        roll, tempo=tempo, steps_per_quarter=grid, rearticulate=rearticulate, program=19
    )
    assert [instrument.program for instrument in score.instruments] == [19]
    back = roll_from_pretty_midi(score, steps_per_quarter=grid, frames=len(roll))
    assert np.array_equal(back, roll)


@settings(max_examples=25, deadline=None)
@given(NOTES, st.floats(4, 1000))
def test_notes_come_back_and_are_written_like_ours(drawn, tempo):
    unit = 60 / tempo / 480 / 7
    notes = [
        Note(pitch, start * unit, (start + length) * unit, velocity)
        for pitch, start, length, velocity in drawn
    ]
    score = pretty_midi_from_notes(notes, tempo=tempo)
    back = notes_from_pretty_midi(score)
    assert len(back) == len(notes)
    kept = [note for note, (_, _, length, _) in zip(notes, drawn, strict=True) if length >= 7]
    assert set(kept) <= set(back)  # shorter notes may end at the next tick
    assert score.get_tempo_changes()[1].tolist() == pytest.approx([tempo])
    assert ticks(written(score)) == ticks(midi_from_notes(notes, tempo=tempo))


def test_our_files_are_read_by_pretty_midi():
    notes = [Note(60, 0.0, 0.5), Note(64, 0.5, 1.0, 90), Note(60, 0.5, 2.0)]
    score = pretty_midi.PrettyMIDI(io.BytesIO(midi_from_notes(notes, tempo=120, program=19)))
    assert notes_from_pretty_midi(score) == [notes[0], notes[2], notes[1]]


def test_a_note_without_length_can_be_written():
    notes = [Note(60, 0.5, 0.5)]
    score = pretty_midi_from_notes(notes, tempo=120)
    [note] = read_midi(written(score)).notes
    assert (note.pitch, note.start, note.end) == (60, 1.0, 1 + 1 / 480)


def test_changes_of_tempo_move_no_note_and_drums_are_left_out():
    quarter = 480
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=500_000),
            mido.MetaMessage("set_tempo", tempo=1_300_000, time=quarter),
        ]
    )
    track = mido.MidiTrack()
    for pitch, channel in ((60, 0), (36, 9), (62, 0), (64, 1)):
        track.append(mido.Message("note_on", note=pitch, channel=channel))
        track.append(mido.Message("note_off", note=pitch, channel=channel, time=quarter))
    score = pretty_midi.PrettyMIDI(mido_object=mido.MidiFile(tracks=[conductor, track]))
    assert [note.pitch for note in notes_from_pretty_midi(score)] == [60, 62, 64]
    frames, columns = np.nonzero(roll_from_pretty_midi(score))
    assert list(zip(frames, columns + 21, strict=True)) == [(0, 60), (2, 62), (3, 64)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tempo": 1001}, "tempo is 4 to 1000"),
        ({"program": -1}, "program is 0 to 127"),
        ({"notes": [Note(128, 0, 1)]}, "pitches are 0 to 127"),
    ],
)
def test_what_cannot_be_converted(change, words):
    with pytest.raises(DataError, match=words):
        pretty_midi_from_notes(**{"notes": [Note(60, 0, 1)], "tempo": 90.0} | change)


def test_a_faulty_score_is_refused():
    score = pretty_midi_from_notes([Note(60, 0, 1)], tempo=90)
    score.instruments[0].notes[0].velocity = 0
    with pytest.raises(DataError, match="velocity 0"):
        notes_from_pretty_midi(score)
