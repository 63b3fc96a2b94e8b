"""Notes as MIDI files, and MIDI files as notes on a grid of quarters."""

import io
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

import mido

from dmm_core.errors import DataError, UploadError
from dmm_core.music.key import Key, key_from_name
from dmm_core.music.midi_scan import scan_midi
from dmm_core.music.pianoroll import Note, check_notes

__all__ = ["TEMPOS", "TICKS_PER_QUARTER", "MidiScore", "midi_from_notes", "read_midi"]

TICKS_PER_QUARTER = 480
"""Resolution of written files."""

TEMPOS = (4.0, 1000.0)
"""Slowest and fastest tempo of written files; the format's 24 bits of microseconds end at 3.6."""

_DRUMS = 9  # channel 10 where channels are counted from 1
_DEFAULT_TEMPO = 500_000  # microseconds per quarter note where a file names no tempo


class MidiScore(NamedTuple):
    """The pitched notes of a MIDI file.

    Attributes:
        notes: by onset, with start and end in quarter notes (seconds at 60 quarters a minute).
        tempo: the first tempo, in quarters per minute; 120 where the file names none.
        key: the first key signature, or None.
        programs: the instruments that sound, each MIDI program (0 to 127) once, ascending.
        drums: drum notes (channel 10) that were left out.
        unreleased: notes that never end and were left out.
        tempi: different tempos that the file names.
        meters: its time signatures, such as "3/4", each once, in their order.
    """

    notes: tuple[Note, ...]
    tempo: float
    key: Key | None
    programs: tuple[int, ...]
    drums: int
    unreleased: int
    tempi: int
    meters: tuple[str, ...]


def midi_from_notes(notes: Sequence[Note], *, tempo: float, program: int = 0) -> bytes:
    """Write notes as a MIDI file of format 1: a conductor's track in 4/4 and one of notes.

    The same notes give the same bytes.

    Args:
        notes: with times in seconds.
        tempo: quarter notes per minute, 4 to 1000; it decides where bars stand.
        program: MIDI program (0 to 127) of the instrument; 0 is a grand piano.

    Raises:
        DataError: if a note is faulty, or the tempo or program is out of bounds.
    """
    check_notes(notes)
    if not TEMPOS[0] <= tempo <= TEMPOS[1]:
        raise DataError(f"A MIDI file's tempo is 4 to 1000 quarters a minute, not {tempo}.")
    if not 0 <= program <= 127:
        raise DataError(f"A MIDI program is 0 to 127, not {program}.")
    conductor = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=round(6e7 / tempo)),
            mido.MetaMessage("time_signature", numerator=4, denominator=4),
        ]
    )
    events = []
    for note in notes:
        start, end = (round(t * tempo / 60 * TICKS_PER_QUARTER) for t in (note.start, note.end))
        # At one tick, what ends comes before what begins; a note of no length would never end.
        events.append((start, 1, note.pitch, note.velocity))
        events.append((max(end, start + 1), 0, note.pitch, 0))
    track = mido.MidiTrack([mido.Message("program_change", program=program)])
    now = 0
    for tick, _, pitch, velocity in sorted(events):
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=tick - now))
        now = tick
    buffer = io.BytesIO()
    mido.MidiFile(tracks=[conductor, track], ticks_per_beat=TICKS_PER_QUARTER).save(file=buffer)
    return buffer.getvalue()


def read_midi(data: bytes) -> MidiScore:
    """Read the pitched notes of a MIDI file that nobody vouches for.

    The bytes are scanned before the library sees them. Tempo changes do not move notes on a grid
    of quarters, and the sustain pedal does not lengthen them. Where a pitch is struck again before
    it ends, the first release ends the first note.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    scan_midi(data)
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
    except (OSError, EOFError, ValueError, LookupError, mido.KeySignatureError):
        raise UploadError("The MIDI file has an event that is not well-formed.") from None
    reader = _Reader(file.ticks_per_beat)
    for track in file.tracks:
        reader.track(track)
    return MidiScore(
        notes=tuple(sorted(reader.notes, key=lambda note: (note.start, note.pitch, note.end))),
        tempo=6e7 / min(reader.tempos, key=_tick, default=(0, _DEFAULT_TEMPO))[1],
        key=min(reader.keys, key=_tick, default=(0, None))[1],
        programs=tuple(sorted(reader.programs)),
        drums=reader.drums,
        unreleased=reader.unreleased,
        tempi=len({tempo for _, tempo in reader.tempos}),
        meters=tuple(dict.fromkeys(meter for _, meter in sorted(reader.meters, key=_tick))),
    )


def _tick(change: tuple[int, object]) -> int:
    return change[0]


class _Reader:
    """Collects the notes, tempos and keys of one track after another."""

    def __init__(self, ticks_per_quarter: int) -> None:
        self.ticks_per_quarter = ticks_per_quarter
        self.notes: list[Note] = []
        self.tempos: list[tuple[int, int]] = []
        self.keys: list[tuple[int, Key]] = []
        self.meters: list[tuple[int, str]] = []
        self.programs: set[int] = set()
        self.drums = 0
        self.unreleased = 0
        self._program = [0] * 16

    def track(self, messages: mido.MidiTrack) -> None:
        tick = 0
        sounding: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        for message in messages:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                if message.channel == _DRUMS:
                    self.drums += 1
                    continue
                self.programs.add(self._program[message.channel])
                sounding[message.channel, message.note].append((tick, message.velocity))
            elif message.type in ("note_on", "note_off"):
                # A release of a pitch that does not sound means nothing.
                if begun := sounding[message.channel, message.note]:
                    start, velocity = begun.popleft()
                    self._add(message.note, start, tick, velocity)
            elif message.type == "program_change":
                self._program[message.channel] = message.program
            elif message.type == "set_tempo":
                self.tempos.append((tick, message.tempo))
            elif message.type == "key_signature":
                self.keys.append((tick, key_from_name(message.key)))
            elif message.type == "time_signature":
                self.meters.append((tick, f"{message.numerator}/{message.denominator}"))
        self.unreleased += sum(map(len, sounding.values()))

    def _add(self, pitch: int, start: int, end: int, velocity: int) -> None:
        quarter = self.ticks_per_quarter
        self.notes.append(Note(pitch, start / quarter, end / quarter, velocity))
