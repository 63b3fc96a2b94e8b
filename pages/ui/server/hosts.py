"""Refuse requests for unknown host names, and forbid other sites to frame the app.

A page of another site can let its own host name point to 127.0.0.1 (DNS rebinding). The browser
then takes this server for part of that site. The `Host` header still names the other site, so
every request and every websocket is checked for it.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

__all__ = ["HostCheck", "SecurityHeaders", "host_is_allowed"]

_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def host_is_allowed(host: str | None) -> bool:
    """Whether the server answers to the `Host` header `host`.

    If `server.allowedHosts` is set, it decides alone. Otherwise the server answers to localhost and
    to IP addresses, which no other site can claim.
    """
    if config.get_option("server.allowedHosts"):
        return is_host_allowed(host)
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class HostCheck:
    """Answer 400 to a request, and refuse a websocket, whose `Host` header is not allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan" or host_is_allowed(Headers(scope=scope).get("host")):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(
            "This server does not answer to this host name. Its operator can allow the name with "
            "server.allowedHosts in .streamlit/config.toml.\n",
            status_code=400,
        )
        if scope["type"] == "websocket":
            await receive()  # "websocket.connect"; closing before accepting refuses the handshake
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)


class SecurityHeaders:
    """Add the headers that keep other sites from framing the app or guessing content types."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
