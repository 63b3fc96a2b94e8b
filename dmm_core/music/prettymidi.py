"""Converts notes and piano-rolls to and from `pretty_midi.PrettyMIDI` objects.

Other Python packages for music, such as pretty_midi and muspy, use `PrettyMIDI` objects. MIDI files
are written by `dmm_core.music.midi.midi_from_notes`.
"""

from collections.abc import Sequence

import numpy as np
from pretty_midi import Instrument, Note as PrettyNote, PrettyMIDI

from dmm_core.music.midi import TICKS_PER_QUARTER, check_playable
from dmm_core.music.pianoroll import Note, check_notes, notes_from_roll, roll_from_notes

__all__ = [
    "notes_from_pretty_midi",
    "pretty_midi_from_notes",
    "pretty_midi_from_roll",
    "roll_from_pretty_midi",
]


def pretty_midi_from_notes(notes: Sequence[Note], *, tempo: float, program: int = 0) -> PrettyMIDI:
    """Create a `PrettyMIDI` object of one instrument with the given notes.

    A note shorter than a tick ends at the next tick. Otherwise pretty_midi would write its release
    before its onset, and it would never end.

    Args:
        notes: notes with times in seconds.
        tempo: quarter notes per minute, 4 to 1000.
        program: MIDI program of the instrument, 0 to 127.

    Raises:
        DataError: if a note is invalid, or the tempo or program is out of bounds.
    """
    check_playable(notes, tempo=tempo, program=program)
    score = PrettyMIDI(resolution=TICKS_PER_QUARTER, initial_tempo=tempo)
    instrument = Instrument(program)
    for note in notes:
        tick, end = score.time_to_tick(note.start), note.end
        if score.time_to_tick(end) <= tick:
            end = (tick + 1) * 60 / tempo / TICKS_PER_QUARTER
        instrument.notes.append(PrettyNote(note.velocity, note.pitch, note.start, end))
    score.instruments.append(instrument)
    return score


def notes_from_pretty_midi(score: PrettyMIDI) -> list[Note]:
    """Return the notes of all instruments except drums, by onset and pitch, times in seconds.

    Raises:
        DataError: if a note is invalid.
    """
    notes = [
        Note(int(note.pitch), float(note.start), float(note.end), int(note.velocity))
        for instrument in score.instruments
        if not instrument.is_drum
        for note in instrument.notes
    ]
    check_notes(notes)
    return sorted(notes, key=lambda note: (note.start, note.pitch, note.end))


def pretty_midi_from_roll(
    roll: np.ndarray,
    *,
    tempo: float = 90.0,
    steps_per_quarter: int = 1,
    rearticulate: bool,
    program: int = 0,
) -> PrettyMIDI:
    """Create a `PrettyMIDI` object of one instrument that plays a (T, 88) piano-roll.

    Args:
        roll: (T, 88) boolean, or 0 and 1.
        tempo: quarter notes per minute, 4 to 1000.
        steps_per_quarter: frames per quarter note: 1, 2 or 4.
        rearticulate: True makes every frame a note; False ties consecutive frames of a pitch.
        program: MIDI program of the instrument, 0 to 127.

    Raises:
        DataError: if the roll is not a piano-roll, or a value is out of bounds.

    Example:
        >>> import numpy as np
        >>> from dmm_core import pretty_midi_from_roll
        >>> roll = np.zeros((4, 88), bool)
        >>> roll[:, 39] = True  # middle C, MIDI pitch 60
        >>> score = pretty_midi_from_roll(roll, tempo=60, rearticulate=False)
        >>> len(score.instruments[0].notes), score.get_end_time()
        (1, 4.0)
    """
    notes = notes_from_roll(
        roll, tempo=tempo, steps_per_quarter=steps_per_quarter, rearticulate=rearticulate
    )
    return pretty_midi_from_notes(notes, tempo=tempo, program=program)


def roll_from_pretty_midi(
    score: PrettyMIDI, *, steps_per_quarter: int = 1, frames: int | None = None
) -> np.ndarray:
    """Convert all instruments except drums into a (T, 88) boolean piano-roll on the score's beats.

    Frames follow the quarter notes of the score, so tempo changes have no effect on them.

    Args:
        score: with pitches from 21 to 108.
        steps_per_quarter: frames per quarter note: 1, 2 or 4.
        frames: length T; later notes are cut off. By default the last release.

    Raises:
        DataError: if a note is invalid or outside the piano's range, the grid is out of bounds, or
            the roll would be longer than `MAX_FRAMES`.
    """
    notes = [
        note._replace(
            start=score.time_to_tick(note.start) / score.resolution,
            end=score.time_to_tick(note.end) / score.resolution,
        )
        for note in notes_from_pretty_midi(score)
    ]
    return roll_from_notes(notes, tempo=60, steps_per_quarter=steps_per_quarter, frames=frames)
