"""Notes as MIDI files, and the notes of MIDI files in quarters."""

import io
import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

import mido

from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.midi_scan import DEFAULT_TEMPO, MidiEvent, scan_midi
from dmm_core.music.pianoroll import Note, check_notes

__all__ = [
    "TEMPOS",
    "TICKS_PER_QUARTER",
    "MidiScore",
    "check_playable",
    "midi_from_notes",
    "read_midi",
]

TICKS_PER_QUARTER = 480
"""Resolution of written files."""

TEMPOS = (4.0, 1000.0)
"""Slowest and fastest tempo of written files; the format's 24 bits of microseconds end at 3.6."""

_DRUMS = 9  # channel 10 where channels are counted from 1
_DRUM_NAMES = re.compile(r"drum|percussion|schlagzeug|batt?er", re.IGNORECASE)
_PEDAL, _SOUND_OFF = 64, 120
_SILENCE = {_SOUND_OFF, *range(123, 128)}  # All Notes Off, and the modes that include it
_Sounding = defaultdict[tuple[int, int], deque[MidiEvent]]


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
        drum_tracks: (name, channel counted from 1) of tracks that are named like drums, but whose
            notes were read as pitched: they are not on channel 10.
        counts: other facts about the file. "tracks" that hold pitched notes, "claimed" and "found"
            tracks, different "velocities", "keys", "pedal" and "bend" events, notes that "notes
            off" and "sound off" messages ended, notes "paired" with a release in another track,
            and what the scan left out: see `MidiEvents.left_out`.
    """

    notes: tuple[Note, ...]
    tempo: float
    key: Key | None
    programs: tuple[int, ...]
    drums: int
    unreleased: int
    tempi: int
    meters: tuple[str, ...]
    drum_tracks: tuple[tuple[str, int], ...]
    counts: Counter[str]


def check_playable(notes: Sequence[Note], *, tempo: float, program: int) -> None:
    """Check what a MIDI file is to be written of.

    Args:
        notes: with times in seconds.
        tempo: quarter notes per minute.
        program: MIDI program of the instrument.

    Raises:
        DataError: if a note is faulty, or the tempo or program is out of bounds.
    """
    check_notes(notes)
    if not TEMPOS[0] <= tempo <= TEMPOS[1]:
        raise DataError(f"A MIDI file's tempo is 4 to 1000 quarters a minute, not {tempo}.")
    if not 0 <= program <= 127:
        raise DataError(f"A MIDI program is 0 to 127, not {program}.")


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
    check_playable(notes, tempo=tempo, program=program)
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
    """Read the pitched notes of an untrusted MIDI file.

    Tempo changes do not move notes on a grid of quarters, and the sustain pedal does not lengthen
    them. Where a pitch is struck again before it ends, the first release ends the first note.

    Raises:
        UploadError: if the file is refused.
    """
    events = scan_midi(data)
    reader = _Reader(events.division)
    for event in sorted(events.messages, key=_order):
        reader.take(event)
    reader.finish()
    drum_tracks = dict.fromkeys(
        (events.names[track], channel % 16 + 1)
        for track, channel in sorted(reader.sources)
        if _DRUM_NAMES.search(events.names[track])
    )
    counts = reader.counts + events.left_out
    counts["claimed"], counts["found"] = events.claimed, len(events.names)
    counts["tracks"] = len({track for track, _ in reader.sources})
    counts["velocities"] = len({note.velocity for note in reader.notes})
    counts["keys"] = len({key for _, key in events.keys})
    return MidiScore(
        notes=tuple(sorted(reader.notes, key=lambda note: (note.start, note.pitch, note.end))),
        tempo=6e7 / min(events.tempos, key=_tick, default=(0, DEFAULT_TEMPO))[1],
        key=min(events.keys, key=_tick, default=(0, None))[1],
        programs=tuple(sorted(reader.programs)),
        drums=reader.drums,
        unreleased=reader.unreleased,
        tempi=len({tempo for _, tempo in events.tempos}),
        meters=tuple(dict.fromkeys(meter for _, meter in sorted(events.meters, key=_tick))),
        drum_tracks=tuple(drum_tracks),
        counts=counts,
    )


def _order(event: MidiEvent) -> tuple[int, bool]:
    """By tick, and what silences a channel first: no track silences what another just begins."""
    return event.tick, not (event.kind == 0xB and event.first in _SILENCE)


def _tick(change: tuple[int, object]) -> int:
    return change[0]


class _Reader:
    """Turns channel messages, in the order of time, into notes.

    A release ends the first note of its channel and pitch that began in the same track. Only a
    note that has no release there is ended by one of another track: tracks that share a channel
    often release notes twice.
    """

    def __init__(self, ticks_per_quarter: int) -> None:
        self.ticks_per_quarter = ticks_per_quarter
        self.notes: list[Note] = []
        self.programs: set[int] = set()
        self.sources: set[tuple[int, int]] = set()  # (track, channel) of the notes
        self.counts: Counter[str] = Counter()
        self.drums = 0
        self.unreleased = 0
        self._program: defaultdict[int, int] = defaultdict(int)
        # channel -> (pitch, track) -> the events that began its sounding notes, the oldest first
        self._sounding: defaultdict[int, _Sounding] = defaultdict(lambda: defaultdict(deque))
        # (tick, channel, pitch, track) of the notes that a message to all notes ended -> which one
        self._silenced: dict[tuple[int, int, int, int], str] = {}
        # (channel, pitch) -> the ticks of releases that ended nothing
        self._spare: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def take(self, event: MidiEvent) -> None:
        """Take up the next message."""
        if event.kind in (0x8, 0x9):
            if event.channel % 16 == _DRUMS:
                self.drums += event.kind == 0x9 and event.second > 0
            elif event.kind == 0x9 and event.second:
                self.programs.add(self._program[event.channel])
                self._sounding[event.channel][event.first, event.track].append(event)
            else:
                self._release(event)
        elif event.kind == 0xB:
            if event.first in _SILENCE:
                self._silence(event)
            elif event.first == _PEDAL:
                self.counts["pedal"] += 1
        elif event.kind == 0xC:
            self._program[event.channel] = event.first
        elif event.kind == 0xE:
            self.counts["bend"] += 1

    def finish(self) -> None:
        """End the notes that still sound by releases of other tracks, where there are some."""
        left: defaultdict[tuple[int, int], list[MidiEvent]] = defaultdict(list)
        for channel, sounding in self._sounding.items():
            for (pitch, _), begun in sounding.items():
                left[channel, pitch] += begun
        for key, begun in left.items():
            spare = iter(self._spare[key])
            for event in sorted(begun):
                end = next((tick for tick in spare if tick > event.tick), None)
                if end is None:
                    self.unreleased += 1
                else:
                    self.counts["paired"] += 1
                    self._add(event, end)

    def _release(self, event: MidiEvent) -> None:
        begun = self._sounding[event.channel][event.first, event.track]
        if begun:
            self._add(begun.popleft(), event.tick)
        elif what := self._silenced.pop((event.tick, event.channel, event.first, event.track), ""):
            self.counts[what] -= 1  # the file releases it in the same tick
        else:
            self._spare[event.channel, event.first].append(event.tick)

    def _silence(self, event: MidiEvent) -> None:
        """End every note of the channel, whatever its track."""
        what = "sound off" if event.first == _SOUND_OFF else "notes off"
        for (pitch, track), begun in self._sounding.pop(event.channel, {}).items():
            if begun:
                self._silenced[event.tick, event.channel, pitch, track] = what
                self.counts[what] += len(begun)
            for earlier in begun:
                self._add(earlier, event.tick)

    def _add(self, event: MidiEvent, end: int) -> None:
        self.sources.add((event.track, event.channel))
        quarter = self.ticks_per_quarter
        self.notes.append(Note(event.first, event.tick / quarter, end / quarter, event.second))
