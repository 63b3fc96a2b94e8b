"""Renders notes as audio with the sampled notes in assets/sounds."""

import io
import wave
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import Note, check_notes
from dmm_core.music.sounds import SAMPLE_RATE, Sample, load_sounds, sounds_for_program

__all__ = [
    "MAX_SECONDS",
    "MAX_STEREO_SECONDS",
    "STEREO_RATE",
    "TAIL",
    "render_voices_wav",
    "render_wav",
]

TAIL = 1.5
"""Seconds of audio after the end of the last note, in which it fades out."""

MAX_SECONDS = 1800.0
"""Longest piece that is rendered, in seconds."""

MAX_STEREO_SECONDS = 600.0
"""Longest piece that is rendered in stereo, in seconds; it needs 0.6 GB of memory."""

STEREO_RATE = 2 * SAMPLE_RATE
"""Sample rate in Hz of the audio of music in voices."""

_SPREAD = 0.35
"""Place of the outer voices between the middle (0) and one side (1)."""

_ROOM_SECONDS = 0.9  # in which the reverberation decays by 60 dB
_ROOM_DELAY = 0.012  # seconds before it begins
_ROOM_POWER = 0.04  # of the reverberation relative to the direct sound: -14 dB
_ROOM_CUTOFF = 4000.0  # Hz; a room absorbs higher frequencies
_FFT_MULTIPLE = 4096  # samples; lengths with many small factors are transformed fast

_GAIN = 0.15  # with it, four voices at velocity 80 peak slightly below full scale
_PEAK = 0.9
_MAX_NOTE = 60.0  # seconds; a longer note is released early, which bounds memory


def render_wav(notes: Sequence[Note], *, program: int = 0, sample_rate: int = 22050) -> bytes:
    """Render notes as a mono WAV file of 16-bit samples.

    The same notes give the same bytes. The audio ends `TAIL` seconds after the last note; without
    notes it is silence of that length. A note sounds for at most a minute. If the peak exceeds 0.9
    of full scale, the whole audio is scaled down to it; it is never clipped or amplified.

    Args:
        notes: notes with times in seconds.
        program: General MIDI program (0 to 127), played by the nearest instrument in assets/sounds.
            0 is a grand piano.
        sample_rate: samples per second, 8000 to 48000.

    Raises:
        DataError: if a note is invalid, the music is longer than `MAX_SECONDS`, or the program or
            sample rate is out of bounds.
    """
    if not 8000 <= sample_rate <= 48000:
        raise DataError(f"The sample rate is 8000 to 48000 a second, not {sample_rate}.")
    seconds = _checked_seconds(notes, program, MAX_SECONDS)
    return _wav(_mix(notes, seconds, program, sample_rate)[:, None], sample_rate)


def render_voices_wav(
    voices: Sequence[Sequence[Note]],
    *,
    program: int | Sequence[int] = 0,
    sample_rate: int = STEREO_RATE,
) -> bytes:
    """Render the notes of voices as a stereo WAV file of 16-bit samples.

    The voices are spread evenly from left to right in a small room: its reverberation is 14 dB
    below the direct sound and decays by 60 dB in 0.9 s. In all else it is as in `render_wav`, with
    the same loudness.

    Args:
        voices: the notes of each voice with times in seconds, as `notes_from_voices` returns them.
        program: General MIDI program (0 to 127) of all voices, or one for each.
        sample_rate: samples per second of each side: `STEREO_RATE`, or `SAMPLE_RATE` for a file of
            half the size, in which nothing that can be heard is missing.

    Raises:
        DataError: if a note is invalid, the music is longer than `MAX_STEREO_SECONDS`, or a program
            or the sample rate is out of bounds.

    Example:
        >>> from dmm_core.music import Note, render_voices_wav
        >>> data = render_voices_wav([[Note(67, 0.0, 1.0)], [Note(60, 0.0, 1.0)]])
        >>> len(data)  # 2.5 s of 44,100 samples of four bytes, and a header
        441044
    """
    if sample_rate not in (SAMPLE_RATE, STEREO_RATE):
        raise DataError(
            f"The sample rate is {SAMPLE_RATE:,} or {STEREO_RATE:,} a second, not {sample_rate:,}."
        )
    programs = [program] * len(voices) if isinstance(program, int) else list(program)
    if len(programs) != len(voices):
        raise DataError(f"There are {len(voices)} voices, but {len(programs)} programs.")
    lengths = [
        _checked_seconds(notes, number, MAX_STEREO_SECONDS)
        for notes, number in zip(voices, programs, strict=True)
    ]
    seconds = max(lengths, default=0.0)
    # The sampled notes have no frequency above half of SAMPLE_RATE, so that mixing at this rate
    # loses nothing.
    count = round(seconds * SAMPLE_RATE) + int(TAIL * SAMPLE_RATE)
    audio = np.zeros((2, count), dtype=np.float32)
    places = np.linspace(-_SPREAD, _SPREAD, len(voices)) if len(voices) > 1 else [0.0]
    for notes, number, place in zip(voices, programs, places, strict=False):
        mono = _mix(notes, seconds, number, SAMPLE_RATE)
        # Both sides together have the same power wherever a voice is.
        angle = np.pi / 4 * (1 + place)
        audio += np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * mono
    audio = _in_room(audio)
    if sample_rate == STEREO_RATE:
        from scipy.signal import resample_poly  # here, because it takes long to import

        audio = resample_poly(audio, 2, 1, axis=1)
    return _wav(audio.T, sample_rate)


def _in_room(audio: np.ndarray) -> np.ndarray:
    """Add the reverberation of a room to (2, samples) at `SAMPLE_RATE`."""
    # A product of spectra is the convolution. SciPy's would take a second to import.
    room, samples = _room(), audio.shape[1]
    size = -(-(samples + room.shape[1]) // _FFT_MULTIPLE) * _FFT_MULTIPLE
    wet = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(room, size), size)
    return audio + wet[:, :samples].astype(np.float32)


@cache
def _room() -> np.ndarray:
    """(2, samples): the reverberation of an impulse on each side.

    It is noise that decays exponentially, different on both sides (Moorer, "About this
    reverberation business", 1979), after a low-pass filter of the first order.
    """
    count = int(_ROOM_SECONDS * SAMPLE_RATE)
    noise = np.random.default_rng(0).standard_normal((2, count))
    noise *= 10 ** (-3 * np.arange(count) / count)
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(np.fft.rfft(noise) / (1 + 1j * frequencies / _ROOM_CUTOFF), count)
    noise *= np.sqrt(_ROOM_POWER / (noise**2).sum(axis=1, keepdims=True))
    return np.pad(noise, ((0, 0), (int(_ROOM_DELAY * SAMPLE_RATE), 0))).astype(np.float32)


def _checked_seconds(notes: Sequence[Note], program: int, most: float) -> float:
    """Check what is to be rendered, and return its length in seconds."""
    check_notes(notes)
    if not 0 <= program <= 127:
        raise DataError(f"A MIDI program is 0 to 127, not {program}.")
    seconds = max((note.end for note in notes), default=0.0)
    if seconds > most:
        raise DataError(
            f"The music lasts {seconds:,.0f} s, but at most {most:,.0f} s are rendered."
        )
    return seconds


def _wav(audio: np.ndarray, sample_rate: int) -> bytes:
    """Return the WAV file of (samples, channels), scaled down if its peak is too high."""
    peak = np.abs(audio).max(initial=0.0)
    audio = audio * (32767 * min(1.0, _PEAK / max(peak, _PEAK)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(audio).astype("<i2").tobytes())
    return buffer.getvalue()


def _mix(notes: Sequence[Note], seconds: float, program: int, sample_rate: int) -> np.ndarray:
    """Return (samples,) float32: the sum of all notes and their fade-outs, before scaling."""
    sounds = load_sounds(sounds_for_program(program))
    by_pitch: defaultdict[int, list[Note]] = defaultdict(list)
    for note in notes:
        by_pitch[note.pitch].append(note)
    tail = int(TAIL * sample_rate)
    fading = np.arange(tail, dtype=np.float32) / sample_rate
    release = 10 ** (-5 * fading / sounds.release)
    release *= np.minimum(1, 10 * (1 - fading / TAIL))  # reaches 0 at the end
    audio = np.zeros(round(seconds * sample_rate) + tail, dtype=np.float32)
    # All notes of a pitch share one tone of the longest length.
    for pitch, same_pitch in by_pitch.items():
        spans = [
            (round(n.start * sample_rate), round(min(n.end, n.start + _MAX_NOTE) * sample_rate))
            for n in same_pitch
        ]
        longest = max(end - start for start, end in spans)
        hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = _tone(sounds.nearest(hz), hz, longest + tail, sample_rate)
        for (start, end), note in zip(spans, same_pitch, strict=True):
            # The gain is proportional to the square of the velocity, as in SoundFont 2.
            gain, held = _GAIN * (note.velocity / 127) ** 2, end - start
            audio[start:end] += gain * tone[:held]
            audio[end : end + tail] += gain * tone[held : held + tail] * release
    return audio


def _tone(sample: Sample, hz: float, count: int, sample_rate: int) -> np.ndarray:
    """Return (count,) float32: the sample resampled to a fundamental of `hz` and sustained.

    Values between points are interpolated by a cubic through the four nearest points (Catmull-Rom).
    """
    start, end = sample.loop
    # Interpolation needs one point before the first and two after the last.
    after = sample.points[start : start + 2] if start < end else [0, 0]
    points = np.concatenate([[0], sample.points, after]).astype(np.float32)
    step = hz / sample.hz * SAMPLE_RATE / sample_rate
    at = np.arange(count) * step
    if start < end:
        fade = 10 ** (-sample.decay / 20 * np.maximum(at - start, 0) / step / sample_rate)
        # Beyond the end, positions wrap around inside the loop.
        at = np.where(at < end, at, start + (at - start) % (end - start))
    else:
        at = at[at < end]
        fade = 1.0
    whole = at.astype(np.int64)
    t = (at - whole).astype(np.float32)
    a, b, c, d = (points[whole + k] for k in range(4))
    tone = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.pad(tone * (sample.gain * fade), (0, count - len(at))).astype(np.float32)
