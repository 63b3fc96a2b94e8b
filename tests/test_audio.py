import io
import re
import time
import wave

import numpy as np
import pytest

from dmm_core.errors import DataError
from dmm_core.music.audio import TAIL, render_wav
from dmm_core.music.pianoroll import Note
from dmm_core.music.sounds import load_sounds, sounds_for_program
from dmm_core.system.files import assets
from pages.ui.compose.performance import INSTRUMENTS

RATE = 22050


def samples(data):
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def cents_off(sound, pitch, rate=RATE):
    """How far the centre of the power of the first four partials lies from where it should be."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18)) ** 2
    frequency = np.fft.rfftfreq(1 << 18, 1 / rate)
    cents = np.arange(-300, 301)
    partials = 440 * 2 ** ((pitch - 69) / 12 + cents[:, None] / 1200) * np.arange(1, 5)
    power = np.interp(partials, frequency, spectrum).sum(axis=1)
    centre = cents[power.argmax()]
    for _ in range(8):  # a window of 50 cents on both sides, moved to its own centre
        near = np.clip(1 - np.abs(cents - centre) / 50, 0, 1) * power
        centre = (near * cents).sum() / near.sum()
    return abs(centre)


PROGRAMS = {
    "piano": 0,
    "electric-piano": 4,
    "harpsichord": 6,
    "music-box": 10,
    "vibraphone": 11,
    "marimba": 12,
    "organ": 19,
    "guitar": 24,
    "strings": 48,
    "choir": 52,
    "brass": 61,
    "flute": 73,
}
every_set = pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)


def decibels(values):
    return 20 * np.log10(np.sqrt(np.mean(np.square(values))))


def test_every_program_has_a_set_and_every_set_its_program():
    sets = {path.stem for path in (assets() / "sounds").glob("*.npz")}
    assert {sounds_for_program(program) for program in range(128)} == sets == set(PROGRAMS)
    assert {name: sounds_for_program(program) for name, program in PROGRAMS.items()} == {
        name: name for name in PROGRAMS
    }


def test_the_notice_travels_with_the_sets():
    folder = assets() / "sounds"
    copyright = (folder / "COPYRIGHT").read_text()
    notice = (folder.parent.parent / "NOTICE").read_text()
    assert "Permission is hereby granted, free of charge" in copyright
    assert copyright.strip() in notice
    assert all(f"{name}.npz" in notice for name in PROGRAMS)
    assert sum(path.stat().st_size for path in folder.glob("*.npz")) < 6.2e6


@pytest.mark.parametrize("name", PROGRAMS)
def test_loops_do_not_click(name):
    looped = [sample for sample in load_sounds(name).samples if sample.loop[0] < sample.loop[1]]
    assert looped
    for sample in looped:
        loop = sample.points[slice(*sample.loop)].astype(float)
        bends = np.abs(np.diff(loop, 2))
        joint = np.abs(np.diff([*loop[-3:], *loop[:3]], 2))
        assert joint.max() <= bends.max()


@every_set
def test_sets_are_alike_in_level_and_none_is_clipped(program):
    chords = [
        Note(pitch, k * 2 / 3, (k + 1) * 2 / 3)
        for k, root in enumerate([48, 53, 55, 48] * 4)
        for pitch in (root, root + 7, root + 12, root + 16)
    ]
    sound = samples(render_wav(chords, program=program))
    assert decibels(sound) == pytest.approx(-18.5, abs=1.5)
    assert np.abs(sound).max() <= 0.9
    assert (np.abs(sound) > 0.899).sum() < 10


@every_set
def test_a_sustained_note_goes_on_and_any_other_fades(program):
    sound = samples(render_wav([Note(60, 0, 12)], program=program))
    first, last = sound[RATE // 2 : RATE], sound[11 * RATE : 12 * RATE]
    fall = decibels(first) - decibels(last + 1e-9)
    assert abs(fall) < 3 if program in (19, 48, 52, 61, 73) else fall > 15


def test_length_level_and_same_bytes():
    notes = [Note(60, 0.0, 1.0), Note(64, 0.5, 2.0)]
    data = render_wav(notes)
    sound = samples(data)
    assert len(sound) == 2 * RATE + int(TAIL * RATE)
    assert 0.05 < np.abs(sound).max() <= 0.9
    assert np.abs(sound[-RATE // 50 :]).max() < 1e-3  # it has died away
    assert render_wav(notes) == data


@every_set
def test_it_is_in_tune(program):
    for pitch in (36, 43, 50, 57, 64, 69, 71, 78, 85, 92):
        sound = samples(render_wav([Note(pitch, 0.0, 2.0)], program=program))
        assert np.abs(sound).max() > 0.02
        assert cents_off(sound[: 2 * RATE], pitch) <= 5, pitch


@every_set
def test_it_is_in_tune_at_another_rate(program):
    sound = samples(render_wav([Note(69, 0.0, 2.0)], program=program, sample_rate=44100))
    assert cents_off(sound[: 2 * 44100], 69, rate=44100) <= 5


def test_loud_chords_are_turned_down_not_clipped():
    sound = samples(render_wav([Note(pitch, 0.0, 2.0, 127) for pitch in range(21, 109)]))
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.001)
    assert (np.abs(sound) > 0.899).sum() < 10


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


def test_the_table_of_programs_is_documented():
    page = (assets().parent / "docs" / "compose.md").read_text()
    documented = {}
    for title, ranges in re.findall(r"^\| ([A-Z][a-z ]+) \| ([\d, -]+) \|$", page, re.MULTILINE):
        for span in ranges.split(", "):
            first, last = (int(number) for number in (span.split("-") * 2)[:2])
            documented |= dict.fromkeys(range(first, last + 1), title)
    assert documented == {
        program: {i.program: i.title for i in INSTRUMENTS.values()}[
            PROGRAMS[sounds_for_program(program)]
        ]
        for program in range(128)
    }
