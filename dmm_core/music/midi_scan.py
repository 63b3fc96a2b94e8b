"""Reads the events of an untrusted MIDI file in one linear pass, within fixed limits.

Only the events on which notes depend must be well-formed. Meta events that cannot be read, and
messages that do not belong in a file but have a known length, are counted and left out. A file is
refused if it has bytes of unknown length.
Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996).
"""

from collections import Counter
from typing import NamedTuple

from dmm_core.errors import UploadError
from dmm_core.music.key import Key, key_from_fifths
from dmm_core.music.midi_chunks import find_chunks

__all__ = [
    "DEFAULT_TEMPO",
    "MAX_EVENTS",
    "MAX_PAYLOAD",
    "MAX_QUARTERS",
    "MAX_SECONDS",
    "MidiEvent",
    "MidiEvents",
    "scan_midi",
]

MAX_EVENTS = 200_000
"""Largest number of events of all tracks."""

MAX_PAYLOAD = 1_000_000
"""Largest size of all text and system-exclusive data, in bytes."""

MAX_SECONDS = 3600.0
"""Longest time from the beginning to the last note, in seconds at the tempos of the file."""

MAX_QUARTERS = 20_000
"""Longest time to the last note in quarter notes: an hour at 333 per minute."""

DEFAULT_TEMPO = 500_000
"""Microseconds per quarter note of files without a tempo."""

_KEY, _METER, _TEMPO, _END, _PORT = 0x59, 0x58, 0x51, 0x2F, 0x21
_NAMES = (0x03, 0x04)  # name of a track, and of its instrument
_LENGTHS = {  # type of a meta event of fixed length -> allowed lengths in bytes
    0x00: (0, 2),
    0x20: (1,),
    _PORT: (1,),
    _TEMPO: (3,),
    0x54: (5,),
    _METER: (4,),
    _KEY: (2,),
}
_UNREADABLE = {_KEY: "key", _METER: "meter", _TEMPO: "tempo"}
# Data bytes of the messages that belong on a cable, not into a file; F4, F5 have no known length.
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0} | dict.fromkeys(range(0xF8, 0xFF), 0)
_NAME_BYTES = 80
_CUT = "The MIDI file has a track that ends inside an event."


class MidiEvent(NamedTuple):
    """A channel message.

    Attributes:
        tick: time in ticks from the beginning of the file.
        track: number of the track, from 0.
        kind: high half of the status byte, 0x8 to 0xE.
        channel: 0 to 15, plus 16 for each port before the track's own.
        first: data byte.
        second: data byte; 0 for messages that have one.
    """

    tick: int
    track: int
    kind: int
    channel: int
    first: int
    second: int


class MidiEvents(NamedTuple):
    """The events of a MIDI file.

    Attributes:
        division: ticks per quarter note.
        claimed: number of tracks according to the header.
        names: name of each track, or "".
        messages: channel messages, one track after another.
        tempos: (tick, microseconds per quarter note) of each change, in the order of the file.
        keys: (tick, key signature) of each change, in the order of the file.
        meters: (tick, time signature such as "3/4") of each change, in the order of the file.
        left_out: number of things that were skipped: "key", "meter", "tempo" and "meta" events that
            cannot be read,
            "sysex" with bytes above 127, "system" messages that have no place in a file, "chunk"s
            that are not tracks, and "byte"s after a track's end.
    """

    division: int
    claimed: int
    names: tuple[str, ...]
    messages: list[MidiEvent]
    tempos: list[tuple[int, int]]
    keys: list[tuple[int, Key]]
    meters: list[tuple[int, str]]
    left_out: Counter[str]


def scan_midi(data: bytes) -> MidiEvents:
    """Read the events of a MIDI file, and check that it has notes and is within the limits.

    Raises:
        UploadError: if the file is refused.
    """
    chunks = find_chunks(data)
    scan = _Scan(chunks.data)
    for start, end in chunks.tracks:
        scan.track(start, end)
    if not any(event.kind == 0x9 and event.second for event in scan.messages):
        raise UploadError("The MIDI file holds no notes.")
    last = max(event.tick for event in scan.messages if event.kind in (0x8, 0x9))
    quarters = last / chunks.division
    seconds = _seconds(last, scan.tempos, chunks.division)
    if quarters > MAX_QUARTERS:
        raise UploadError(
            f"The MIDI file lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are "
            "read."
        )
    if seconds > MAX_SECONDS:
        raise UploadError(
            f"The MIDI file lasts {seconds / 60:,.0f} minutes, but at most "
            f"{MAX_SECONDS / 60:.0f} are read."
        )
    scan.left_out["chunk"] += chunks.unknown
    scan.left_out["byte"] += chunks.trailing
    return MidiEvents(
        division=chunks.division,
        claimed=chunks.claimed,
        names=tuple(scan.names),
        messages=scan.messages,
        tempos=scan.tempos,
        keys=scan.keys,
        meters=scan.meters,
        left_out=scan.left_out,
    )


def _seconds(ticks: int, tempos: list[tuple[int, int]], division: int) -> float:
    """Return the time of `ticks` in seconds, given changes (tick, microseconds per quarter)."""
    microseconds, since, tempo = 0.0, 0, DEFAULT_TEMPO
    for tick, changed in sorted(tempos, key=lambda change: change[0]):
        if tick >= ticks:
            break
        microseconds += (tick - since) * tempo
        since, tempo = tick, changed
    return (microseconds + (ticks - since) * tempo) / division / 1e6


class _Scan:
    """Collects the events of all tracks; the limits apply to their sum."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.events = 0
        self.payload = 0
        self.names: list[str] = []
        self.messages: list[MidiEvent] = []
        self.tempos: list[tuple[int, int]] = []
        self.keys: list[tuple[int, Key]] = []
        self.meters: list[tuple[int, str]] = []
        self.left_out: Counter[str] = Counter()
        self._port = 0

    def track(self, at: int, end: int) -> None:
        """Read the events of the track in data[at:end]."""
        data, tick, status = self.data, 0, 0
        self.names.append("")
        self._port = 0
        while at < end:
            self.events += 1
            if self.events > MAX_EVENTS:
                raise UploadError(f"The MIDI file has more than {MAX_EVENTS:,} events.")
            delta, at = self._number(at, end)
            tick += delta
            byte = data[at] if at < end else -1
            if byte == 0xFF:
                kind = data[at + 1] if at + 1 < end else -1
                start, at = self._payload(at + 2, end)
                if kind == _END:
                    self.left_out["byte"] += end - at
                    return
                self._meta(kind, data[start:at], tick)
            elif byte in (0xF0, 0xF7):
                start, at = self._payload(at + 1, end)
                if byte == 0xF0 and not data[start:at].removesuffix(b"\xf7").isascii():
                    self.left_out["sysex"] += 1
            elif byte in _SYSTEM:
                at += 1 + _SYSTEM[byte]
                if at > end:
                    raise UploadError(_CUT)
                self.left_out["system"] += 1
            elif byte >= 0xF0:
                raise UploadError(f"The MIDI file has the byte {byte:#x} where an event begins.")
            else:
                if byte >= 0x80:
                    status = byte
                    at += 1
                elif byte >= 0 and not status:
                    raise UploadError("The MIDI file has a running status without a status.")
                kind = status >> 4
                size = 1 if kind in (0xC, 0xD) else 2
                if byte < 0 or at + size > end:
                    raise UploadError(_CUT)
                first, second = data[at], data[at + 1] if size == 2 else 0
                if (first | second) & 0x80:
                    raise UploadError("The MIDI file has an event with a value above 127.")
                channel = 16 * self._port + (status & 15)
                track = len(self.names) - 1
                self.messages.append(MidiEvent(tick, track, kind, channel, first, second))
                at += size

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """Return the variable-length number at `at`, of at most four bytes, and its end."""
        value = 0
        for position in range(at, min(at + 4, end)):
            byte = self.data[position]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, position + 1
        if at + 4 > end:
            raise UploadError(_CUT)
        raise UploadError("The MIDI file has a number longer than four bytes.")

    def _payload(self, at: int, end: int) -> tuple[int, int]:
        """Return start and end of the payload whose length is at `at`."""
        length, start = self._number(at, end)
        self.payload += length
        if start + length > end:
            raise UploadError(_CUT)
        if self.payload > MAX_PAYLOAD:
            raise UploadError(
                f"The MIDI file has more than {MAX_PAYLOAD:,} bytes of text or "
                "system-exclusive data."
            )
        return start, start + length

    def _meta(self, kind: int, content: bytes, tick: int) -> None:
        """Read a meta event."""
        if kind == _TEMPO and content == bytes(3):
            raise UploadError(
                "The MIDI file has a tempo of 0 µs per quarter note, which is not allowed."
            )
        if len(content) not in _LENGTHS.get(kind, (len(content),)):
            self.left_out[_UNREADABLE.get(kind, "meta")] += 1
        elif kind == _TEMPO:
            self.tempos.append((tick, int.from_bytes(content, "big")))
        elif kind == _METER:
            if content[0] and content[1] < 8:  # 2 ** 7 = 128 is the shortest note with a name
                self.meters.append((tick, f"{content[0]}/{2 ** content[1]}"))
            else:
                self.left_out["meter"] += 1
        elif kind == _KEY:
            fifths = int.from_bytes(content[:1], "big", signed=True)
            if abs(fifths) <= 7 and content[1] <= 1:
                self.keys.append((tick, key_from_fifths(fifths, minor=content[1] == 1)))
            else:
                self.left_out["key"] += 1
        elif kind == _PORT:
            self._port = content[0]
        elif kind in _NAMES:
            name = content[:_NAME_BYTES].decode("utf-8", "replace")
            self.names[-1] = " ".join(filter(None, (self.names[-1], name)))[: 2 * _NAME_BYTES]
