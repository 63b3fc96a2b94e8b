"""MusicXML scores become the notes that sound, and what is changed is told."""

import warnings
from pathlib import Path

import hostile_data
import numpy as np
import pytest
from hostile_data import mxl, note, score
from melodies import spans
from test_upload_musicxml import DRUM, grace, transpose

from dmm_core.data.uploads.music import parse_abc, parse_midi, parse_musicxml, parse_mxl
from dmm_core.data.uploads.reader import UploadOptions, inspect_file
from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import HIGHEST, LOWEST, Note, notes_from_roll, roll_from_notes
from dmm_core.music.score import musicxml_from_notes, read_musicxml

OPTIONS = UploadOptions(steps_per_quarter=4)
MOVED = UploadOptions(steps_per_quarter=4, transpose=True)


def test_a_score_is_read_note_by_note():
    read = read_musicxml(hostile_data.SCORE)
    expected = [(60, 0, 1), (62, 1, 2), (64, 2, 4), (65, 4, 5), (67, 5, 6)]
    assert spans(read) == expected
    assert read[1:] == (None, (), {}, (), "")
    for data, parse in ((hostile_data.SCORE, parse_musicxml), (mxl(), parse_mxl)):
        parsed = parse(data, OPTIONS)
        assert parsed.x.shape == (24, 88) and parsed.x.dtype == np.uint8
        assert (parsed.notes, parsed.changes, parsed.lengths) == (5, (), (24,))
        assert np.flatnonzero(parsed.x[8]).tolist() == [64 - LOWEST]


def test_scores_and_midi_become_the_same_roll():
    rng = np.random.default_rng(0)
    roll = np.repeat(rng.random((24, 88)) < 0.05, 2, axis=0)
    notes = notes_from_roll(roll, tempo=60, steps_per_quarter=4, rearticulate=False)
    by_midi = parse_midi(midi_from_notes(notes, tempo=60), OPTIONS)
    by_score = parse_musicxml(musicxml_from_notes(notes, tempo=60, title="x"), OPTIONS)
    assert np.array_equal(by_midi.x, by_score.x) and np.array_equal(by_score.x, roll)
    assert by_midi.notes == by_score.notes == len(notes)


def test_bars_that_are_not_kept_are_told():
    change = "<attributes><time><beats>{}</beats><beat-type>{}</beat-type></time></attributes>"
    data = score(
        change.format(3, 4) + note("C") * 3,
        change.format("3+2", 8) + note("D") * 2,
        change.format(4, 4) + note("E") * 4,
        change.format(3, 4) + note("F") * 3,
    )
    assert read_musicxml(data).meters == ("3/4", "3+2/8", "4/4")
    said = "Bars are counted in 4/4, not in 3/4, 3+2/8."
    assert parse_musicxml(data, OPTIONS).changes == parse_mxl(mxl(data), OPTIONS).changes
    assert parse_musicxml(data, OPTIONS).changes[-1] == said
    tunes = b"M:3/4\nX:1\nM:C\nK:C\nCDEF|\n\nX:2\nM:6/8\nK:C\nCDE|\n\nX:3\nM:C|\nK:C\nCD[M:C]CD|\n"
    assert parse_abc(tunes, OPTIONS).changes == ("Bars are counted in 4/4, not in 6/8, 2/2.",)
    many = "+".join(["1"] * 40)
    (long,) = read_musicxml(score(change.format(many, 8) + note("C"))).meters
    assert len(long) <= 20


def test_what_is_left_out_or_moved_is_counted():
    symbol = "<harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>"
    data = score(
        grace("D") + note("D") + DRUM + note("C", 9) + symbol + note("E", more="<cue/>"),
        attributes="<key><fifths>2</fifths></key>" + transpose(-2),
    )
    parsed = parse_musicxml(data, MOVED)
    assert parsed.changes == (
        "Left out 1 note outside the piano's range.",
        "Left out 1 percussion note.",
        "Left out 1 grace note.",
        "Left out 1 cue note.",
        "Left out 1 chord symbol.",
        "Read 2 notes of transposing instruments at sounding pitch.",
    )
    assert np.flatnonzero(parsed.x[0]).tolist() == [60 - LOWEST]


@pytest.mark.parametrize(
    ("fifths", "mode", "key", "shift"),
    [(0, "", None, 0), (3, "", Key(9, False), 3), (-3, "minor", Key(0, True), -3)],
)
def test_transposition_by_the_key_signature(fifths, mode, key, shift):
    said = f"<mode>{mode}</mode>" if mode else ""
    data = score(note("C"), attributes=f"<key><fifths>{fifths}</fifths>{said}</key>")
    assert read_musicxml(data).key == (key or Key(0, False))
    parsed = parse_musicxml(data, MOVED)
    assert np.flatnonzero(parsed.x[0]).tolist() == [60 + shift - LOWEST]
    assert len(parsed.changes) == (shift != 0)


@pytest.mark.parametrize("work", ["bach/bwv3.6.mxl", "schubert/lindenbaum.xml"])
def test_genuine_scores(work):
    """As music21 itself counts them, ties joined."""
    from music21 import converter, corpus
    from music21.harmony import Harmony

    path = Path(corpus.getWork(work))
    parsed = inspect_file(path.name, path.read_bytes())
    assert parsed.refusal is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = converter.parse(path, forceSource=True, storePickle=False)
    notes = [n for part in stream.parts for n in part.stripTies().flatten().notes]
    pitches = sum(len(n.pitches) for n in notes if n.quarterLength and not isinstance(n, Harmony))
    assert parsed.notes == pytest.approx(pitches, rel=0.01)


def random_notes(rng, voices=12):
    notes = []
    for pitch in rng.choice(np.arange(LOWEST, HIGHEST + 1), voices, replace=False).tolist():
        at = 0
        for wait, length in rng.integers((0, 1), (5, 24), (12, 2)).tolist():
            notes.append(Note(pitch, (at + wait) / 4, (at + wait + length) / 4))
            at += wait + length
    return sorted(notes, key=lambda n: (n.start, n.pitch, n.end))


@pytest.mark.parametrize("seed", range(5))
def test_notes_come_back_from_musicxml(seed):
    notes = random_notes(np.random.default_rng(seed))
    written = musicxml_from_notes(notes, tempo=60, title="A <b> & \x00 ♯")
    assert written == musicxml_from_notes(notes, tempo=60, title="A <b> & \x00 ♯")
    assert read_musicxml(written).notes == tuple(notes)


def test_music21_understands_the_musicxml_that_is_written():
    from music21 import converter
    from music21.key import KeySignature
    from music21.stream import Measure
    from music21.tempo import MetronomeMark

    d_major = [62, 64, 66, 67, 69, 71, 73, 74]
    seconds = [Note(p, i * 0.25, i * 0.25 + 0.25) for i, p in enumerate([*d_major, 50, 62])]
    written = musicxml_from_notes(seconds, tempo=120, title="A scale")
    stream = converter.parseData(written, format="musicxml")
    assert stream.metadata.title == "A scale"
    assert stream[MetronomeMark].first().number == 120
    assert stream[KeySignature].first().sharps == 2
    assert [part.clef.sign for part in (p[Measure].first() for p in stream.parts)] == ["G", "F"]
    upper, lower = ([n.pitch.nameWithOctave for n in p.flatten().notes] for p in stream.parts)
    assert upper == ["D4", "E4", "F#4", "G4", "A4", "B4", "C#5", "D5", "D4"] and lower == ["D3"]
    for measure in stream.parts[0][Measure]:
        assert measure.duration.quarterLength == 4
        types = {n.duration.type for n in measure.notesAndRests}
        assert types <= {"whole", "half", "quarter", "eighth", "16th"}


def test_what_musicxml_cannot_hold():
    def back(*notes):
        return spans(read_musicxml(musicxml_from_notes(notes, tempo=60, title="")))

    assert back(Note(60, 0.1, 0.1), Note(62, 1.13, 1.87)) == [(60, 0, 0.25), (62, 1.25, 1.75)]
    assert back(Note(60, 0, 4), Note(60, 1, 2)) == [(60, 0, 1), (60, 1, 2)]
    assert b'<rest measure="yes" />' in musicxml_from_notes([], tempo=60, title="silence")
    for notes, tempo, words in (
        ([Note(11, 0, 1)], 60, "MIDI pitches from 12 on, not 11"),
        ([Note(60, 0, 1)], 3, "4 to 1000 quarters a minute, not 3"),
        ([Note(60, 0, 30_000)], 60, "at most 20,000 quarters"),
        ([Note(60, 1, 0)], 60, "in order"),
    ):
        with pytest.raises(DataError, match=words):
            musicxml_from_notes(notes, tempo=tempo, title="")


def test_a_roll_comes_back_from_musicxml():
    roll = np.random.default_rng(1).random((40, 88)) < 0.04
    for steps in (1, 2, 4):
        for strike in (True, False):
            notes = notes_from_roll(roll, tempo=90, steps_per_quarter=steps, rearticulate=strike)
            read = read_musicxml(musicxml_from_notes(notes, tempo=90, title=""))
            back = roll_from_notes(read.notes, tempo=60, steps_per_quarter=steps)
            assert np.array_equal(back, roll[: len(back)]) and not roll[len(back) :].any()
