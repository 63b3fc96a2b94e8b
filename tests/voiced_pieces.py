"""Pieces in voices for tests of files: chorales of Bach, and random ones."""

from functools import cache

import numpy as np
from hypothesis import strategies as st

from dmm_core.data.chorales import chorale_paths, read_chorale
from dmm_core.data.voices import align_voices
from dmm_core.music.meter import Meter
from dmm_core.music.voices import REST, STEPS, VoicedPiece


@cache
def bach(name):
    """A chorale such as "bwv3.6" of the train split, and its meter."""
    (path,) = (path for path in chorale_paths("train") if path.stem == name)
    chorale = read_chorale(path)
    _, full, position = chorale.bars[0]
    return align_voices(chorale).piece, Meter(int(full), int(-position % full))


@st.composite
def pieces(draw, voices=None, most_beats=9):
    """A piece of random notes and rests of any length, and a meter; every voice has a note."""
    count = draw(st.integers(1, 5)) if voices is None else voices
    beats = draw(st.integers(1, most_beats))
    steps = beats * STEPS
    pitches = np.full((count, steps), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    for voice in range(count):
        top = 84 - 12 * voice
        spans = st.tuples(st.integers(1, 11), st.integers(top - 11, top) | st.just(REST))
        at = 0
        while at < steps:
            length, pitch = draw(spans)
            pitches[voice, at : at + length] = pitch
            onsets[voice, at] = pitch != REST
            at += length
        if not onsets[voice].any():
            pitches[voice, 0], onsets[voice, 0] = top, True
    fermatas = draw(st.lists(st.booleans(), min_size=beats, max_size=beats))
    bar = draw(st.integers(1, 6))
    meter = Meter(bar, draw(st.integers(0, bar - 1)))
    return VoicedPiece(pitches, onsets, np.array(fermatas)), meter
