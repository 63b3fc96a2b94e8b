"""Sets of sampled notes in assets/sounds, and the set for each General MIDI program.

`assets/sounds/make.py` builds the sets from MuseScore_General; NOTICE has its authors and licence.
"""

from bisect import bisect_right
from functools import cache
from typing import NamedTuple

import numpy as np

from dmm_core.system.files import assets

__all__ = ["SAMPLE_RATE", "Sample", "SoundSet", "load_sounds", "sounds_for_program"]

SAMPLE_RATE = 22050
"""Sample rate of the sampled notes in Hz."""

_PROGRAMS = (
    (0, "piano"),
    (4, "electric-piano"),
    (6, "harpsichord"),
    (8, "music-box"),  # celesta, glockenspiel, music box
    (11, "vibraphone"),
    (12, "marimba"),  # and xylophone
    (14, "music-box"),  # tubular bells, dulcimer
    (16, "organ"),  # and accordions
    (24, "guitar"),  # and basses
    (40, "strings"),
    (45, "guitar"),  # pizzicato, harp
    (47, "marimba"),  # timpani
    (48, "strings"),
    (52, "choir"),
    (55, "strings"),  # orchestra hit
    (56, "brass"),
    (64, "flute"),  # reeds and pipes
    (80, "organ"),  # synthesizers: leads
    (88, "strings"),  # pads and effects
    (91, "choir"),
    (92, "strings"),
    (104, "guitar"),  # sitar, banjo, shamisen, koto
    (108, "music-box"),  # kalimba
    (109, "organ"),  # bagpipe
    (110, "strings"),  # fiddle
    (111, "flute"),  # shanai
    (112, "music-box"),  # tinkle bell
    (113, "marimba"),  # drums and noises
)
"""(first program of a range, name of the set that is nearest to the instruments of the range)."""


class Sample(NamedTuple):
    """A sampled note. After its last point it continues with its loop.

    Attributes:
        points: (points,) int16 waveform, at full scale.
        loop: index of the first point of the loop, and the end of the loop, which is the length of
            `points`. Both are equal if the note has no loop and ends by itself.
        hz: fundamental frequency in Hz.
        gain: factor that normalises the RMS of the first half second to 1.
        decay: decay of the loop in dB per second.
    """

    points: np.ndarray
    loop: tuple[int, int]
    hz: float
    gain: float
    decay: float


class SoundSet(NamedTuple):
    """The sampled notes of an instrument.

    Attributes:
        samples: sampled notes in order of pitch.
        release: time in seconds in which a released note decays by 100 dB.
    """

    samples: tuple[Sample, ...]
    release: float

    def nearest(self, hz: float) -> Sample:
        """Return the sample whose fundamental is nearest to `hz` as a musical interval."""
        return min(self.samples, key=lambda sample: abs(np.log(sample.hz / hz)))


def sounds_for_program(program: int) -> str:
    """Return the name of the set that plays a General MIDI program (0 to 127)."""
    return _PROGRAMS[bisect_right(_PROGRAMS, program, key=lambda entry: entry[0]) - 1][1]


@cache
def load_sounds(name: str) -> SoundSet:
    """Load the set called `name`; later calls return the same object.

    Raises:
        OSError: if the file is missing.
    """
    with np.load(assets() / "sounds" / f"{name}.npz", allow_pickle=False) as arrays:
        # The file stores the differences between points, low and high bytes separately.
        differences = np.stack([arrays["low"], arrays["high"]], axis=1).view("<i2").ravel()
        ends = np.cumsum(arrays["lengths"])
        waves = np.split(np.cumsum(differences, dtype=np.int16), ends[:-1])
        properties = (arrays[key].tolist() for key in ("loops", "hz", "gains", "decays"))
        samples = (
            Sample(wave, (loop[0], loop[1]), hz, gain / 32767, decay)
            for wave, loop, hz, gain, decay in zip(waves, *properties, strict=True)
        )
        return SoundSet(tuple(samples), float(arrays["release"]))
