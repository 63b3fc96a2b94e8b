"""How a score in voices is played, and its files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from dmm_core.errors import ConfigError
from dmm_core.music.audio import STEREO_RATE, render_voices_wav
from dmm_core.music.key import Key, estimate_key
from dmm_core.music.sounds import SAMPLE_RATE
from dmm_core.music.voice_midi import midi_from_voices
from dmm_core.music.voice_notes import notes_from_voices
from dmm_core.music.voice_score import musicxml_from_voices
from pages.ui.address import choose
from pages.ui.compose.performance import INSTRUMENTS, TEMPOS, check_playing
from pages.ui.downloads import draw_music_downloads
from pages.ui.voices.working_score import WorkingScore

__all__ = [
    "VoicesPerformance",
    "ask_performance",
    "draw_downloads",
    "midi_file",
    "score_file",
    "sound",
]

_STAVES = {"4": "Four staves", "2": "Two staves"}


@dataclass(frozen=True)
class VoicesPerformance:
    """How a score is played and written.

    Attributes:
        tempo: quarter notes per minute.
        instrument: a name in `INSTRUMENTS`.
        staves: staves of the written score, 2 or 4.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    tempo: int = 90
    instrument: str = "choir"
    staves: int = 2

    def __post_init__(self) -> None:
        """Check the values."""
        check_playing(self.tempo, self.instrument)
        if str(self.staves) not in _STAVES:
            raise ConfigError(f"A score has {' or '.join(_STAVES)} staves, not {self.staves}.")

    @property
    def program(self) -> int:
        """General MIDI program of the instrument."""
        return INSTRUMENTS[self.instrument].program


def ask_performance() -> VoicesPerformance:
    """Ask for tempo, instrument and staves; they are in the address."""
    instrument = choose(
        "Instrument",
        sorted(INSTRUMENTS, key=lambda name: name != VoicesPerformance().instrument),
        key="instrument",
        format_func=lambda name: INSTRUMENTS[name].title,
    )
    tempo = st.slider(
        "Tempo",
        min_value=TEMPOS[0],
        max_value=TEMPOS[1],
        value=VoicesPerformance().tempo,
        step=5,
        key="tempo",
        bind="query-params",
        help="Quarter notes per minute.",
    )
    staves = choose(
        "Score",
        sorted(_STAVES, key=lambda staves: staves != str(VoicesPerformance().staves)),
        key="staves",
        format_func=_STAVES.__getitem__,
        segmented=True,
        help="Of the score on the page and of the MusicXML file.",
    )
    plain = VoicesPerformance()
    return VoicesPerformance(
        int(tempo), instrument or plain.instrument, int(staves or plain.staves)
    )


# The text of a score contains all of it.
_AS_TEXT: dict[str | type[Any], Callable[[Any], Any]] = {WorkingScore: WorkingScore.to_text}


@st.cache_data(max_entries=24, show_spinner=False, hash_funcs=_AS_TEXT)
def sound(score: WorkingScore, how: VoicesPerformance, sample_rate: int = SAMPLE_RATE) -> bytes:
    """The stereo WAV file of a score. The player needs no more than the rate of the samples."""
    voices = notes_from_voices(score.piece, tempo=how.tempo, meter=score.meter)
    return render_voices_wav(voices, program=how.program, sample_rate=sample_rate)


@st.cache_data(max_entries=24, show_spinner=False, hash_funcs=_AS_TEXT)
def score_file(score: WorkingScore, how: VoicesPerformance, title: str) -> bytes:
    """The MusicXML file of a score."""
    return musicxml_from_voices(
        score.piece,
        meter=score.meter,
        tempo=how.tempo,
        key=_key(score),
        title=title,
        staves=how.staves,
    )


def midi_file(score: WorkingScore, how: VoicesPerformance, title: str) -> bytes:
    """The MIDI file of a score, with a track for each voice."""
    return midi_from_voices(
        score.piece,
        meter=score.meter,
        tempo=how.tempo,
        program=how.program,
        key=_key(score),
        title=title,
    )


def draw_downloads(score: WorkingScore, how: VoicesPerformance, *, title: str, stem: str) -> None:
    """Draw a download button for each file format."""
    draw_music_downloads(
        stem,
        midi=midi_file(score, how, title),
        wav=partial(sound, score, how, STEREO_RATE),
        musicxml=score_file(score, how, title),
    )


def _key(score: WorkingScore) -> Key | None:
    """The key that the notes fit best, each weighed by its length."""
    weights = np.zeros(12)
    for note in score.notes:
        weights[note.pitch % 12] += note.end - note.start
    return estimate_key(weights)
