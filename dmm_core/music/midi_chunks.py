"""Reads the header of an untrusted MIDI file, and finds its tracks.

Sources: Standard MIDI Files 1.0 (MIDI Manufacturers Association, 1996); RP-029, "Bundling SMF and
DLS data in an RMID file" (1999), for the RIFF envelope.
"""

from typing import NamedTuple

from dmm_core.errors import UploadError

__all__ = ["MAX_TRACKS", "MidiChunks", "find_chunks", "is_midi"]

MAX_TRACKS = 256
"""Largest number of tracks, and of other chunks, in a file."""


class MidiChunks(NamedTuple):
    """The layout of a MIDI file.

    Attributes:
        data: the file without its RIFF envelope.
        division: ticks per quarter note.
        claimed: number of tracks according to the header.
        tracks: start and end of the events of each track in `data`.
        unknown: number of chunks that are not tracks.
        trailing: number of bytes after the last chunk.
    """

    data: bytes
    division: int
    claimed: int
    tracks: tuple[tuple[int, int], ...]
    unknown: int
    trailing: int


def is_midi(data: bytes) -> bool:
    """Return whether `data` begins like a MIDI file, with or without a RIFF envelope."""
    return data.startswith(b"MThd") or (data.startswith(b"RIFF") and data[8:12] == b"RMID")


def find_chunks(data: bytes) -> MidiChunks:
    """Check the header of a MIDI file and find its tracks.

    Chunks of other types are skipped, as the standard requires. The number of tracks in the header
    is not used.

    Raises:
        UploadError: if the header is not that of a readable file, or a track is cut off.
    """
    data = _unwrapped(data)
    claimed, division, at = _header(data)
    tracks: list[tuple[int, int]] = []
    unknown = 0
    while at + 8 <= len(data):
        kind, start = data[at : at + 4], at + 8
        end = start + int.from_bytes(data[at + 4 : start], "big")
        if kind == b"MTrk" and end <= len(data):
            tracks.append((start, end))
        elif kind == b"MTrk" or end > len(data) or not _is_chunk_type(kind):
            break
        else:
            unknown += 1
        if max(len(tracks), unknown) > MAX_TRACKS:
            what = "tracks" if len(tracks) > MAX_TRACKS else "chunks that are not tracks"
            raise UploadError(f"The MIDI file has over {MAX_TRACKS} {what}.")
        at = end
    if data[at : at + 4] == b"MTrk":
        raise UploadError(
            f"The MIDI file is cut off: track {len(tracks) + 1} is longer than the file."
        )
    if not tracks:
        raise UploadError(f"The MIDI file claims {claimed} tracks, but it holds none.")
    return MidiChunks(data, division, claimed, tuple(tracks), unknown, len(data) - at)


def _is_chunk_type(kind: bytes) -> bool:
    """Return whether a chunk type consists of printable ASCII characters."""
    return all(0x20 <= byte < 0x7F for byte in kind)


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside a RIFF envelope, or `data` if there is no envelope."""
    if not (data.startswith(b"RIFF") and is_midi(data)):
        return data
    at = 12
    for _ in range(MAX_TRACKS):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2  # chunks are padded to an even number of bytes
    raise UploadError("The RIFF file holds no MIDI data.")


def _header(data: bytes) -> tuple[int, int, int]:
    """Return the claimed number of tracks, ticks per quarter note, and start of the first chunk."""
    if not data:
        raise UploadError("The file is empty.")
    if data[:4] != b"MThd":
        raise UploadError("The file is not a MIDI file: it does not begin with MThd.")
    length = int.from_bytes(data[4:8], "big")
    if len(data) < 14 or len(data) < 8 + length:
        raise UploadError("The MIDI file is cut off inside its header.")
    if length < 6:
        raise UploadError(f"The MIDI file's header has {length} bytes, but it should have 6.")
    kind, claimed, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if kind > 1:
        raise UploadError(f"The MIDI file has format {kind}, but only formats 0 and 1 are read.")
    if claimed > MAX_TRACKS:
        raise UploadError(
            f"The MIDI file claims {claimed} tracks, but at most {MAX_TRACKS} are read."
        )
    if division & 0x8000:
        raise UploadError(
            "The MIDI file counts film frames (SMPTE), but only files that count quarter notes are "
            "read."
        )
    if division == 0:
        raise UploadError(
            "The MIDI file has 0 ticks per quarter note, but it should have 1 or more."
        )
    return claimed, division, 8 + length
