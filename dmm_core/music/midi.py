"""Writes notes as MIDI files, and reads the notes of MIDI files in quarter notes."""

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
"""Resolution of written files, in ticks per quarter note."""

TEMPOS = (4.0, 1000.0)
"""Slowest and fastest tempo of written files; the format's minimum is 3.6 (24 bits of µs)."""

_DRUMS = 9  # channel 10 where channels are counted from 1
_DRUM_NAMES = re.compile(r"drum|percussion|schlagzeug|batt?er", re.IGNORECASE)
_PEDAL, _SOUND_OFF = 64, 120
_ENDS_ALL_NOTES = {_SOUND_OFF, *range(123, 128)}  # All Notes Off, and the modes that include it
_Sounding = defaultdict[tuple[int, int], deque[MidiEvent]]


class MidiScore(NamedTuple):
    """The pitched notes of a MIDI file.

    Attributes:
        notes: notes sorted by onset, with start and end in quarter notes.
        tempo: first tempo, in quarter notes per minute; 120 if the file has none.
        key: first key signature, or None.
        programs: MIDI programs (0 to 127) of the notes, each once, ascending.
        drums: number of drum notes (channel 10), which were left out.
        unreleased: number of notes without an end, which were left out.
        tempi: number of different tempos in the file.
        meters: time signatures, such as "3/4", each once, in order of appearance.
        drum_tracks: (name, channel counted from 1) of tracks that are named like drums but are not
            on channel 10; their notes were read as pitched notes.
        counts: other facts about the file. "tracks" that hold pitched notes, "claimed" and "found"
            tracks, different "velocities", "keys", "pedal" and "bend" events, notes that "notes
            off" and "sound off" messages ended, notes "paired" with a release in another track,
            and the counts of `MidiEvents.left_out`.
        sources: (track, channel) of each note, counted from 0.
        names: name of each track, or "".
        bars: (time in quarter notes, time signature such as "3/4") of each change, in order.
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
    sources: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    bars: tuple[tuple[float, str], ...]


def check_playable(notes: Sequence[Note], *, tempo: float, program: int) -> None:
    """Check the arguments from which a MIDI file is written.

    Args:
        notes: notes with times in seconds.
        tempo: quarter notes per minute.
        program: MIDI program of the instrument.

    Raises:
        DataError: if a note is invalid, or the tempo or program is out of bounds.
    """
    check_notes(notes)
    if not TEMPOS[0] <= tempo <= TEMPOS[1]:
        raise DataError(f"A MIDI file's tempo is 4 to 1000 quarters a minute, not {tempo}.")
    if not 0 <= program <= 127:
        raise DataError(f"A MIDI program is 0 to 127, not {program}.")


def midi_from_notes(notes: Sequence[Note], *, tempo: float, program: int = 0) -> bytes:
    """Write notes as a MIDI file of format 1 with a tempo track in 4/4 and a track of notes.

    The same notes give the same bytes.

    Args:
        notes: notes with times in seconds.
        tempo: quarter notes per minute, 4 to 1000; it determines the bar lines.
        program: MIDI program (0 to 127) of the instrument; 0 is a grand piano.

    Raises:
        DataError: if a note is invalid, or the tempo or program is out of bounds.

    Example:
        >>> from dmm_core import midi_from_notes
        >>> from dmm_core.music import Note
        >>> data = midi_from_notes([Note(60, 0.0, 1.0), Note(64, 1.0, 2.0)], tempo=90)
        >>> data[:4]
        b'MThd'
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
        # At the same tick, releases come before onsets. A note lasts at least one tick: if its
        # release came before its onset, it would never end.
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

    Times are in quarter notes, so tempo changes do not affect them, and the sustain pedal does not
    lengthen notes. If a pitch is struck again before it ends, the first release ends the first
    note.

    Raises:
        UploadError: if the file is refused.

    Example:
        >>> from dmm_core import midi_from_notes, read_midi
        >>> from dmm_core.music import Note
        >>> score = read_midi(midi_from_notes([Note(60, 0.0, 1.0)], tempo=120))
        >>> score.tempo, score.notes
        (120.0, (Note(pitch=60, start=0.0, end=2.0, velocity=80),))
    """
    events = scan_midi(data)
    reader = _Reader(events.division)
    for event in sorted(events.messages, key=_order):
        reader.add(event)
    reader.finish()
    drum_tracks = dict.fromkeys(
        (events.names[track], channel % 16 + 1)
        for track, channel in sorted(set(reader.sources))
        if _DRUM_NAMES.search(events.names[track])
    )
    counts = reader.counts + events.left_out
    counts["claimed"], counts["found"] = events.claimed, len(events.names)
    counts["tracks"] = len({track for track, _ in reader.sources})
    order = sorted(
        range(len(reader.notes)),
        key=lambda n: (reader.notes[n].start, reader.notes[n].pitch, reader.notes[n].end),
    )
    meters = sorted(events.meters, key=_tick)
    counts["velocities"] = len({note.velocity for note in reader.notes})
    counts["keys"] = len({key for _, key in events.keys})
    return MidiScore(
        notes=tuple(reader.notes[n] for n in order),
        tempo=6e7 / min(events.tempos, key=_tick, default=(0, DEFAULT_TEMPO))[1],
        key=min(events.keys, key=_tick, default=(0, None))[1],
        programs=tuple(sorted(reader.programs)),
        drums=reader.drums,
        unreleased=reader.unreleased,
        tempi=len({tempo for _, tempo in events.tempos}),
        meters=tuple(dict.fromkeys(meter for _, meter in meters)),
        drum_tracks=tuple(drum_tracks),
        counts=counts,
        sources=tuple(reader.sources[n] for n in order),
        names=events.names,
        bars=tuple((tick / events.division, meter) for tick, meter in meters),
    )


def _order(event: MidiEvent) -> tuple[int, bool]:
    """Return the sort key: the tick, and messages that end all notes before others of a tick."""
    return event.tick, not (event.kind == 0xB and event.first in _ENDS_ALL_NOTES)


def _tick(change: tuple[int, object]) -> int:
    """Return the tick of a change."""
    return change[0]


class _Reader:
    """Converts channel messages, in order of time, into notes.

    A release ends the earliest note of its channel and pitch that began in the same track. A note
    without a release in its own track is ended by a release in another track. These releases are
    used only last, because tracks that share a channel often release notes twice.
    """

    def __init__(self, ticks_per_quarter: int) -> None:
        self.ticks_per_quarter = ticks_per_quarter
        self.notes: list[Note] = []
        self.programs: set[int] = set()
        self.sources: list[tuple[int, int]] = []  # (track, channel) of each note
        self.counts: Counter[str] = Counter()
        self.drums = 0
        self.unreleased = 0
        self._program: defaultdict[int, int] = defaultdict(int)
        # channel -> (pitch, track) -> onsets of the notes that still sound, earliest first
        self._sounding: defaultdict[int, _Sounding] = defaultdict(lambda: defaultdict(deque))
        # (tick, channel, pitch, track) of a note -> name of the message to all notes that ended it
        self._silenced: dict[tuple[int, int, int, int], str] = {}
        # (channel, pitch) -> ticks of releases that did not end a note of their own track
        self._spare: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, event: MidiEvent) -> None:
        """Process the next message."""
        if event.kind in (0x8, 0x9):
            if event.channel % 16 == _DRUMS:
                self.drums += event.kind == 0x9 and event.second > 0
            elif event.kind == 0x9 and event.second:
                self.programs.add(self._program[event.channel])
                self._sounding[event.channel][event.first, event.track].append(event)
            else:
                self._release(event)
        elif event.kind == 0xB:
            if event.first in _ENDS_ALL_NOTES:
                self._silence(event)
            elif event.first == _PEDAL:
                self.counts["pedal"] += 1
        elif event.kind == 0xC:
            self._program[event.channel] = event.first
        elif event.kind == 0xE:
            self.counts["bend"] += 1

    def finish(self) -> None:
        """End the notes that still sound by releases of other tracks, if there are any."""
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
                    self._add_note(event, end)

    def _release(self, event: MidiEvent) -> None:
        """End the earliest sounding note of the event's channel, pitch and track."""
        begun = self._sounding[event.channel][event.first, event.track]
        if begun:
            self._add_note(begun.popleft(), event.tick)
        elif what := self._silenced.pop((event.tick, event.channel, event.first, event.track), ""):
            self.counts[what] -= 1  # the file also releases it at this tick
        else:
            self._spare[event.channel, event.first].append(event.tick)

    def _silence(self, event: MidiEvent) -> None:
        """End all notes of the channel, in every track."""
        what = "sound off" if event.first == _SOUND_OFF else "notes off"
        for (pitch, track), begun in self._sounding.pop(event.channel, {}).items():
            if begun:
                self._silenced[event.tick, event.channel, pitch, track] = what
                self.counts[what] += len(begun)
            for earlier in begun:
                self._add_note(earlier, event.tick)

    def _add_note(self, event: MidiEvent, end: int) -> None:
        """Add a note from its onset and the tick of its end."""
        self.sources.append((event.track, event.channel))
        quarter = self.ticks_per_quarter
        self.notes.append(Note(event.first, event.tick / quarter, end / quarter, event.second))
