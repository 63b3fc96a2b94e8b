"""Notes as sound: a small sampler over the General MIDI SoundFont that comes with pretty_midi."""

import importlib.util
import io
import wave
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import Note, check_notes
from dmm_core.music.soundfont import SoundFont, Zone

__all__ = ["MAX_SECONDS", "TAIL", "render_wav", "soundfont_path"]

TAIL = 1.5
"""Seconds of sound after the last note's end, in which it dies away."""

MAX_SECONDS = 1800.0
"""Longest music that is rendered."""

_GAIN = 4.0  # four voices at velocity 80 then peak a little below full scale
_PEAK = 0.9
_LONGEST = 60.0  # seconds; a longer note is released, so that one tone never fills the memory


def render_wav(notes: Sequence[Note], *, program: int = 0, sample_rate: int = 22050) -> bytes:
    """Render notes as a mono WAV file of 16-bit samples; the same notes give the same bytes.

    It lasts until the last note's end and `TAIL`; no notes give that much silence. A note sounds
    for a minute at most. What would be louder than 0.9 of full scale is turned down as a whole;
    nothing is ever clipped or turned up.
    Where the SoundFont is not installed, every note is a plain tone.

    Args:
        notes: with times in seconds.
        program: General MIDI program (0 to 127); 0 is a grand piano.
        sample_rate: samples per second, 8000 to 48000.

    Raises:
        DataError: if a note is faulty, the music is longer than `MAX_SECONDS`, or the program or
            sample rate is out of bounds.
    """
    check_notes(notes)
    if not 0 <= program <= 127:
        raise DataError(f"A MIDI program is 0 to 127, not {program}.")
    if not 8000 <= sample_rate <= 48000:
        raise DataError(f"The sample rate is 8000 to 48000 a second, not {sample_rate}.")
    seconds = max((note.end for note in notes), default=0.0)
    if seconds > MAX_SECONDS:
        raise DataError(
            f"The music lasts {seconds:,.0f} s, but at most {MAX_SECONDS:,.0f} s are rendered."
        )
    audio = _mix(notes, seconds, program, sample_rate)
    peak = np.abs(audio).max(initial=0.0)
    audio *= 32767 * min(1.0, _PEAK / max(peak, _PEAK))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(audio).astype("<i2").tobytes())
    return buffer.getvalue()


def soundfont_path() -> Path | None:
    """The General MIDI SoundFont inside the installed pretty_midi, or None where it is missing."""
    package = importlib.util.find_spec("pretty_midi")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).with_name("TimGM6mb.sf2")
    return path if path.is_file() else None


@lru_cache(maxsize=1)
def _soundfont() -> SoundFont | None:
    path = soundfont_path()
    return SoundFont(path.read_bytes()) if path else None


def _mix(notes: Sequence[Note], seconds: float, program: int, sample_rate: int) -> np.ndarray:
    """(samples,) float32: all notes and their tails, not yet turned down."""
    font = _soundfont()
    by_pitch: defaultdict[int, list[Note]] = defaultdict(list)
    for note in notes:
        by_pitch[note.pitch].append(note)
    tail = int(TAIL * sample_rate)
    audio = np.zeros(round(seconds * sample_rate) + tail, dtype=np.float32)
    for pitch, alike in by_pitch.items():
        spans = [
            (round(n.start * sample_rate), round(min(n.end, n.start + _LONGEST) * sample_rate))
            for n in alike
        ]
        longest = max(end - start for start, end in spans)
        for zone in font.zones(program, pitch) if font else [_plain_zone(pitch)]:
            tone = _tone(zone, longest + tail, sample_rate)
            fading = np.arange(tail, dtype=np.float32) / sample_rate
            release = 10 ** (-5 * fading / min(zone.release, TAIL))
            for (start, end), note in zip(spans, alike, strict=True):
                # Loudness goes with the square of the velocity, as the specification has it.
                gain, held = _GAIN * (note.velocity / 127) ** 2, end - start
                audio[start:end] += gain * tone[:held]
                audio[end : end + tail] += gain * tone[held : held + tail] * release
    return audio


def _plain_zone(pitch: int) -> Zone:
    """A sine that fades like a plucked string."""
    period = np.rint(8000 * np.sin(2 * np.pi * np.arange(257) / 256)).astype(np.int16)
    return Zone(
        wave=period,
        loop=(0, 256),
        rate=256 * 440 * 2 ** ((pitch - 69) / 12),
        gain=1.0,
        cutoff=20_000.0,
        attack=0.005,
        hold=0.0,
        decay=10.0,
        sustain=100.0,
        release=1.0,
    )


def _tone(zone: Zone, count: int, sample_rate: int) -> np.ndarray:
    """(count,) float32: the zone's sample at its pitch, held, within its volume envelope."""
    points = np.arange(count) * (zone.rate / sample_rate)
    if zone.loop:
        start, end = zone.loop
        points = np.where(points < end, points, start + (points - start) % (end - start))
    tone = np.interp(points, np.arange(len(zone.wave)), zone.wave / 32768, right=0.0)
    falling = np.maximum(np.arange(count) / sample_rate - zone.attack - zone.hold, 0.0)
    decibels = np.minimum(falling * (100 / zone.decay), zone.sustain)
    tone *= zone.gain * 10 ** (decibels / -20)
    rising = min(int(zone.attack * sample_rate), count)
    tone[:rising] *= np.arange(rising) / max(rising, 1)
    return _low_pass(tone, zone.cutoff / sample_rate).astype(np.float32)


def _low_pass(tone: np.ndarray, cutoff: float) -> np.ndarray:
    """`tone` through a two-pole Butterworth filter; `cutoff` in cycles per sample.

    H(f) = 1 / (1 + i sqrt(2) f/cutoff - (f/cutoff)^2), applied to the spectrum.
    """
    if cutoff >= 0.5:
        return tone
    # A power of two is fast, and 1,024 zeros keep the filter's ringing from coming round again.
    padded = 1 << (len(tone) + 1023).bit_length()
    frequency = np.fft.rfftfreq(padded) / cutoff
    response = 1 / (1 + 1j * np.sqrt(2) * frequency - frequency**2)
    return np.fft.irfft(np.fft.rfft(tone, padded) * response, padded)[: len(tone)]
