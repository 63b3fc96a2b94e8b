"""Fetch a file whose size and sha256 are known: from the network, or from a mirror."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from dmm_core.data.cache import Report
from dmm_core.errors import DataError

__all__ = ["MIRROR", "PinnedFile", "check", "download"]

MIRROR = "DMM_DATASETS_MIRROR"
"""Environment variable: a folder, or a URL prefix, that holds the files instead of their source."""

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt, twice as long before the third
SILENCE = 20.0  # seconds without a single byte before an attempt is given up
TIME_LIMIT = 120.0  # seconds for all attempts, however steadily a slow server drips


class PinnedFile(NamedTuple):
    """A file that can be only one thing.

    Attributes:
        name: its name under its source and under a mirror.
        source: URL prefix it is fetched from.
        size: bytes.
        sha256: hexadecimal digest.
    """

    name: str
    source: str
    size: int
    sha256: str


def check(file: PinnedFile, content: bytes) -> bytes:
    """`content`, if it is `file`.

    Raises:
        DataError: if the size or the sha256 differs.
    """
    if len(content) != file.size:
        raise DataError(f"{file.name} is {len(content)} bytes long instead of {file.size}.")
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{file.name} was altered: its sha256 is not the pinned one.")
    return content


def download(file: PinnedFile, progress: Report) -> bytes:
    """The bytes of `file`, complete and checked; a network gets three attempts and two minutes.

    Raises:
        DataError: with the last attempt's reason, where it was looked for, and the way out.
    """
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
        f"{file.name} could not be fetched from {source} ({reason}); without a network, set "
        f"{MIRROR} to a folder or a URL that holds the file."
    )


def _chunks(file: PinnedFile, source: str, deadline: float, progress: Report) -> Iterator[bytes]:
    if not _is_url(source):
        yield (Path(source) / file.name).read_bytes()
        return
    # requests rather than urllib: it brings its own certificates (Python from python.org on macOS
    # has none until a script is run), and Streamlit and music21 install it in any case.
    with requests.get(
        f"{source.rstrip('/')}/{file.name}",
        headers={"Accept-Encoding": "identity"},
        stream=True,
        timeout=SILENCE,
    ) as response:
        response.raise_for_status()
        received = 0
        # read1 hands over what has arrived; iter_content would wait for a whole chunk, and so
        # never see the deadline of a server that drips.
        while chunk := response.raw.read1(1 << 16):
            received += len(chunk)
            if received > file.size:
                raise DataError(f"it is longer than its {file.size} bytes")
            if time.monotonic() > deadline:
                raise DataError(f"it took longer than {TIME_LIMIT:g} s")
            progress(received / file.size, f"Downloading {file.name}")
            yield chunk


def _is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _reason(error: Exception) -> str:
    match error:
        case requests.HTTPError(response=requests.Response(status_code=status)):
            return f"the server answered {status}"
        case requests.Timeout() | ReadTimeoutError():
            return "the server fell silent"
        case requests.RequestException() | HTTPError():
            return "no connection, or it broke"
        case FileNotFoundError():
            return "there is no such file"
        case _:
            return str(error).rstrip(".")
