"""Writes a piece in voices as a MIDI file with a track for each voice."""

import io
from collections.abc import Sequence

import mido

from dmm_core.errors import DataError
from dmm_core.music.key import Key, tonic_name
from dmm_core.music.meter import Meter
from dmm_core.music.midi import TICKS_PER_QUARTER, check_playable
from dmm_core.music.voice_notes import notes_from_voices, voice_names
from dmm_core.music.voices import STEPS, VoicedPiece

__all__ = ["MAX_VOICES", "midi_from_voices"]

_CHANNELS = (*range(9), *range(10, 16))  # all but channel 10, counted from 1: drums

MAX_VOICES = len(_CHANNELS)
"""Largest number of voices of a file: each has a channel, and one of the 16 is for drums."""

_TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS


def midi_from_voices(
    piece: VoicedPiece,
    *,
    meter: Meter,
    tempo: float,
    program: int | Sequence[int] = 0,
    key: Key | None = None,
    title: str | None = None,
    accents: bool = True,
) -> bytes:
    """Write a piece as a MIDI file of format 1: a tempo track and a track for each voice.

    Each voice has the name of `voice_names` and a channel of its own. An upbeat is a short first
    bar: its time signature has as many quarters as the upbeat, and that of the meter follows.
    Fermatas are not written, because MIDI has none. The same piece gives the same bytes.

    Args:
        piece: the piece.
        meter: where the bars are.
        tempo: quarter notes per minute, 4 to 1000.
        program: MIDI program (0 to 127) of all voices, or one for each.
        key: key signature, or None for none.
        title: name of the piece, or None.
        accents: as in `notes_from_voices`.

    Raises:
        DataError: if there are more than `MAX_VOICES` voices, or a pitch, the tempo or a program is
            out of bounds.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import Meter, VoicedPiece, midi_from_voices
        >>> piece = VoicedPiece(np.full((1, 4), 60), np.array([[True, False, False, False]]))
        >>> midi_from_voices(piece, meter=Meter(3), tempo=90)[:4]
        b'MThd'
    """
    count = len(piece.pitches)
    programs = [program] * count if isinstance(program, int) else list(program)
    if count > MAX_VOICES:
        raise DataError(f"A MIDI file has at most {MAX_VOICES} voices, not {count}.")
    if len(programs) != count:
        raise DataError(f"There are {count} voices, but {len(programs)} programs.")
    played = notes_from_voices(piece, tempo=tempo, meter=meter, accents=accents)
    for number, notes in zip(programs, played, strict=True):
        check_playable(notes, tempo=tempo, program=number)
    end = piece.beats * TICKS_PER_QUARTER
    tracks = [_conductor(meter, tempo, key, title, end)]
    for voice, name in enumerate(voice_names(count)):
        channel = _CHANNELS[voice]
        track = mido.MidiTrack(
            [
                mido.MetaMessage("track_name", name=name),
                mido.Message("program_change", program=programs[voice], channel=channel),
            ]
        )
        now = 0
        for span, note in zip(piece.notes(voice), played[voice], strict=True):
            for tick, velocity in (
                (span.start * _TICKS_PER_STEP, note.velocity),
                (span.end * _TICKS_PER_STEP, 0),
            ):
                wait, now = tick - now, tick
                track.append(
                    mido.Message(
                        "note_on", note=span.pitch, velocity=velocity, channel=channel, time=wait
                    )
                )
        track.append(mido.MetaMessage("end_of_track", time=end - now))
        tracks.append(track)
    buffer = io.BytesIO()
    file = mido.MidiFile(tracks=tracks, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    file.save(file=buffer)
    return buffer.getvalue()


def _conductor(
    meter: Meter, tempo: float, key: Key | None, title: str | None, end: int
) -> mido.MidiTrack:
    """The track of title, tempo, key and meter."""
    track = mido.MidiTrack()
    if title:
        track.append(mido.MetaMessage("track_name", name=_encodable(title)))
    track.append(mido.MetaMessage("set_tempo", tempo=round(6e7 / tempo)))
    if key is not None:
        tonic = tonic_name(key.tonic, key.minor).replace("♭", "b").replace("♯", "#")
        track.append(mido.MetaMessage("key_signature", key=tonic + ("m" if key.minor else "")))
    begin = 0
    if meter.upbeat:
        track.append(_signature(meter.upbeat, 0))
        begin = meter.upbeat * TICKS_PER_QUARTER
    track.append(_signature(meter.beats, begin))
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - begin)))
    return track


def _signature(beats: int, wait: int) -> mido.MetaMessage:
    """A time signature of quarters."""
    return mido.MetaMessage("time_signature", numerator=beats, denominator=4, time=wait)


def _encodable(title: str) -> str:
    """The title without lone surrogates, which UTF-8 cannot encode."""
    return title.encode("utf-8", "replace").decode("utf-8")
