import io
import time
import wave

import numpy as np
import pytest

from dmm_core.errors import DataError
from dmm_core.music import audio
from dmm_core.music.audio import TAIL, render_wav
from dmm_core.music.pianoroll import Note

RATE = 22050


def samples(data):
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def cents_off(sound, pitch, rate=RATE):
    """How far the first four partials, added up, lie from where they should be."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    frequency = np.fft.rfftfreq(1 << 18, 1 / rate)
    cents = np.arange(-300, 301, 2)
    partials = 440 * 2 ** ((pitch - 69) / 12 + cents[:, None] / 1200) * np.arange(1, 5)
    return abs(cents[np.interp(partials, frequency, spectrum).sum(axis=1).argmax()])


@pytest.fixture(params=["soundfont", "plain tones"])
def voice(request, monkeypatch):
    if request.param == "plain tones":
        monkeypatch.setattr(audio, "_soundfont", lambda: None)
    else:
        assert audio.soundfont_path()


@pytest.mark.usefixtures("voice")
def test_length_level_and_same_bytes():
    notes = [Note(60, 0.0, 1.0), Note(64, 0.5, 2.0)]
    data = render_wav(notes)
    sound = samples(data)
    assert len(sound) == 2 * RATE + int(TAIL * RATE)
    assert 0.05 < np.abs(sound).max() <= 0.9
    assert np.abs(sound[-RATE // 50 :]).max() < 1e-3  # it has died away
    assert render_wav(notes) == data


@pytest.mark.usefixtures("voice")
@pytest.mark.parametrize("pitch", [33, 45, 60, 69, 81, 93])
def test_it_is_in_tune(pitch):
    sound = samples(render_wav([Note(pitch, 0.0, 2.0)]))
    assert cents_off(sound[2000:40000], pitch) <= 10


@pytest.mark.parametrize("program", [6, 19, 40, 73])
def test_other_instruments_are_in_tune_at_another_rate(program):
    sound = samples(render_wav([Note(69, 0.0, 2.0)], program=program, sample_rate=44100))
    assert cents_off(sound[4000:80000], 69, rate=44100) <= 20


@pytest.mark.usefixtures("voice")
def test_loud_chords_are_turned_down_not_clipped():
    sound = samples(render_wav([Note(pitch, 0.0, 2.0, 127) for pitch in range(21, 109)]))
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.001)
    assert (np.abs(sound) > 0.899).sum() < 10


@pytest.mark.usefixtures("voice")
def test_onsets_are_where_they_should_be():
    onsets = [0.4, 0.9, 1.7, 2.35, 3.0]
    sound = samples(render_wav([Note(60, t, t + 0.3) for t in onsets]))
    window = RATE // 200
    energy = np.abs(sound[: len(sound) // window * window].reshape(-1, window)).max(axis=1)
    for onset in onsets:
        near = energy[int((onset - 0.03) * 200) : int((onset + 0.05) * 200)]
        rise = (int((onset - 0.03) * 200) + np.argmax(near > 0.5 * near.max())) / 200
        assert abs(rise - onset) < 0.03


def test_velocity_is_heard_and_a_release_ends_the_note():
    soft, loud = (samples(render_wav([Note(60, 0, 2, v)])) for v in (40, 80))
    assert np.abs(loud).max() == pytest.approx(4 * np.abs(soft).max(), rel=0.01)
    short = samples(render_wav([Note(60, 0, 0.2, 80), Note(60, 1.9, 2.0, 1)]))
    second = slice(RATE, int(1.8 * RATE))
    assert np.abs(short[second]).max() < 0.1 * np.abs(loud[second]).max()


def test_a_very_long_note_needs_little_memory():
    sound = samples(render_wav([Note(60, 0, 1000)], sample_rate=8000))
    assert len(sound) == 1000 * 8000 + int(TAIL * 8000)


def test_silence_lasts_as_long_as_the_tail():
    sound = samples(render_wav([]))
    assert len(sound) == int(TAIL * RATE) and not sound.any()


def test_a_hundred_seconds_of_four_voices_are_quick():
    rng = np.random.default_rng(0)
    notes = [
        Note(base + int(rng.integers(12)), k / 2, k / 2 + 0.5)
        for k in range(200)
        for base in (40, 50, 60, 70)
    ]
    began = time.process_time()
    sound = samples(render_wav(notes))
    assert time.process_time() - began < 2
    assert 0.3 < np.abs(sound).max() <= 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"program": -1}, "program is 0 to 127"),
        ({"sample_rate": 7999}, "sample rate is 8000 to 48000"),
        ({"notes": [Note(60, 0, 1801)]}, "lasts 1,801 s"),
        ({"notes": [Note(60, 0, 1, 0)]}, "velocity"),
    ],
)
def test_what_cannot_be_rendered(change, words):
    with pytest.raises(DataError, match=words):
        render_wav(**{"notes": [Note(60, 0, 1)]} | change)
