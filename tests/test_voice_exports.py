"""MIDI and MusicXML of a piece in voices, as mido and music21 read them."""

import io
import warnings

import mido
import pytest
from hypothesis import Phase, given, settings
from test_voices import voiced
from voiced_pieces import bach, pieces

from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.meter import Meter
from dmm_core.music.voice_midi import midi_from_voices
from dmm_core.music.voice_notes import notes_from_voices, voice_names
from dmm_core.music.voice_score import musicxml_from_voices
from dmm_core.music.voices import STEPS, VoiceNote

NAMES = ("Soprano", "Alto", "Tenor", "Bass")
CHORALES = ("bwv3.6", "bwv26.6", "bwv65.2")
"""In 4/4 with an upbeat, in 4/4 without, and in 3/4 with an upbeat."""


def midi_file(data):
    return mido.MidiFile(file=io.BytesIO(data), charset="utf-8")


def midi_voices(file):
    """Notes of each track after the first, as mido reads them, in sixteenths."""
    step = file.ticks_per_beat // STEPS
    for track in file.tracks[1:]:
        now, begun, notes = 0, {}, []
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                assert message.note not in begun
                begun[message.note] = now
            elif message.type in ("note_on", "note_off"):
                notes.append(VoiceNote(message.note, begun.pop(message.note) // step, now // step))
        assert not begun and now % step == 0
        yield notes


def notes_of(piece):
    return [piece.notes(voice) for voice in range(len(piece.pitches))]


@settings(max_examples=40, deadline=None)
@given(pieces())
def test_mido_reads_the_midi_note_for_note(piece_and_meter):
    piece, meter = piece_and_meter
    file = midi_file(midi_from_voices(piece, meter=meter, tempo=90))
    assert list(midi_voices(file)) == notes_of(piece)
    assert all(sum(m.time for m in track) >= 480 * piece.beats for track in file.tracks[1:])


@pytest.mark.parametrize("name", CHORALES)
def test_mido_reads_chorales(name):
    piece, meter = bach(name)
    data = midi_from_voices(
        piece, meter=meter, tempo=72, program=[48, 52, 0, 19], key=Key(9, False), title="Chor♯l"
    )
    assert data == midi_from_voices(
        piece, meter=meter, tempo=72, program=[48, 52, 0, 19], key=Key(9, False), title="Chor♯l"
    )
    file = midi_file(data)
    assert list(midi_voices(file)) == notes_of(piece)
    conductor, *tracks = file.tracks
    assert conductor.name == "Chor♯l" and tuple(track.name for track in tracks) == NAMES
    found = {}
    for message in conductor:
        found.setdefault(message.type, []).append(message)
    assert mido.tempo2bpm(found["set_tempo"][0].tempo) == pytest.approx(72)
    assert found["key_signature"][0].key == "A"
    signatures = [(m.time, m.numerator, m.denominator) for m in found["time_signature"]]
    whole = (480 * meter.upbeat, meter.beats, 4)
    assert signatures == ([(0, meter.upbeat, 4), whole] if meter.upbeat else [whole])
    channels = [{m.channel for m in track if not m.is_meta} for track in tracks]
    assert [len(used) for used in channels] == [1] * 4 and len(set.union(*channels)) == 4
    programs = [m.program for track in tracks for m in track if m.type == "program_change"]
    assert programs == [48, 52, 0, 19]


@pytest.mark.parametrize("key", [Key(tonic, minor) for tonic in range(12) for minor in (0, 1)])
def test_every_key_can_be_written(key):
    piece = voiced("60:4")
    file = midi_file(midi_from_voices(piece, meter=Meter(), tempo=90, key=key))
    (written,) = (m.key for m in file.tracks[0] if m.type == "key_signature")
    name, mode = str(key).split()
    assert written == name.replace("♭", "b").replace("♯", "#") + "m" * (mode == "minor")
    score = musicxml_from_voices(piece, meter=Meter(), tempo=90, title="", key=key)
    assert f"<fifths>{key.fifths}</fifths>".encode() in score


def test_velocities_follow_the_meter():
    piece = voiced("60:2 60:2 60:4 60:4 60:1 60:3")
    (notes,) = notes_from_voices(piece, tempo=60, meter=Meter(3, upbeat=1))
    assert [note.velocity for note in notes] == [80, 72, 88, 80, 80, 72]
    assert [note.start for note in notes] == [0, 0.5, 1, 2, 3, 3.25] and notes[-1].end == 4
    (plain,) = notes_from_voices(piece, tempo=60, accents=False)
    assert {note.velocity for note in plain} == {80}
    file = midi_file(midi_from_voices(piece, meter=Meter(3, upbeat=1), tempo=60))
    written = [m.velocity for m in file.tracks[1] if m.type == "note_on" and m.velocity]
    assert written == [note.velocity for note in notes]


def score_voices(data):
    """What music21 reads of each voice: notes and fermatas, in sixteenths; and the parts."""
    from music21 import converter
    from music21.stream import Measure, Voice

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = converter.parseData(data, format="musicxml")
    voices, parts = [], list(score.parts)
    for part in parts:
        found = {}
        for measure in part.getElementsByClass(Measure):
            for number, place in enumerate(list(measure.getElementsByClass(Voice)) or [measure]):
                notes, fermatas = found.setdefault(number, ([], set()))
                for item in place.notesAndRests:
                    start = STEPS * (measure.offset + item.offset)
                    assert start == int(start) and item.duration.type != "complex"
                    if any("Fermata" in mark.classes for mark in item.expressions):
                        fermatas.add(int(start) // STEPS)
                    if item.isRest:
                        continue
                    end = int(start + STEPS * item.quarterLength)
                    if item.tie is not None and item.tie.type in ("stop", "continue"):
                        assert notes[-1].end == start and notes[-1].pitch == item.pitch.midi
                        notes[-1] = notes[-1]._replace(end=end)
                    else:
                        notes.append(VoiceNote(item.pitch.midi, int(start), end))
        voices += found.values()
    return [notes for notes, _ in voices], set.union(*(beats for _, beats in voices)), parts


@pytest.mark.parametrize("staves", [4, 2])
@pytest.mark.parametrize("name", CHORALES)
def test_music21_reads_chorales(name, staves):
    from music21.key import KeySignature
    from music21.layout import StaffGroup
    from music21.stream import Measure
    from music21.tempo import MetronomeMark

    piece, meter = bach(name)
    key = Key(9, False) if name == "bwv3.6" else None  # those of the others are estimated
    data = musicxml_from_voices(
        piece, meter=meter, tempo=72, title="A <b> & ♯", staves=staves, key=key
    )
    voices, fermatas, parts = score_voices(data)
    assert voices == notes_of(piece)
    assert fermatas == set(piece.fermatas.nonzero()[0]) and fermatas
    names = list(NAMES) if staves == 4 else ["Soprano and Alto", "Tenor and Bass"]
    assert [part.partName for part in parts] == names
    score = parts[0].activeSite
    assert score.metadata.title == "A <b> & ♯"
    assert len(score.getElementsByClass(StaffGroup)) == 1
    assert parts[0][MetronomeMark].first().number == 72
    measures = list(parts[0].getElementsByClass(Measure))
    assert measures[0].timeSignature.ratioString == f"{meter.beats}/4"
    assert measures[0].number == (0 if meter.upbeat else 1)
    lengths = [measure.duration.quarterLength for measure in measures]
    assert lengths[0] == (meter.upbeat or meter.beats)
    assert set(lengths[1:-1]) == {meter.beats} and sum(lengths) == piece.beats
    clefs = [(p[Measure].first().clef.sign, p[Measure].first().clef.octaveChange) for p in parts]
    four = [("G", 0), ("G", 0), ("G", -1), ("F", 0)]
    assert clefs == (four if staves == 4 else [("G", 0), ("F", 0)])
    sharps = {"bwv3.6": 3, "bwv26.6": 0, "bwv65.2": 0}[name]
    assert {part[KeySignature].first().sharps for part in parts} == {sharps}


@pytest.mark.parametrize("staves", [None, 2])
def test_music21_reads_random_pieces(staves):
    # Without shrinking, because music21 takes too long for its hundreds of scores.
    @settings(max_examples=6, deadline=None, phases=[Phase.generate])
    @given(pieces(voices=4, most_beats=12))
    def check(piece_and_meter):
        piece, meter = piece_and_meter
        data = musicxml_from_voices(piece, meter=meter, tempo=90, title="", staves=staves)
        voices, fermatas, _ = score_voices(data)
        assert voices == notes_of(piece)
        assert fermatas == set(piece.fermatas.nonzero()[0])

    check()


def test_a_note_is_written_as_musicians_count_it():
    def lengths(line, beats=4, upbeat=0):
        meter = Meter(beats, upbeat)
        data = musicxml_from_voices(voiced(line), meter=meter, tempo=90, title="").decode()
        return [
            ("r" if "<rest" in note else "") + note.partition("<duration>")[2].partition("<")[0]
            for note in data.split("<note>")[1:]
        ]

    assert lengths("60:16") == ["16"] and lengths("-:16") == ["r16"]
    assert lengths("60:12", 3) == ["12"] and lengths("-:12", 3) == ["r12"]
    assert lengths("60:5 62:3") == ["4", "1", "3"]
    assert lengths("60:3 62:5") == ["3", "1", "4"]  # an odd sixteenth is tied to the next beat
    assert lengths("60:2 62:4 64:2") == ["2", "4", "2"]  # a syncopation is one note
    assert lengths("60:2 62:5 -:1") == ["2", "2", "3", "r1"]
    assert lengths("60:1 -:15") == ["1", "r1", "r2", "r4", "r8"]
    assert lengths("60:24", 6) == ["24"]
    assert lengths("60:8 62:4", 2, 1) == ["4", "4", "4"]  # tied over the bar line


def test_a_fermata_divides_a_held_note_only_if_no_note_begins():
    def marks(*lines):
        data = musicxml_from_voices(
            voiced(*lines, fermatas=[0, 1]), meter=Meter(), tempo=90, title="", staves=2
        ).decode()
        return [note.count("<fermata") for note in data.split("<note>")[1:]]

    assert marks("60:8", "48:4 48:2 50:2") == [0, 0, 0, 1]
    assert marks("60:8", "48:8") == [0, 1, 0]
    assert marks("-:8", "48:8") == [0, 1, 0]


def test_what_cannot_be_written_is_refused():
    piece = voiced("60:4", "48:4")
    assert voice_names(2) == ("Voice 1", "Voice 2")
    with pytest.raises(DataError, match="at most 15 voices, not 16"):
        midi_from_voices(voiced(*["60:4"] * 16), meter=Meter(), tempo=90)
    with pytest.raises(DataError, match="2 voices, but 3 programs"):
        midi_from_voices(piece, meter=Meter(), tempo=90, program=[0, 0, 0])
    with pytest.raises(DataError, match="4 to 1000 quarters a minute, not 3"):
        midi_from_voices(piece, meter=Meter(), tempo=3)
    with pytest.raises(DataError, match="above 0"):
        notes_from_voices(piece, tempo=0)
    for keywords, words in (
        ({"staves": 3}, "2 or 2 staves, not 3"),
        ({"tempo": 3}, "4 to 1000 quarters a minute, not 3"),
    ):
        with pytest.raises(DataError, match=words):
            musicxml_from_voices(piece, **({"meter": Meter(), "tempo": 90, "title": ""} | keywords))
    with pytest.raises(DataError, match="from 12 on, not 11"):
        musicxml_from_voices(voiced("11:4"), meter=Meter(), tempo=90, title="")


def test_an_empty_piece_is_a_bar_of_rests():
    empty = voiced("-:4").excerpt(0, 0)
    data = musicxml_from_voices(empty, meter=Meter(3), tempo=90, title="")
    assert data.count(b"<rest") == 1 and b"<duration>12</duration>" in data
    midi = midi_from_voices(empty, meter=Meter(3, 1), tempo=90)
    assert list(midi_voices(midi_file(midi))) == [[]]
