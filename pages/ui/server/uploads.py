"""Limit the bytes of uploaded files that the server holds in memory.

Streamlit keeps every uploaded file in memory until its session ends, and limits only the size of
one file. This middleware adds a limit for a session and one for all sessions together.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime

from dmm_core.data.uploads.reader import MAX_BYTES

__all__ = ["FILE_BYTES", "MAX_FILES", "SERVER_BYTES", "SESSION_BYTES", "UploadLimit"]

SESSION_BYTES = 64 * 2**20
"""Bytes of uploaded files of one session."""

SERVER_BYTES = 192 * 2**20
"""Bytes of uploaded files of all sessions together."""

FILE_BYTES = MAX_BYTES + 2**14
"""Bytes of one upload: of the largest file, and of what a browser packs around it."""

MAX_FILES = 400
"""Uploaded files of one session."""

_MARK = "/_stcore/upload_file/"


class UploadLimit:
    """Answer 413 to an upload that would exceed a limit, before its body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._arriving: dict[str, list[int]] = {}  # session -> sizes of the uploads in progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] != "PUT" or _MARK not in scope["path"]:
            await self._app(scope, receive, send)
            return
        session = scope["path"].partition(_MARK)[2].partition("/")[0]
        length = Headers(scope=scope).get("content-length", "")
        if not (length.isascii() and length.isdigit()):  # of unknown size: chunked, or malformed
            await PlainTextResponse("An upload must state its length.", 411)(scope, receive, send)
            return
        with self._reserved(session, int(length)) as refusal:
            if refusal:
                await PlainTextResponse(refusal, 413)(scope, receive, send)
            else:
                await self._app(scope, receive, send)

    @contextmanager
    def _reserved(self, session: str, size: int) -> Iterator[str]:
        """Count `size` bytes as arriving within the context; yields a refusal or ""."""
        with self._lock:
            refusal = self._refusal(session, size)
            if not refusal:
                self._arriving.setdefault(session, []).append(size)
        try:
            yield refusal
        finally:
            if not refusal:
                with self._lock:
                    self._arriving[session].remove(size)
                    if not self._arriving[session]:
                        del self._arriving[session]

    def _refusal(self, session: str, size: int) -> str:
        if size > FILE_BYTES:
            return f"A file may have at most {MAX_BYTES // 2**20} MB."
        held = _held()
        own = [*held.get(session, []), *self._arriving.get(session, [])]
        everything = sum(map(sum, held.values())) + sum(map(sum, self._arriving.values()))
        if len(own) >= MAX_FILES:
            return f"This session holds {len(own)} files already; at most {MAX_FILES} are allowed."
        if sum(own) + size > SESSION_BYTES:
            return (
                f"The files of one session may have {SESSION_BYTES // 2**20} MB together. Remove "
                "some, or upload them in several groups."
            )
        if everything + size > SERVER_BYTES:
            return "The server holds too many uploaded files at the moment. Try again in a minute."
        return ""


def _held() -> Mapping[str, list[int]]:
    """Session -> sizes of the files that Streamlit holds for it."""
    manager = runtime.get_instance().uploaded_file_mgr
    storage = getattr(manager, "file_storage", {})
    return {
        session: [len(record.data) for record in list(files.values())]
        for session, files in list(storage.items())
    }
