"""Build the sets of sampled notes in this folder from MuseScore_General (MIT licence).

On Debian 12, from the top folder of the project:

    sudo apt-get install fluidsynth musescore-general-soundfont-lossless
    python assets/sounds/make.py

FluidSynth plays every sampled note, so that layers, filters and envelopes of the SoundFont are as
its authors meant them. `dmm_core/music/sounds.py` describes the arrays of a set.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

SOUNDFONT = Path("/usr/share/sounds/sf2/MuseScore_General_Full.sf2")
RATE = 22050
VELOCITY = 80
STEP = 6  # semitones between sampled notes, so that no note is moved by more than three
HELD, RELEASED = 6.0, 2.0  # seconds for which a note is held and then left to end
FADE = RATE // 10  # points of the crossfade at the end of a loop
RMS_SECONDS = 0.8  # every note has the same RMS over its first 0.8 s
FADED = -50.0  # dB relative to that RMS at which a note may end
HEARD = 2.0  # seconds of a note, loops included, over which it is tuned


class Source(NamedTuple):
    """Where a set comes from.

    Attributes:
        program: General MIDI program of the SoundFont, counted from 0.
        lowest: first sampled pitch.
        highest: bound of the sampled pitches.
        seconds: length of a sample, where it has not faded before.
        sustained: whether the instrument holds its level for as long as a note lasts.
    """

    program: int
    lowest: int
    highest: int
    seconds: float
    sustained: bool = False


SOURCES = {
    "piano": Source(0, 24, 105, 2.5),
    "electric-piano": Source(4, 30, 97, 1.3),
    "harpsichord": Source(6, 30, 91, 1.5),
    "music-box": Source(10, 42, 103, 1.2),
    "vibraphone": Source(11, 36, 97, 1.5),
    "marimba": Source(12, 36, 97, 1.2),
    "organ": Source(19, 30, 97, 1.5, sustained=True),
    "guitar": Source(24, 30, 91, 1.5),
    "strings": Source(48, 30, 97, 1.7, sustained=True),
    "choir": Source(52, 36, 91, 1.7, sustained=True),
    "brass": Source(61, 30, 91, 1.3, sustained=True),
    "flute": Source(73, 48, 97, 1.3, sustained=True),
}


def main() -> None:
    """Write every set beside this file."""
    for name, source in SOURCES.items():
        path = Path(__file__).with_name(f"{name}.npz")
        pitches = list(range(source.lowest, source.highest, STEP))
        played = play(source.program, pitches)
        notes = [cut(wave, pitch, source) for wave, pitch in zip(played, pitches, strict=True)]
        points = np.concatenate([note.points for note in notes])
        # Differences, and their low and high bytes apart, are compressed to three quarters.
        halves = np.diff(points, prepend=np.int16(0)).astype("<i2").view(np.uint8).reshape(-1, 2)
        np.savez_compressed(
            path,
            low=halves[:, 0],
            high=halves[:, 1],
            lengths=np.array([len(note.points) for note in notes], np.int32),
            loops=np.array([note.loop for note in notes], np.int32),
            hz=np.array([note.hz for note in notes], np.float64),
            gains=np.array([note.gain for note in notes], np.float64),
            decays=np.array([note.decay for note in notes], np.float64),
            release=np.float64(release(played)),
        )
        print(f"{path.name}: {len(notes)} notes, {path.stat().st_size / 1e3:.0f} kB")


def play(program: int, pitches: list[int]) -> list[np.ndarray]:
    """The left channel of each pitch, (points,) each, as FluidSynth plays it without effects.

    The left channel alone: the two channels of an ensemble are recordings of different moments, and
    their sum would cancel some partials.
    """
    track = mido.MidiTrack([mido.Message("program_change", program=program)])
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=VELOCITY))
        track.append(mido.Message("note_off", note=pitch, time=round(HELD * 1000)))
        track.append(mido.MetaMessage("marker", text="next", time=round(RELEASED * 1000)))
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "notes.mid"), Path(folder, "notes.raw")
        # 500 ticks to a quarter of half a second are milliseconds.
        mido.MidiFile(ticks_per_beat=500, tracks=[track]).save(score)
        command = ["fluidsynth", "-niq", "-R", "0", "-C", "0", "-g", "1", "-r", str(RATE)]
        command += ["-O", "float", "-T", "raw", "-F", str(sound), str(SOUNDFONT), str(score)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        left = np.fromfile(sound, "<f4").reshape(-1, 2)[:, 0].astype(float)
    length = round((HELD + RELEASED) * RATE)
    return [left[k * length : (k + 1) * length] for k in range(len(pitches))]


class Sampled(NamedTuple):
    """A note as it is stored; `dmm_core.music.sounds.Sample` has the same fields."""

    points: np.ndarray
    loop: tuple[int, int]
    hz: float
    gain: float
    decay: float


def cut(wave: np.ndarray, pitch: int, source: Source) -> Sampled:
    """The beginning of a note that was held, with a loop that continues it.

    Args:
        wave: (points,) from the onset on.
        pitch: what was played.
        source: how long the sample may be.
    """
    held = wave[: int(HELD * RATE)]
    held = held / rms(held[: int(RMS_SECONDS * RATE)])
    window = RATE // 20
    levels = 20 * np.log10([rms(part) + 1e-9 for part in windows(held, window)])
    times = np.arange(len(levels)) * window / RATE
    wave = held[: int(source.seconds * RATE)]
    heard = (np.flatnonzero(levels > FADED)[-1] + 1) * window
    if heard < len(wave):  # the note ends by itself
        wave, loop, decay = wave[:heard], (heard, heard), 0.0
        wave[-window:] *= np.linspace(1, 0, window)
    else:
        # The loop is flattened by its own slope, and fades as the note does until it is released.
        late = (times > 0.4 * source.seconds) & (levels > FADED)
        decay = 0.0 if source.sustained else max(-slope(times[late], levels[late]), 0.0)
        inside = late & (times < source.seconds)
        wave, loop = looped(wave, slope(times[inside], levels[inside]))
    first, end = loop
    again = np.tile(wave[first:], int(HEARD * RATE) // max(end - first, 1))
    hz = frequency(np.concatenate([wave, again])[: int(HEARD * RATE)], pitch)
    peak = np.abs(wave).max()
    return Sampled(np.rint(wave / peak * 32767).astype(np.int16), loop, hz, peak, decay)


def slope(times: np.ndarray, levels: np.ndarray) -> float:
    """How levels in dB rise over times in seconds, in dB/s."""
    return float(np.polyfit(times, levels, 1)[0])


def looped(wave: np.ndarray, rise: float) -> tuple[np.ndarray, tuple[int, int]]:
    """The wave with a seamless loop at its end, from which a rise of `rise` dB/s is taken out.

    The length of the loop is the one whose two ends correlate most. Its last tenth of a second
    fades into the samples that precede its beginning.
    """
    end = len(wave)
    shortest, longest = int(0.3 * end), int(0.6 * end)
    growth = 10 ** (rise / 20 * np.arange(end) / RATE)
    flat = wave / growth
    tail = flat[end - FADE :]
    earlier = np.lib.stride_tricks.sliding_window_view(
        flat[end - FADE - longest : end - shortest], FADE
    )
    likeness = earlier @ tail / np.linalg.norm(earlier, axis=1) / np.linalg.norm(tail)
    best = int(likeness.argmax())
    start = end - (longest - best)
    fading = (np.arange(FADE) + 1) / FADE
    mixed = (1 - fading) * tail + fading * flat[start - FADE : start]
    # Two waves of correlation r, added with weights a and b, have the power a^2 + b^2 + 2abr.
    power = (1 - fading) ** 2 + fading**2 + 2 * fading * (1 - fading) * likeness[best]
    flat[-FADE:] = mixed / np.sqrt(power)
    return np.concatenate([wave[:start], flat[start:] * growth[start]]), (start, end)


def frequency(wave: np.ndarray, pitch: int) -> float:
    """The fundamental in Hz: the centre of the power of the first four partials.

    The centre, since the voices of an ensemble lie some cents apart, and none of them is the pitch.
    """
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size)) ** 2
    cents = np.arange(-150, 151)
    partials = 440 * 2 ** ((pitch - 69) / 12 + cents[:, None] / 1200) * np.arange(1, 5)
    power = np.interp(partials, np.fft.rfftfreq(size, 1 / RATE), spectrum, right=0.0).sum(axis=1)
    centre = 0.0
    for _ in range(8):  # a window of 50 cents on both sides, moved to its own centre
        near = np.clip(1 - np.abs(cents - centre) / 50, 0, 1) * power
        centre = (near * cents).sum() / near.sum()
    return 440 * 2 ** ((pitch - 69) / 12 + centre / 1200)


def release(played: list[np.ndarray]) -> float:
    """Seconds in which a released note falls by 100 dB: the median of those still heard."""
    rates = []
    for wave in played:
        first, second = (
            20 * np.log10(rms(wave[int((HELD + at) * RATE) :][: RATE // 10]) + 1e-9)
            for at in (0.05, 0.25)
        )
        if second > -110 and first > second:
            rates.append((first - second) / 0.2)
    return float(np.clip(100 / np.median(rates), 0.3, 1.5)) if rates else 0.5


def windows(wave: np.ndarray, length: int) -> np.ndarray:
    """(count, length): the wave in whole windows."""
    return wave[: len(wave) // length * length].reshape(-1, length)


def rms(wave: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(wave**2)))


if __name__ == "__main__":
    main()
