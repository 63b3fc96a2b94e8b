"""The audio of music in voices: stereo, in a room, in time, and as loud as that of piano-rolls."""

import io
import time
import wave

import numpy as np
import pytest
from test_audio import decibels
from test_voices import voiced
from voiced_pieces import bach

from dmm_core.errors import DataError
from dmm_core.music.audio import STEREO_RATE, TAIL, render_voices_wav, render_wav
from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import Note
from dmm_core.music.voice_notes import notes_from_voices


def samples(data):
    """(samples, channels)."""
    with wave.open(io.BytesIO(data)) as file:
        assert file.getsampwidth() == 2
        points = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return points.reshape(-1, file.getnchannels()) / 32768, file.getframerate()


@pytest.mark.parametrize("program", [0, 48])
def test_a_chorale_is_as_loud_as_before_and_takes_under_a_second(program):
    """The processor time is that of 64 beats on a core that is shared."""
    piece, meter = bach("bwv33.6")
    assert piece.beats == 64
    voices = notes_from_voices(piece, tempo=90, meter=meter)
    render_voices_wav([[Note(60, 0, 1)]])  # loads what is loaded once
    began = time.process_time()
    data = render_voices_wav(voices, program=program)
    assert time.process_time() - began < 1
    sound, rate = samples(data)
    before, _ = samples(render_wav([n for notes in voices for n in notes], program=program))
    assert rate == STEREO_RATE == 44100 and sound.shape[1] == 2
    assert abs(len(sound) - 44100 * (64 * 60 / 90 + TAIL)) < 3
    assert decibels(sound) == pytest.approx(decibels(before), abs=1)
    assert np.abs(sound).max() <= 0.9 and (np.abs(sound) > 0.8999).sum() < 20
    assert np.abs(sound[-441:]).max() < 1e-3


def test_onsets_are_where_they_should_be():
    piece = voiced("72:3 74:1 -:2 76:2 77:4 -:4", "48:3 50:1 -:2 52:2 53:4 -:4")
    sound, rate = samples(render_voices_wav(notes_from_voices(piece, tempo=60, meter=Meter(4))))
    window = rate // 200
    energy = np.abs(sound.mean(1)[: len(sound) // window * window]).reshape(-1, window).max(axis=1)
    for onset in (0, 0.75, 1.5, 2):
        first = max(0, int((onset - 0.03) * 200))
        near = energy[first : int((onset + 0.05) * 200)]
        assert abs((first + np.argmax(near > 0.5 * near.max())) / 200 - onset) < 0.03


def test_voices_are_spread_gently_from_left_to_right():
    def sides(voice):
        # Many pitches, because the room strengthens some on one side and some on the other.
        scale = [Note(48 + 2 * k, k / 4, k / 4 + 0.25) for k in range(16)]
        voices = [scale if v == voice else [] for v in range(4)]
        return samples(render_voices_wav(voices))[0].std(axis=0)

    balance = [20 * np.log10(left / right) for left, right in map(sides, range(4))]
    assert balance == sorted(balance, reverse=True) and 3 < balance[0] < 7
    assert balance == pytest.approx([-b for b in reversed(balance)], abs=1)


def test_the_room_is_heard_after_a_note():
    short = [Note(60, 0.0, 0.3)]
    (wet, rate), (dry, mono) = samples(render_voices_wav([short])), samples(render_wav(short))
    after = slice(int(0.6 * rate), int(0.8 * rate)), slice(int(0.6 * mono), int(0.8 * mono))
    room = decibels(wet[after[0]]) - decibels(wet[: int(0.3 * rate)])
    assert decibels(dry[after[1]]) - decibels(dry[: int(0.3 * mono)]) < room - 3 and room < -25
    assert render_voices_wav([short]) == render_voices_wav([short])


def test_every_voice_can_have_its_instrument():
    notes = [Note(60, 0.0, 1.0)]
    mixed, _ = samples(render_voices_wav([notes, notes], program=[0, 48]))
    left, _ = samples(render_voices_wav([notes, []], program=0))
    right, _ = samples(render_voices_wav([[], notes], program=48))
    assert np.abs(mixed - left - right).max() < 1e-3
    silence, _ = samples(render_voices_wav([]))
    assert len(silence) == int(TAIL * 44100) and not silence.any()


@pytest.mark.parametrize(
    ("voices", "program", "words"),
    [
        ([[Note(60, 0, 1)]], -1, "program is 0 to 127"),
        ([[Note(60, 0, 1)]], [0, 0], "1 voices, but 2 programs"),
        ([[Note(60, 0, 601)]], 0, "lasts 601 s, but at most 600 s"),
        ([[Note(60, 0, 1, 0)]], 0, "velocity"),
    ],
)
def test_what_cannot_be_rendered(voices, program, words):
    with pytest.raises(DataError, match=words):
        render_voices_wav(voices, program=program)


def test_half_the_rate_is_half_the_file_and_the_same_sound():
    voices = [[Note(72, 0, 1)], [Note(48, 0, 1)]]
    (full, rate), (half, low) = (
        samples(render_voices_wav(voices, sample_rate=rate)) for rate in (44_100, 22_050)
    )
    assert (rate, low, len(full)) == (44_100, 22_050, 2 * len(half))
    assert np.corrcoef(full[::2].ravel(), half.ravel())[0, 1] > 0.999
    with pytest.raises(DataError, match=r"22,050 or 44,100"):
        render_voices_wav(voices, sample_rate=8000)
