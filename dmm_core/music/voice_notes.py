"""The notes of a piece in voices as they are played: names of the voices, accents, and times."""

from collections.abc import Sequence

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.pianoroll import Note
from dmm_core.music.symbols import VOICES
from dmm_core.music.voices import STEPS, VoicedPiece

__all__ = ["DOWNBEAT", "OFF_BEAT", "ON_BEAT", "PLAIN", "notes_from_voices", "voice_names"]

DOWNBEAT = 88
"""MIDI velocity of a note that begins on the first beat of a bar."""

ON_BEAT = 80
"""MIDI velocity of a note that begins on another beat."""

OFF_BEAT = 72
"""MIDI velocity of a note that begins between two beats."""

PLAIN = 80
"""MIDI velocity of every note without accents."""


def voice_names(count: int) -> tuple[str, ...]:
    """Return a name for each of `count` voices, the highest first.

    Four voices are Soprano, Alto, Tenor and Bass; other numbers are Voice 1, Voice 2 and so on.
    """
    if count == len(VOICES):
        return tuple(name.capitalize() for name in VOICES)
    return tuple(f"Voice {number}" for number in range(1, count + 1))


def notes_from_voices(
    piece: VoicedPiece,
    *,
    tempo: float,
    meter: Meter | None = None,
    accents: bool = True,
) -> list[list[Note]]:
    """Return the notes of each voice, with times in seconds.

    Args:
        piece: the piece.
        tempo: quarter notes per minute.
        meter: where the bars are, which sets the accents; None is the same as `Meter()`.
        accents: whether the velocity of a note is `DOWNBEAT`, `ON_BEAT` or `OFF_BEAT`, by the place
            of its onset in the bar. Otherwise every velocity is `PLAIN`.

    Raises:
        DataError: if the tempo is not above 0.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import VoicedPiece, notes_from_voices
        >>> piece = VoicedPiece(np.full((1, 4), 60), np.array([[True, False, True, False]]))
        >>> notes_from_voices(piece, tempo=60)
        [[Note(pitch=60, start=0.0, end=0.5, velocity=88), \
Note(pitch=60, start=0.5, end=1.0, velocity=72)]]
    """
    if not 0.0 < tempo < float("inf"):
        raise DataError(f"The tempo is {tempo}, but it should be above 0 quarters a minute.")
    second = 60.0 / tempo / STEPS
    velocities = _velocities(piece.beats, meter or Meter()) if accents else None
    return [
        [
            Note(
                note.pitch,
                note.start * second,
                note.end * second,
                PLAIN if velocities is None else velocities[note.start],
            )
            for note in piece.notes(voice)
        ]
        for voice in range(len(piece.pitches))
    ]


def _velocities(beats: int, meter: Meter) -> Sequence[int]:
    """Velocity of a note that begins on each sixteenth."""
    velocities = np.full((beats, STEPS), OFF_BEAT)
    velocities[:, 0] = np.where(meter.positions(beats) == 0, DOWNBEAT, ON_BEAT)
    return velocities.ravel().tolist()
