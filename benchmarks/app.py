"""How fast the app answers: first sound on a cold server, and reruns with and without a training.

A session speaks Streamlit's own protocol over a websocket, as a browser does, and asks for a rerun
of the page; its time ends when the server says that the script has finished. What the browser does
with the answer is not in it. The first sound is measured in Chromium.
"""

import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.sync_api import Browser
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.report import Options, Row

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from browser import ROOT, app, chromium  # pyright: ignore[reportMissingImports]
from test_browser_home import first_sound, visit  # pyright: ignore[reportMissingImports]

__all__ = ["rows"]

_PAGES = ("", "Data", "Train", "Runs", "Latent", "Compose", "Learn")
_SESSIONS = 30
_THINKING = 10.0
"""Seconds between two reruns of one of many sessions, on average."""


def rows(options: Options) -> Iterator[Row]:
    """Cold start, then reruns: of one session and of 30, alone and beside a training."""
    reruns, rounds = (60, 10) if options.full else (20, 3)
    with (
        chromium() as browser,
        tempfile.TemporaryDirectory() as home,
        app(ROOT / "app.py", home) as address,
    ):
        page, _ = visit(browser)
        yield Row("cold start to first sound", first_sound(page, address), "s", "one click")
        page.context.close()
        yield from _reruns(address, reruns, rounds, "alone")
        _train(browser, address)
        yield from _reruns(address, reruns, rounds, "beside a training, preset quick")


def _reruns(address: str, reruns: int, rounds: int, beside: str) -> Iterator[Row]:
    for page in _PAGES:
        times = _run(_session(address, page, reruns, 0.0))
        yield _p95(f"rerun p95, {page or 'Home'}", times, beside)
    times = _run(_many(address, rounds))
    yield _p95(f"rerun p95, {_SESSIONS} sessions", times, f"{beside}, every {_THINKING:g} s each")


def _p95(name: str, times: list[float], how: str) -> Row:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    median = statistics.median(times)
    return Row(name, 1e3 * p95, "ms", f"{how}; median {1e3 * median:.0f} ms of {len(times)}")


def _train(browser: Browser, address: str) -> None:
    """Begin a training in the server, as a person does, that lasts longer than the measurement."""
    page, _ = visit(browser)
    page.goto(f"{address}/Train?preset=quick&data=jsb-m21")
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.wait_for(timeout=60_000)
    epochs.fill("50000")
    epochs.press("Enter")
    page.wait_for_timeout(3_000)  # the rerun that the number asked for
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text(re.compile(r"^Epoch [\d,]+ of")).first.wait_for(timeout=120_000)
    page.context.close()


def _run(sessions: Coroutine[None, None, list[float]]) -> list[float]:
    """Run it in a thread of its own: Playwright has this one's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, sessions).result()


async def _many(address: str, reruns: int) -> list[float]:
    """Reruns of many sessions at once, spread over the pages."""
    sessions = [
        _session(address, _PAGES[i % len(_PAGES)], reruns, _THINKING, i) for i in range(_SESSIONS)
    ]
    return [seconds for times in await asyncio.gather(*sessions) for seconds in times]


async def _session(
    address: str, page: str, reruns: int, thinking: float, place: int = 0
) -> list[float]:
    times = []
    async with _connected(address) as socket:
        await _rerun(socket, page)  # the first run of a session fills its caches
        for i in range(reruns):
            await asyncio.sleep(thinking * (0.5 + (7 * i + 3 * place) % 10 / 10))
            began = time.perf_counter()
            await _rerun(socket, page)
            times.append(time.perf_counter() - began)
    return times


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[ClientConnection]:
    url = address.replace("http://", "ws://") + "/_stcore/stream"
    protocols = ["streamlit"]
    async with connect(
        url,
        subprotocols=protocols,  # pyright: ignore[reportArgumentType]
        max_size=None,
        origin=address,  # pyright: ignore[reportArgumentType]
        ping_timeout=None,
    ) as socket:
        yield socket


async def _rerun(socket: ClientConnection, page: str) -> None:
    message = BackMsg()
    message.rerun_script.page_name = page
    await socket.send(message.SerializeToString())
    while True:
        answer = ForwardMsg.FromString(await socket.recv(decode=False))
        kind = answer.WhichOneof("type")
        if kind == "page_not_found":
            raise RuntimeError(f"The app has no page {page}.")
        if kind == "script_finished":
            if answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return
