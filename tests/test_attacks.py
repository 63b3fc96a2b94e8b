"""Attacks on a running server: it goes on answering, and its memory stays small."""

import asyncio
import http.client
import threading
import time
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from browser import ROOT, app, server_process
from page_models import music_run
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pages.ui.server import uploads

MOST_MEMORY = 1.5 * 2**30
MOST_SECONDS = 2.0
MEGABYTE = 2**20


class Server:
    """A running app: its address, and what has been seen of it while it was attacked."""

    def __init__(self, address):
        self.address = address
        self.host = urlsplit(address).netloc
        self.process = server_process(address)
        self.slowest = self.memory = 0.0

    def look(self):
        began = time.monotonic()
        with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=30) as answer:
            assert answer.status == 200
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.memory = max(self.memory, self.process.memory_info().rss)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("dmm-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(home))
        music_run()
        with app(ROOT / "app.py", home) as address:
            yield Server(address)


@contextmanager
def watched(server):
    """Within it, the server's health is asked five times a second; afterwards it is judged."""
    done, failed = threading.Event(), []

    def watch():
        try:
            while not done.wait(0.2):
                server.look()
        except Exception as fault:
            failed.append(fault)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert not failed
    assert server.slowest < MOST_SECONDS
    assert server.memory < MOST_MEMORY


def asked(server, path, *, host=None, method="GET", body=None, headers=()):
    """Status, headers and text of a request."""
    connection = http.client.HTTPConnection(server.host, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or server.host)
    if body is not None and "Transfer-Encoding" not in dict(headers):
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers:
        connection.putheader(name, value)
    try:
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")
    except (BrokenPipeError, ConnectionResetError):
        return 0, {}, ""  # refused before all of the body was sent
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil", "["]
)
@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/media/x.wav", "/_stcore/host-config"])
def test_another_sites_name_is_not_answered(server, host, path):
    status, _, text = asked(server, path, host=host)
    assert status == 400 and "server.allowedHosts" in text


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8501", "10.0.0.7"]
)
def test_this_machine_and_addresses_are_answered_with_safe_headers(server, host):
    status, headers, _ = asked(server, "/", host=host)
    assert status == 200
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def opened(server, host, origin):
    url = server.address.replace("http://", "ws://") + "/_stcore/stream"
    async with connect(
        url, subprotocols=["streamlit"], origin=origin, additional_headers={"Host": host}
    ):
        return True


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501"])
def test_a_rebound_name_gets_no_websocket(server, host):
    with pytest.raises(InvalidStatus) as refusal:
        asyncio.run(opened(server, host, f"http://{host}"))
    assert refusal.value.response.status_code in (400, 403)


@contextmanager
def session(server):
    """A visitor's session on the Data page; yields the id that uploads are sent to."""
    loop = asyncio.new_event_loop()
    try:
        socket, session_id = loop.run_until_complete(_visit(server))
        yield session_id
        loop.run_until_complete(socket.close())
    finally:
        loop.close()


async def _visit(server):
    url = server.address.replace("http://", "ws://") + "/_stcore/stream"
    # Nobody reads the messages that follow, so that a closing handshake would wait for its timeout.
    socket = await connect(
        url,
        subprotocols=["streamlit"],
        origin=server.address,
        max_size=None,
        ping_timeout=None,
        close_timeout=0.1,
    )
    message = BackMsg()
    message.rerun_script.page_name = "Data"
    message.rerun_script.query_string = "view=own"
    await socket.send(message.SerializeToString())
    while True:
        answer = ForwardMsg.FromString(await socket.recv(decode=False))
        if answer.WhichOneof("type") == "new_session":
            return socket, answer.new_session.initialize.session_id


def sent(server, session_id, name, size):
    """The status of an upload of `size` zero bytes."""
    _, page, _ = asked(server, "/_stcore/health")
    cookie = page.get("set-cookie", "").partition(";")[0]
    token = cookie.partition("=")[2]
    edge = "edge"
    body = (
        f'--{edge}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        + bytes(size)
        + f"\r\n--{edge}--\r\n".encode()
    )
    return asked(
        server,
        f"/_stcore/upload_file/{session_id}/{name}",
        method="PUT",
        body=body,
        headers=[
            ("Content-Type", f"multipart/form-data; boundary={edge}"),
            ("Cookie", cookie),
            ("X-Xsrftoken", token),
        ],
    )


def test_many_uploads_of_19_megabytes_do_not_stay_in_memory(server):
    before = server.process.memory_info().rss
    with watched(server), session(server) as one, session(server) as two:
        told = [sent(server, one, f"{i}.csv", 19 * MEGABYTE) for i in range(12)]
        told += [sent(server, two, f"{i}.csv", 19 * MEGABYTE) for i in range(8)]
    statuses = [status for status, _, _ in told]
    assert statuses.count(204) == 6, statuses  # three of each session
    assert set(statuses) <= {204, 413, 0}
    assert any("The files of one session may have 64 MB together" in text for _, _, text in told)
    assert server.process.memory_info().rss - before < 500 * MEGABYTE


def test_the_limit_of_20_megabytes_is_exact(server):
    with session(server) as visitor:
        assert sent(server, visitor, "fits.csv", 20 * MEGABYTE)[0] == 204
        assert sent(server, visitor, "over.csv", 20 * MEGABYTE + 2**14)[0] in (413, 0)


def test_an_upload_of_unknown_length_is_refused(server):
    with session(server) as visitor:
        status, _, text = asked(
            server,
            f"/_stcore/upload_file/{visitor}/x",
            method="PUT",
            body=b"5\r\nhello\r\n0\r\n\r\n",
            headers=[("Transfer-Encoding", "chunked")],
        )
    assert status == 411 and "state its length" in text


def test_many_small_uploads_and_full_servers_are_refused(monkeypatch):
    limit = uploads.UploadLimit(None)
    held = {"one": [1] * (uploads.MAX_FILES - 1)}
    monkeypatch.setattr(uploads, "_held", lambda: held)
    with limit._reserved("one", 1) as last, limit._reserved("one", 1) as over:
        assert last == "" and "holds 400 files already" in over
    with limit._reserved("one", 1) as freed:
        assert freed == ""
    held |= {str(i): [60 * MEGABYTE] for i in range(3)}
    with limit._reserved("two", 10 * MEGABYTE) as fits, limit._reserved("new", 10**7) as full:
        assert fits == "" and "The server holds too many" in full
