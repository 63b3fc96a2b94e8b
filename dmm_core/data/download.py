"""Downloads files of known size and SHA-256 from their source or from a mirror.

What only a download needs is imported by its functions, because every command imports this module.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dmm_core.data.cache import Report
from dmm_core.errors import DataError

__all__ = ["MIRROR", "PinnedFile", "check", "download"]

MIRROR = "DMM_DATASETS_MIRROR"
"""Environment variable: folder or URL prefix from which files are read instead of their source."""

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt; twice as long before the third
READ_TIMEOUT = 20.0  # seconds without any data after which an attempt fails
TIME_LIMIT = 120.0  # seconds for all attempts together


class PinnedFile(NamedTuple):
    """A file whose content is fixed by its size and SHA-256.

    Attributes:
        name: name of the file at its source and at a mirror.
        source: URL prefix of its source.
        size: size in bytes.
        sha256: SHA-256 as a hexadecimal digest.
    """

    name: str
    source: str
    size: int
    sha256: str


def check(file: PinnedFile, content: bytes) -> bytes:
    """Return `content` if it is the content of `file`.

    Raises:
        DataError: if the size or the SHA-256 differs.
    """
    if len(content) != file.size:
        raise DataError(f"{file.name} has {len(content)} bytes instead of {file.size}.")
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{file.name} was altered: its SHA-256 is not the expected one.")
    return content


def download(file: PinnedFile, progress: Report) -> bytes:
    """Download a file and check it, in at most three attempts and two minutes.

    Args:
        file: file to download.
        progress: called with the fraction that was received.

    Raises:
        DataError: if all attempts fail; the message has the reason of the last one and advice.
    """
    from urllib3.exceptions import HTTPError

    source = os.environ.get(MIRROR) or file.source
    deadline = time.monotonic() + TIME_LIMIT
    reason = ""
    for attempt in range(ATTEMPTS if _is_url(source) else 1):
        time.sleep(PAUSE * attempt)
        try:
            return check(file, b"".join(_chunks(file, source, deadline, progress)))
        except (DataError, OSError, HTTPError) as error:  # an error of requests is an OSError
            reason = _reason(error)
        if time.monotonic() > deadline:
            break
    raise DataError(
        f"{file.name} could not be downloaded from {source} ({reason}); without a network, set "
        f"{MIRROR} to a folder or a URL that holds the file."
    )


def _chunks(file: PinnedFile, source: str, deadline: float, progress: Report) -> Iterator[bytes]:
    """Yield the content of a file as it arrives."""
    if not _is_url(source):
        yield (Path(source) / file.name).read_bytes()
        return
    import requests

    # requests is used because it has its own certificates, which Python from python.org lacks on
    # macOS until a script is run. Streamlit and music21 install it anyway.
    with requests.get(
        f"{source.rstrip('/')}/{file.name}",
        headers={"Accept-Encoding": "identity"},
        stream=True,
        timeout=READ_TIMEOUT,
    ) as response:
        response.raise_for_status()
        received = 0
        # read1 returns the data that has arrived. iter_content would wait for a full chunk and
        # could exceed the deadline on a slow server.
        while chunk := response.raw.read1(1 << 16):
            received += len(chunk)
            if received > file.size:
                raise DataError(f"it has more than {file.size} bytes")
            if time.monotonic() > deadline:
                raise DataError(f"it took longer than {TIME_LIMIT:g} s")
            progress(received / file.size, f"Downloading {file.name}")
            yield chunk


def _is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _reason(error: Exception) -> str:
    """Return a clause that says why an attempt failed."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    match error:
        case requests.HTTPError(response=requests.Response(status_code=status)):
            return f"the server answered {status}"
        case requests.Timeout() | ReadTimeoutError():
            return "the server stopped responding"
        case requests.RequestException() | HTTPError():
            return "the connection failed"
        case FileNotFoundError():
            return "there is no such file"
        case _:
            return str(error).rstrip(".")
