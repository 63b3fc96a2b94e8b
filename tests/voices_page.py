"""The page that tests/test_browser_voices.py drives: the player of voices, with a tiny composer."""

import itertools
import os
import time
from pathlib import Path

import numpy as np
import streamlit as st

from dmm_core.music.audio import render_wav
from dmm_core.music.key import spell_pitch
from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import Note
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF
from dmm_core.music.voices import REST, VoicedPiece
from pages.ui.player import PlayerPath
from pages.ui.voices_player import VoicesEdit, voices_player

BEATS, TEMPO, METER = 16, 96.0, Meter(4, upbeat=1)
CHORDS = ((72, 67, 64, 48), (74, 67, 62, 55), (76, 67, 60, 48), (77, 69, 60, 53))
GATE = Path(os.environ["DMM_HOME"]) / "compose"
"""A composition ends when this file exists, so that a test can draw before."""
PATIENCE_SECONDS = 60
RANGES = tuple(zip(LOWEST_OF.tolist(), HIGHEST_OF.tolist(), strict=True))


def composed(turn):
    """A chord on each beat, two steps of which the soprano and the tenor fill with eighths."""
    pitches = np.full((4, 4 * BEATS), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    for beat in range(BEATS):
        for voice, pitch in enumerate(CHORDS[(beat + turn) % len(CHORDS)]):
            pitches[voice, 4 * beat : 4 * beat + 4] = pitch
            onsets[voice, 4 * beat] = True
            if voice in (0, 2) and beat % 2 == turn % 2:
                pitches[voice, 4 * beat + 2 : 4 * beat + 4] = pitch - 2
                onsets[voice, 4 * beat + 2] = True
    return pitches, onsets


def drawn(edit: VoicesEdit, turn):
    """The arrays of an edit; with `turn`, the rest is composed."""
    pitches, onsets = composed(turn) if edit.compose else composed(0)
    keeps = np.zeros(pitches.shape, dtype=bool)
    if not edit.compose:
        pitches[:], onsets[:] = REST, False
    for note in edit.notes:
        kept = note.locked or note.voice in edit.locked_voices
        if edit.compose and not kept:
            continue
        span = slice(note.start, note.end)
        keeps[note.voice, span] = note.locked
        pitches[note.voice, span], onsets[note.voice, span] = note.pitch, False
        onsets[note.voice, note.start] = True
        if note.end < 4 * BEATS and pitches[note.voice, note.end] != REST:
            onsets[note.voice, note.end] = True
    return pitches, onsets, keeps


VALUES = {16: "whole", 12: "half.", 8: "half", 6: "quarter.", 4: "quarter"}
VALUES |= {3: "eighth.", 2: "eighth", 1: "16th"}


def written(piece, meter):
    """The MusicXML of a piece, a part for each voice: as little of it as a score needs."""
    frames = 4 * piece.beats
    bars = [0, *range(4 * meter.upbeat or 4 * meter.beats, frames, 4 * meter.beats), frames]
    parts, names = "", ""
    for voice in range(len(piece.pitches)):
        names += f'<score-part id="P{voice}"><part-name>{"SATB"[voice]}</part-name></score-part>'
        line = piece.notes(voice)
        parts += f'<part id="P{voice}">'
        for number, (start, end) in enumerate(itertools.pairwise(bars)):
            upbeat = number == 0 and meter.upbeat
            parts += f'<measure number="{number + (not meter.upbeat)}"'
            parts += ' implicit="yes">' if upbeat else ">"
            if number == 0:
                clef = ("<sign>F</sign><line>4</line>", "<sign>G</sign><line>2</line>")[voice < 2]
                parts += "<attributes><divisions>4</divisions><key><fifths>0</fifths></key><time>"
                parts += f"<beats>{meter.beats}</beats><beat-type>4</beat-type></time>"
                parts += f"<clef>{clef}</clef></attributes>"
            at = start
            while at < end:
                note = next((each for each in line if each.start <= at < each.end), None)
                later = [each.start for each in line if each.start > at]
                stop = min(end, note.end if note else end, *later[:1])
                length = next(value for value in VALUES if value <= stop - at)
                parts += element(note, at, length)
                at += length
            parts += "</measure>"
        parts += "</part>"
    return f'<score-partwise version="4.0"><part-list>{names}</part-list>{parts}</score-partwise>'


def element(note, at, length):
    kind = VALUES[length]
    value = f"<type>{kind.rstrip('.')}</type>{'<dot/>' * kind.endswith('.')}"
    if note is None:
        return f"<note><rest/><duration>{length}</duration>{value}</note>"
    spelled = spell_pitch(note.pitch, None)
    alter = f"<alter>{spelled.alter}</alter>" if spelled.alter else ""
    pitch = f"<step>{spelled.letter}</step>{alter}<octave>{spelled.octave}</octave>"
    ties = ["stop"] * (at > note.start) + ["start"] * (at + length < note.end)
    tied = "".join(f'<tied type="{tie}"/>' for tie in ties)
    return (
        f"<note><pitch>{pitch}</pitch><duration>{length}</duration>"
        + "".join(f'<tie type="{tie}"/>' for tie in ties)
        + f"{value}<notations>{tied}</notations></note>"
    )


def wav_of(piece):
    step = 60 / TEMPO / 4
    return render_wav(
        [
            Note(note.pitch, note.start * step, note.end * step, 80)
            for voice in range(len(piece.pitches))
            for note in piece.notes(voice)
        ]
    )


st.set_page_config(layout="wide")
state = st.session_state
if "piece" not in state:
    state.piece, state.locked, state.held, state.turn = (
        VoicedPiece(*composed(0)),
        None,
        frozenset(),
        0,
    )
if st.button("Another piece"):
    state.turn += 1
    state.piece, state.locked, state.held = VoicedPiece(*composed(state.turn)), None, frozenset()
generator = np.random.default_rng(1)
walk = np.cumsum(generator.normal(size=(BEATS, 2)), axis=0)
edit = voices_player(
    piece=state.piece,
    locked=state.locked,
    locked_voices=state.held,
    wav=st.cache_data(
        wav_of,
        hash_funcs={VoicedPiece: lambda piece: piece.pitches.tobytes() + piece.onsets.tobytes()},
    )(state.piece),
    tempo=TEMPO,
    meter=METER,
    key="voices",
    title="A chorale to write on",
    musicxml=written(state.piece, METER),
    ranges=RANGES,
    chances=generator.beta(3, 1, size=state.piece.pitches.shape)
    if st.query_params.get("case") != "plain"
    else None,
    path=PlayerPath(walk, np.full((BEATS, 2), 0.4), "Posterior path.")
    if st.query_params.get("case") == "path"
    else None,
)
if edit:
    state.edits = [*state.get("edits", []), edit]
    state.turn += edit.compose
    end = time.monotonic() + PATIENCE_SECONDS
    while edit.compose and not GATE.exists() and time.monotonic() < end:
        time.sleep(0.02)
    pitches, onsets, state.locked = drawn(edit, state.turn)
    state.piece, state.held = VoicedPiece(pitches, onsets), edit.locked_voices
    st.rerun()
for each in state.get("edits", [])[-1:]:
    locks, voices = sum(note.locked for note in each.notes), sorted(each.locked_voices)
    st.text(f"edits={len(state.edits)} notes={len(each.notes)} locked={locks} voices={voices}")
    st.text(f"composed={sum(edit.compose for edit in state.edits)}")
