"""A first look at the bytes of a MIDI file, before any library may read them.

It walks every event once, in linear time and constant memory, and refuses what would make a parser
hang, a roll explode, or a reader guess: so what stands behind it only meets files that are whole,
short and well-formed. Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996).
"""

from typing import NamedTuple

from dmm_core.errors import UploadError

__all__ = [
    "MAX_EVENTS",
    "MAX_PAYLOAD",
    "MAX_QUARTERS",
    "MAX_SECONDS",
    "MAX_TRACKS",
    "MidiFacts",
    "scan_midi",
]

MAX_TRACKS = 256
"""Tracks of a file."""

MAX_EVENTS = 200_000
"""Events of all tracks together."""

MAX_PAYLOAD = 1_000_000
"""Bytes of text and system-exclusive data together."""

MAX_SECONDS = 3600.0
"""Seconds from the beginning to the last note, at the file's own tempos."""

MAX_QUARTERS = 20_000
"""Quarter notes from the beginning to the last note: an hour at 333 a minute."""

_DEFAULT_TEMPO = 500_000  # microseconds per quarter note where a file names no tempo


class MidiFacts(NamedTuple):
    """What a scan has counted.

    Attributes:
        tracks: track chunks.
        events: events of all tracks.
        quarters: quarter notes until the last note begins or ends.
        seconds: the same in seconds.
    """

    tracks: int
    events: int
    quarters: float
    seconds: float


def scan_midi(data: bytes) -> MidiFacts:
    """Check that `data` is one whole MIDI file within the limits above that holds a note.

    Raises:
        UploadError: in one plain sentence, if it is not.
    """
    tracks, division, at = _header(data)
    scan = _Scan(data)
    for number in range(1, tracks + 1):
        if data[at : at + 4] != b"MTrk":
            raise UploadError(
                f"The MIDI file claims {tracks} tracks, but there is no track {number}."
            )
        start = at + 8
        at = start + int.from_bytes(data[at + 4 : start], "big")
        if start > len(data) or at > len(data):
            raise UploadError(f"The MIDI file is cut off: track {number} is longer than the file.")
        scan.track(start, at)
    if data[at : at + 4] == b"MTrk":
        raise UploadError(f"The MIDI file claims {tracks} tracks, but there are more.")
    if not scan.has_note:
        raise UploadError("The MIDI file holds no notes.")
    quarters = scan.last_note / division
    seconds = _seconds(scan.last_note, scan.tempos, division)
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
    return MidiFacts(tracks, scan.events, quarters, seconds)


def _header(data: bytes) -> tuple[int, int, int]:
    """Tracks claimed, ticks per quarter note, and where the first track begins."""
    if not data:
        raise UploadError("The file is empty.")
    if data[:4] != b"MThd":
        raise UploadError("The file is not a MIDI file: it does not begin with MThd.")
    length = int.from_bytes(data[4:8], "big")
    if len(data) < 14 or len(data) < 8 + length:
        raise UploadError("The MIDI file is cut off inside its header.")
    if length < 6:
        raise UploadError(f"The MIDI file's header has {length} bytes, but it should have 6.")
    kind, tracks, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if kind > 1:
        raise UploadError(f"The MIDI file has format {kind}, but only formats 0 and 1 are read.")
    if not 1 <= tracks <= MAX_TRACKS:
        raise UploadError(f"The MIDI file claims {tracks} tracks, but 1 to {MAX_TRACKS} are read.")
    if division & 0x8000:
        raise UploadError(
            "The MIDI file counts film frames (SMPTE), but only files that count quarter notes are "
            "read."
        )
    if division == 0:
        raise UploadError("The MIDI file has 0 ticks per quarter note, but it should have some.")
    return tracks, division, 8 + length


def _seconds(ticks: int, tempos: list[tuple[int, int]], division: int) -> float:
    """Seconds until `ticks`, through changes (tick, microseconds per quarter note)."""
    microseconds, since, tempo = 0.0, 0, _DEFAULT_TEMPO
    for tick, changed in sorted(tempos, key=lambda change: change[0]):
        if tick >= ticks:
            break
        microseconds += (tick - since) * tempo
        since, tempo = tick, changed
    return (microseconds + (ticks - since) * tempo) / division / 1e6


class _Scan:
    """One walk over the tracks of a file; the counts run over all of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.events = 0
        self.payload = 0
        self.has_note = False
        self.last_note = 0
        self.tempos: list[tuple[int, int]] = []

    def track(self, at: int, end: int) -> None:
        """Walk the events of the track in data[at:end]."""
        data, tick, status = self.data, 0, 0
        while at < end:
            self.events += 1
            if self.events > MAX_EVENTS:
                raise UploadError(f"The MIDI file has more than {MAX_EVENTS:,} events.")
            delta, at = self._number(at, end)
            tick += delta
            byte = data[at] if at < end else -1
            if byte == 0xFF:
                at = self._meta(at + 1, end, tick)
            elif byte in (0xF0, 0xF7):
                at = self._skip(at + 1, end)[1]
                status = 0
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
                    raise UploadError("The MIDI file has a track that ends inside an event.")
                if (data[at] | data[at + size - 1]) & 0x80:
                    raise UploadError("The MIDI file has an event with a value above 127.")
                if kind in (0x8, 0x9):
                    self.has_note = self.has_note or kind == 0x9
                    self.last_note = max(self.last_note, tick)
                at += size

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """The variable-length number at `at`, of four bytes at most, and where it ends."""
        value = 0
        for position in range(at, min(at + 4, end)):
            byte = self.data[position]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, position + 1
        if at + 4 > end:
            raise UploadError("The MIDI file has a track that ends inside an event.")
        raise UploadError("The MIDI file has a number longer than four bytes.")

    def _skip(self, at: int, end: int) -> tuple[int, int]:
        """Where the payload that follows its length at `at` begins and ends."""
        length, start = self._number(at, end)
        self.payload += length
        if start + length > end:
            raise UploadError("The MIDI file has a track that ends inside an event.")
        if self.payload > MAX_PAYLOAD:
            raise UploadError(
                f"The MIDI file has more than {MAX_PAYLOAD:,} bytes of text or "
                "system-exclusive data."
            )
        return start, start + length

    def _meta(self, at: int, end: int, tick: int) -> int:
        kind = self.data[at] if at < end else 0
        start, stop = self._skip(at + 1, end)
        if kind == 0x51:
            tempo = int.from_bytes(self.data[start:stop], "big")
            if stop - start != 3 or tempo == 0:
                raise UploadError("The MIDI file has a tempo that is no tempo.")
            self.tempos.append((tick, tempo))
        return stop
