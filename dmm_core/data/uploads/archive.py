"""The members of an untrusted zip archive, without trusting anything that it says of itself.

Only what .mxl, .npz and exported runs need is read: a few stored or deflated members. Nothing is
unpacked before sizes, offsets and ratios are checked, and nothing grows beyond the size that was
claimed.
Source: APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3 and 4.4.
"""

import struct
import zlib
from typing import NamedTuple

from dmm_core.data.uploads.report import display_name
from dmm_core.errors import UploadError

__all__ = ["FREE_BYTES", "MAX_MEMBERS", "MAX_RATIO", "MAX_UNPACKED", "ZIP_MAGIC", "read_zip"]

MAX_MEMBERS = 16
"""Members of an archive."""

MAX_RATIO = 100
"""Bytes of all members for each of their compressed bytes, beyond `FREE_BYTES`."""

FREE_BYTES = 16 * 2**20
"""Bytes of all members that need no compressed ones to stand for them.

The chorales as padded float64 rolls shrink 221-fold, to 94 kB, and are no bomb.
"""

MAX_UNPACKED = 64 * 2**20
"""Bytes of all members together, unless more are allowed for."""

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""How archives begin; the second has no members."""

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_BYTES = 30
_STORED, _DEFLATED = 0, 8


class _Entry(NamedTuple):
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int


def read_zip(
    data: bytes, *, most: int = MAX_UNPACKED, members: int = MAX_MEMBERS
) -> dict[str, bytes]:
    """The members of the archive `data` by their names, folders left out.

    Args:
        data: of the archive.
        most: bytes of all members together.
        members: how many there may be.

    Raises:
        UploadError: in one plain sentence, if it is no whole, modest, plain archive.
    """
    if not data.startswith(ZIP_MAGIC):
        raise UploadError("The file is not an archive: it does not begin as a zip file.")
    entries, directory = _entries(data, members)
    total = sum(entry.size for entry in entries)
    if total > most:
        raise UploadError(f"The archive unpacks to {total:,} bytes, but at most {most:,} are read.")
    packed = sum(entry.packed for entry in entries)
    if total > FREE_BYTES + MAX_RATIO * packed:
        raise UploadError(
            f"The archive unpacks from {packed:,} to {total:,} bytes, over {MAX_RATIO} times as "
            "many."
        )
    free = 0  # where the bytes of the next member may begin
    contents: dict[str, bytes] = {}
    for entry in sorted(entries, key=lambda entry: entry.start):
        begin = _content(data, entry, free)
        free = begin + entry.packed
        if free > directory:
            raise UploadError(f"The archive is cut off inside {entry.name:.40}.")
        if entry.name in contents:
            raise UploadError(f"The archive holds {entry.name:.40} twice.")
        if not entry.name.endswith("/"):
            contents[entry.name] = _unpack(data[begin:free], entry)
    return contents


def _entries(data: bytes, most: int) -> tuple[list[_Entry], int]:
    """What the central directory lists, and where it begins."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if end < 0 or end + _END.size > len(data):
        raise UploadError("The archive is cut off: it has no directory.")
    _, disk, first_disk, here, count, size, at, _ = _END.unpack_from(data, end)
    if disk or first_disk or here != count:
        raise UploadError("The archive is one of several parts, but only whole ones are read.")
    if not 1 <= count <= most:
        raise UploadError(f"The archive has {count:,} members, but 1 to {most:,} are read.")
    if at + size > end:
        raise UploadError("The archive has a directory that is not where it should be.")
    start, entries = at, []
    for _ in range(count):
        if at + _ENTRY.size > end or data[at : at + 4] != b"PK\x01\x02":
            raise UploadError("The archive has a directory that is not well-formed.")
        fields = _ENTRY.unpack_from(data, at)
        flags, method, crc, packed, unpacked = fields[3], fields[4], *fields[7:10]
        name_bytes, extra_bytes, comment_bytes, offset = *fields[10:13], fields[16]
        start_of_name = at + _ENTRY.size
        name = data[start_of_name : start_of_name + name_bytes].decode(errors="replace")
        entries.append(_Entry(display_name(name), flags, method, crc, packed, unpacked, offset))
        at += _ENTRY.size + name_bytes + extra_bytes + comment_bytes
    return entries, start


def _content(data: bytes, entry: _Entry, free: int) -> int:
    """Where the bytes of a member begin, once it is known to be plain and modest."""
    name = f"{entry.name:.40}"
    if entry.flags & 0x41:
        raise UploadError(f"The archive has {name} encrypted, and cannot be read.")
    if entry.method not in (_STORED, _DEFLATED):
        raise UploadError(f"The archive has {name} compressed by a method that is not deflate.")
    local = data[entry.start : entry.start + _LOCAL_BYTES]
    if len(local) < _LOCAL_BYTES or local[:4] != b"PK\x03\x04":
        raise UploadError(f"The archive has no {name} where its directory says.")
    if entry.start < free:
        raise UploadError(f"The archive has {name} overlap another member.")
    name_bytes, extra_bytes = struct.unpack_from("<2H", local, 26)
    return entry.start + _LOCAL_BYTES + name_bytes + extra_bytes


def _unpack(packed: bytes, entry: _Entry) -> bytes:
    if entry.method == _STORED:
        content, whole = packed, True
    else:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(packed, entry.size + 1)
        except zlib.error:
            raise UploadError(f"The archive has {entry.name:.40} damaged.") from None
        whole = inflate.eof
    if not whole or len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise UploadError(f"The archive has {entry.name:.40} damaged.")
    return content
