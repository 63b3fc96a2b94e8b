import hashlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dmm_core.data import download as module
from dmm_core.data.download import MIRROR, PinnedFile, check, download
from dmm_core.errors import DataError

CONTENT = bytes(range(256)) * 400
FILE = PinnedFile("rolls.mat", "", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
ALTERED = CONTENT[:5000] + b"\x00\x00" + CONTENT[5002:]


def whole(handler):
    respond(handler, CONTENT)


def cut(handler):
    respond(handler, CONTENT[:60_000], promised=len(CONTENT))


def short(handler):
    respond(handler, CONTENT[:60_000])


def altered(handler):
    respond(handler, ALTERED)


def long(handler):
    respond(handler, CONTENT + b"\x00")


def missing(handler):
    handler.send_error(404)


def broken(handler):
    handler.send_error(500)


def garbage(handler):
    handler.wfile.write(b"this is not HTTP\r\n\r\n")


def silent(handler):
    handler.server.stopped.wait(5)


def stalling(handler):
    respond(handler, CONTENT[:60_000], promised=len(CONTENT), then=silent)


def dripping(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    for position in range(len(CONTENT)):
        if handler.server.stopped.wait(0.02):
            return
        handler.wfile.write(CONTENT[position : position + 1])


def respond(handler, body, promised=None, then=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(promised or len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    if then:
        handler.wfile.flush()
        then(handler)


@pytest.fixture
def serve(monkeypatch):
    """Start a server that answers the requests in turn, the last answer for good; count them."""
    servers = []

    def start(*answers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.paths.append(self.path)
                try:
                    answers[min(len(self.server.paths), len(answers)) - 1](self)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client has given up: that is what some of these tests are about

            def log_message(self, format, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.paths, server.stopped = [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server_port}/mirror")
        return server

    monkeypatch.setattr(module, "PAUSE", 0.0)
    yield start
    for server, thread in servers:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def ignore(fraction, message):
    pass


def test_a_whole_file_arrives_with_its_progress(serve):
    server, seen = serve(whole), []
    assert download(FILE, lambda fraction, message: seen.append((fraction, message))) == CONTENT
    assert server.paths == ["/mirror/rolls.mat"]
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {message for _, message in seen} == {"Downloading rolls.mat"}


@pytest.mark.parametrize("fault", [cut, short, altered, long, broken, garbage])
def test_two_faulty_answers_are_retried(serve, fault):
    server = serve(fault, fault, whole)
    assert download(FILE, ignore) == CONTENT
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (cut, "the connection failed"),
        (short, "has 60000 bytes instead of 102400"),
        (altered, "was altered"),
        (long, "more than 102400 bytes"),
        (missing, "the server answered 404"),
        (broken, "the server answered 500"),
        (garbage, "the connection failed"),
    ],
)
def test_a_file_that_never_comes_whole_is_refused_with_the_reason(serve, fault, reason):
    server = serve(fault)
    with pytest.raises(DataError, match=reason) as error:
        download(FILE, ignore)
    assert MIRROR in str(error.value)
    assert len(server.paths) == 3


@pytest.mark.parametrize("fault", [silent, stalling])
def test_a_silent_server_is_given_up(serve, monkeypatch, fault):
    monkeypatch.setattr(module, "READ_TIMEOUT", 0.2)
    serve(fault)
    started = time.monotonic()
    with pytest.raises(DataError, match="the server stopped responding"):
        download(FILE, ignore)
    assert time.monotonic() - started < 3


def test_a_dripping_server_is_given_up_at_the_time_limit(serve, monkeypatch):
    monkeypatch.setattr(module, "TIME_LIMIT", 0.3)
    server = serve(dripping)
    started = time.monotonic()
    with pytest.raises(DataError, match=r"longer than 0\.3 s"):
        download(FILE, ignore)
    assert time.monotonic() - started < 2
    assert len(server.paths) == 1


def test_no_server_is_one_sentence_that_names_the_way_out(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.delenv(MIRROR, raising=False)
    file = FILE._replace(source=f"http://127.0.0.1:{port}/")
    with pytest.raises(DataError) as error:
        download(file, ignore)
    assert str(error.value) == (
        f"rolls.mat could not be downloaded from http://127.0.0.1:{port}/ (the connection "
        "failed); without a network, set DMM_DATASETS_MIRROR to a folder or a URL that holds the "
        "file."
    )


def test_a_mirror_folder_serves_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv(MIRROR, str(tmp_path))
    (tmp_path / "rolls.mat").write_bytes(CONTENT)
    assert download(FILE, ignore) == CONTENT


@pytest.mark.parametrize("content", [None, ALTERED, CONTENT[:-1], b""])
def test_a_mirror_folder_is_not_trusted(tmp_path, monkeypatch, content):
    monkeypatch.setenv(MIRROR, str(tmp_path))
    if content is not None:
        (tmp_path / "rolls.mat").write_bytes(content)
    with pytest.raises(DataError, match=MIRROR):
        download(FILE, ignore)


def test_check_finds_every_changed_byte():
    assert check(FILE, CONTENT) is CONTENT
    for position in range(0, len(CONTENT), 997):
        changed = bytearray(CONTENT)
        changed[position] ^= 1
        with pytest.raises(DataError, match="altered"):
            check(FILE, bytes(changed))
