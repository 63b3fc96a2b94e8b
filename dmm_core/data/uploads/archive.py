"""Reads the members of an untrusted zip archive within limits on their number, size and ratio.

`.mxl` and `.npz` files and exported runs are such archives. Only stored and deflated members are
read, because `zipfile` can bound the output of these two methods: a member never yields more bytes
than the directory lists for it, and the directory is checked first.
"""

import io
import struct
import zlib
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from dmm_core.data.uploads.report import display_name
from dmm_core.errors import UploadError

__all__ = [
    "MAX_MEMBERS",
    "MAX_RATIO",
    "MAX_UNPACKED",
    "RATIO_EXEMPT_BYTES",
    "ZIP_MAGIC",
    "read_zip",
]

MAX_MEMBERS = 16
"""Default for the largest number of members."""

MAX_UNPACKED = 64 * 2**20
"""Default for the largest size of all unpacked members together, in bytes."""

MAX_RATIO = 100
"""Largest number of unpacked bytes for each byte of the archive, beyond `RATIO_EXEMPT_BYTES`."""

RATIO_EXEMPT_BYTES = 16 * 2**20
"""Unpacked bytes that are allowed at any ratio.

The chorales as padded float64 piano-rolls, for example, compress 221-fold to 94 kB.
"""

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of an archive; the second form is that of an archive without members."""

_ENCRYPTED = 0x41  # flags of encryption and of strong encryption
_FAULTS = (BadZipFile, EOFError, OSError, OverflowError, RuntimeError, ValueError)
_FAULTS += (struct.error, zlib.error)
"""Errors that `zipfile` raises for damaged archives. NotImplementedError is a RuntimeError."""


def read_zip(
    data: bytes, *, max_bytes: int = MAX_UNPACKED, max_members: int = MAX_MEMBERS
) -> dict[str, bytes]:
    """Return the content of every member of an archive by its name, without folders.

    Args:
        data: content of the archive.
        max_bytes: largest size of all unpacked members together.
        max_members: largest number of members, including folders.

    Raises:
        UploadError: if the archive is damaged, encrypted or exceeds a limit. The message is one
            sentence.
    """
    if not data.startswith(ZIP_MAGIC):
        raise UploadError("The file is not an archive: it does not begin as a zip file.")
    with _opened(data) as archive:
        members = archive.infolist()
        # Check what the directory lists before anything is unpacked.
        if not 1 <= len(members) <= max_members:
            raise UploadError(
                f"The archive has {len(members):,} members, but 1 to {max_members:,} are read."
            )
        total = sum(member.file_size for member in members)
        if total > max_bytes:
            raise UploadError(
                f"The archive unpacks to {total:,} bytes, but at most {max_bytes:,} are read."
            )
        if total > RATIO_EXEMPT_BYTES + MAX_RATIO * len(data):
            raise UploadError(
                f"The archive unpacks from {len(data):,} to {total:,} bytes, which is over "
                f"{MAX_RATIO} times as many."
            )
        contents: dict[str, bytes] = {}
        for member in members:
            name = display_name(member.filename)
            if name in contents:
                raise UploadError(f"The archive has two members named {name:.40}.")
            contents[name] = _unpacked(archive, member, f"{name:.40}")
    return {name: content for name, content in contents.items() if not name.endswith("/")}


def _opened(data: bytes) -> ZipFile:
    """Open an archive whose member names are UTF-8, or else code page 437 as in old programs."""
    for encoding in ("utf-8", "cp437"):
        try:
            return ZipFile(io.BytesIO(data), metadata_encoding=encoding)
        except UnicodeDecodeError:
            continue
        except _FAULTS:
            break
    raise UploadError("The archive is cut off or damaged: its directory cannot be read.")


def _unpacked(archive: ZipFile, member: ZipInfo, shown: str) -> bytes:
    """Return the content of a member; `shown` is its name in messages."""
    if member.flag_bits & _ENCRYPTED:
        raise UploadError(f"The archive member {shown} is encrypted, so it cannot be read.")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise UploadError(
            f"The archive member {shown} is compressed by a method other than deflate, and only "
            "deflate is read."
        )
    try:
        with archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except _FAULTS:
        content = None
    if content is None or len(content) != member.file_size:
        raise UploadError(f"The archive member {shown} is damaged.")
    return content
