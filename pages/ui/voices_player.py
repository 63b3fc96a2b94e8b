"""The player of music in voices, in which a person draws, edits and locks notes."""

import base64
import gzip
import hashlib
import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from dmm_core.errors import DataError
from dmm_core.music.key import estimate_key, pitch_names
from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import HIGHEST, LOWEST
from dmm_core.music.symbols import VOICES
from dmm_core.music.voices import REST, STEPS, VoicedPiece
from dmm_core.system import files
from pages.ui.javascript import join_modules
from pages.ui.player import PlayerPath, encode_base64, encode_floats, encode_sound
from pages.ui.voices.working_score import ScoreNote

__all__ = ["VoicesEdit", "engraver", "read_edit", "voices_player"]

_MIN_HEIGHT = 420

_NUMBERS = 5
"""Numbers that the page sends for each note."""

_LONGEST_NAME = 64
"""Characters of an edit's name that are compared."""


class VoicesEdit(NamedTuple):
    """What a person did in the player.

    Attributes:
        notes: all notes of the piece, in the order of their voices and starts. Notes of one voice
            do not overlap.
        locked_voices: the voices that a composition has to keep as a whole.
        compose: whether the person asked for the rest to be composed.
    """

    notes: tuple[ScoreNote, ...]
    locked_voices: frozenset[int]
    compose: bool


_ASSETS = files.assets() / "voices"
_CSS = (files.assets() / "player" / "player.css", _ASSETS / "voices.css")
_COMPONENT = component(
    "dmm_voices_player",
    html=(_ASSETS / "voices.html").read_text(encoding="utf-8"),
    css="\n".join(path.read_text(encoding="utf-8") for path in _CSS),
    js=join_modules(_ASSETS / "voices.js"),
)


def voices_player(
    *,
    piece: VoicedPiece,
    locked: np.ndarray | None,
    locked_voices: frozenset[int],
    wav: bytes,
    tempo: float,
    meter: Meter,
    key: str,
    ranges: tuple[tuple[int, int], ...],
    title: str = "",
    chances: np.ndarray | None = None,
    musicxml: str | None = None,
    path: PlayerPath | None = None,
    can_compose: bool = True,
    height: int = 480,
) -> VoicesEdit | None:
    """Draw a player of a piece in voices, in which a person edits notes and locks.

    A rerun keeps position, zoom, loop and undo, and what was drawn while it ran. A piece that
    differs from the person's own is one more step of undo. An edit is returned about half a second
    after the last stroke, or at once with the wish to compose the rest. It is returned once: the
    page keeps it, and gives it back as `piece`, `locked` and `locked_voices` in its next run.

    Args:
        piece: the notes, in V voices of S sixteenths.
        locked: (V, S) bool, the sixteenths of locked notes; None if there are none. Those of locked
            voices may be in it or not.
        locked_voices: voices that are locked as a whole.
        wav: the sound of the piece, a 16-bit PCM WAV file.
        tempo: quarter notes per minute.
        meter: where the bars are.
        key: of the component, unique on the page.
        ranges: lowest and highest MIDI pitch that can be drawn in each voice.
        title: plain text above the roll.
        chances: (V, S) the probability of each sixteenth's symbol, from 0 to 1. A note is shaded by
            that of its onset.
        musicxml: the score of the piece. With it, the person can switch to a view of the score.
        path: latent path of the beats, drawn beside the roll.
        can_compose: whether the person can ask for the rest to be composed.
        height: of the roll with its ruler, in CSS pixels, at least 420: notes need rows to aim at.

    Returns:
        What the person did, in the one run after it; otherwise None. If the page sent something
        that the piece cannot have, a sentence says so and the result is None.

    Raises:
        DataError: if an array has the wrong shape or values out of range, the piece has no beat, or
            the sound is not a 16-bit PCM WAV file.
    """
    _check(piece, locked, locked_voices, ranges, chances, path)
    voices, frames = piece.pitches.shape
    sound = encode_sound(wav, math.ceil(frames / STEPS) * 60 / tempo)
    identity = hashlib.sha256(f"{tempo} {sound.digest}".encode()).hexdigest()[:16]
    notes = _notes(piece, locked, locked_voices)
    # The page asks for the score when it is first opened: it comes with a large script.
    opened = musicxml is not None and bool(st.session_state.get(key, {}).get("score"))
    # Streamlit imports pandas, which takes half a second, if a value is a list or a dictionary.
    result = _COMPONENT(
        key=key,
        data={
            "id": identity,
            "title": title,
            "height": max(_MIN_HEIGHT, height),
            "frames": frames,
            "beats": meter.beats,
            "upbeat": meter.upbeat,
            "tempo": tempo,
            "names": tuple(pitch_names(estimate_key(_classes(piece)))),
            "voices": _voice_names(voices),
            "ranges": tuple((int(low), int(high)) for low, high in ranges),
            "notes": encode_base64(np.array(notes, dtype="<i2").reshape(-1, _NUMBERS)),
            "chances": None if chances is None else _note_chances(notes, chances),
            "lockedVoices": tuple(sorted(map(int, locked_voices))),
            # The page's drafts that this piece knows of, so that the page can merge later ones.
            "answered": st.session_state.get(_returned(key)),
            "canCompose": can_compose,
            "wav": sound.base64,
            "hasScore": musicxml is not None,
            "musicxml": musicxml if opened else None,
            "engraver": engraver() if opened else None,
            "path": path and (encode_floats(path.loc), encode_floats(path.scale), path.caption),
        },
        on_edit_change=lambda: None,
        on_score_change=lambda: None,
    )
    return _edit(result.get("edit"), key, piece, ranges)


@cache
def engraver() -> str:
    """Return the script that draws scores, compressed and encoded for the page."""
    script = files.assets() / "vendor" / "opensheetmusicdisplay.min.js"
    return base64.b64encode(gzip.compress(script.read_bytes())).decode()


def _edit(
    sent: Any, key: str, piece: VoicedPiece, ranges: tuple[tuple[int, int], ...]
) -> VoicesEdit | None:
    """The edit that the page sent, if it is new."""
    name = sent[0] if isinstance(sent, (list, tuple)) and sent else None
    # A longer name would never equal the one that is kept, and the page would run for ever.
    if not isinstance(name, str) or name[:_LONGEST_NAME] == st.session_state.get(_returned(key)):
        return None
    st.session_state[_returned(key)] = name[:_LONGEST_NAME]
    try:
        return read_edit(sent, piece, ranges)
    except DataError as error:
        st.warning(f"The player sent notes that cannot be used, so nothing was changed. {error}")
        return None


def _returned(key: str) -> str:
    """The place of the name of the last edit that was returned, in the session's state."""
    return f"{key}:returned"


def read_edit(sent: Any, piece: VoicedPiece, ranges: tuple[tuple[int, int], ...]) -> VoicesEdit:
    """Read what the page sent: a name, five numbers for each note, locked voices, and a wish.

    Notes of one voice that overlap are cut: the later one counts.

    Args:
        sent: what the page sent; anything.
        piece: the piece that was shown.
        ranges: lowest and highest pitch of each voice. A note that the piece has already may be out
            of its range.

    Raises:
        DataError: if it is not an edit of this piece.
    """
    if not isinstance(sent, (list, tuple)) or len(sent) != 4:
        raise DataError("An edit has a name, notes, locked voices and a wish.")
    _, numbers, held, compose = sent
    voices, frames = piece.pitches.shape
    if not (_whole_numbers(numbers) and _whole_numbers(held) and isinstance(compose, bool)):
        raise DataError("Notes and voices are lists of whole numbers.")
    if len(numbers) % _NUMBERS or len(numbers) > _NUMBERS * voices * frames:
        raise DataError(
            f"A note has {_NUMBERS} numbers, and a piece of this length at most {voices * frames} "
            "notes."
        )
    if any(not 0 <= voice < voices for voice in held):
        raise DataError(f"The voices are numbered from 0 to {voices - 1}.")
    notes = [
        _checked(numbers[i : i + _NUMBERS], piece, ranges) for i in range(0, len(numbers), _NUMBERS)
    ]
    return VoicesEdit(tuple(_without_overlap(notes)), frozenset(held), compose)


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(type(value) is int for value in values)


def _checked(
    numbers: list[int], piece: VoicedPiece, ranges: tuple[tuple[int, int], ...]
) -> ScoreNote:
    """A note of five numbers.

    Raises:
        DataError: if the piece cannot have it.
    """
    voice, pitch, start, end, locked = numbers
    voices, frames = piece.pitches.shape
    if not 0 <= voice < voices:
        raise DataError(f"The voices are numbered from 0 to {voices - 1}, not {voice}.")
    if not 0 <= start < end <= frames:
        raise DataError(
            f"A note lies within the {frames} sixteenths of the piece, not from {start} to {end}."
        )
    lowest, highest = ranges[voice]
    if not lowest <= pitch <= highest and not (piece.pitches[voice] == pitch).any():
        raise DataError(
            f"The {_voice_names(voices)[voice]} has MIDI pitches from {lowest} to {highest}, not "
            f"{pitch}."
        )
    if locked not in (0, 1):
        raise DataError(f"A note is locked (1) or not (0), not {locked}.")
    return ScoreNote(voice, pitch, start, end, locked == 1)


def _without_overlap(notes: list[ScoreNote]) -> list[ScoreNote]:
    """The notes by voice and start, cut where the next one of the voice begins."""
    by_start = {(note.voice, note.start): note for note in notes}
    ordered = [by_start[place] for place in sorted(by_start)]
    ends = [
        min(note.end, after.start) if after and after.voice == note.voice else note.end
        # Not strict: without notes there is only the None.
        for note, after in zip(ordered, [*ordered[1:], None], strict=False)
    ]
    return [note._replace(end=end) for note, end in zip(ordered, ends, strict=True)]


def _notes(
    piece: VoicedPiece, locked: np.ndarray | None, locked_voices: frozenset[int]
) -> list[ScoreNote]:
    """The notes, those of a locked voice without locks of their own: it is freed by one click."""
    marked = np.zeros(piece.pitches.shape, dtype=bool) if locked is None else locked.copy()
    marked[sorted(locked_voices)] = False
    return [
        ScoreNote(
            voice,
            note.pitch,
            note.start,
            note.end,
            bool(marked[voice, note.start : note.end].all()),
        )
        for voice in range(len(piece.pitches))
        for note in piece.notes(voice)
    ]


def _note_chances(notes: list[ScoreNote], chances: np.ndarray) -> str:
    """A byte for each note: the probability of its onset."""
    onsets = [chances[note.voice, note.start] for note in notes]
    return encode_base64(np.rint(np.array(onsets) * 255).astype(np.uint8))


def _classes(piece: VoicedPiece) -> np.ndarray:
    """(12,) the sixteenths of each pitch class."""
    sounding = piece.pitches[piece.pitches != REST]
    return np.bincount(sounding % 12, minlength=12).astype(float)


def _voice_names(voices: int) -> tuple[str, ...]:
    if voices == len(VOICES):
        return VOICES
    return tuple(f"voice {number}" for number in range(1, voices + 1))


def _check(
    piece: VoicedPiece,
    locked: np.ndarray | None,
    locked_voices: frozenset[int],
    ranges: tuple[tuple[int, int], ...],
    chances: np.ndarray | None,
    path: PlayerPath | None,
) -> None:
    voices = len(piece.pitches)
    if piece.beats == 0 or voices == 0:
        raise DataError("The piece has no beat or no voice; it needs at least one.")
    expected = {
        "locked": (locked, piece.pitches.shape),
        "chances": (chances, piece.pitches.shape),
        "path.loc": (path and path.loc, (piece.beats, 2)),
        "path.scale": (path and path.scale, (piece.beats, 2)),
    }
    for name, (array, shape) in expected.items():
        if array is None:
            continue
        if array.shape != shape:
            raise DataError(f"{name} has the shape {array.shape}; this piece needs {shape}.")
        if not np.isfinite(array).all():
            raise DataError(f"{name} contains a value that is not finite.")
    if chances is not None and not ((chances >= 0) & (chances <= 1)).all():
        raise DataError("chances contains values outside 0 to 1.")
    if any(not 0 <= voice < voices for voice in locked_voices):
        raise DataError(f"Voices are numbered from 0 to {voices - 1}, not {sorted(locked_voices)}.")
    if len(ranges) != voices or any(not LOWEST <= a <= b <= HIGHEST for a, b in ranges):
        raise DataError(
            f"Each of the {voices} voices has a lowest and a highest pitch from {LOWEST} to "
            f"{HIGHEST}, not {ranges}."
        )
    sounding = piece.pitches[piece.pitches != REST]
    if sounding.size and not LOWEST <= sounding.min() <= sounding.max() <= HIGHEST:
        raise DataError(f"The pitches of a piece are from {LOWEST} to {HIGHEST} (MIDI).")
