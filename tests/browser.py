"""A real browser and a real server for the tests that need both."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 60
WAIT = 60_000
"""Milliseconds until a test gives up: a machine that does much else is slow."""
expect.set_options(timeout=WAIT)


def chromium_path():
    """The browser named by CHROMIUM or found on the path; required in CI, else skipped."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    for name in filter(None, names):
        if path := shutil.which(name):
            return path
    message = "there is no Chromium: install one, or name it in the variable CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def chromium():
    """A headless browser; it needs a click before sound, as a person's does."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def app(file, home):
    """Serve the Streamlit script `file` with DMM_HOME = `home`; yields its address.

    The server is a child of this process, stopped by its own id, with its log in `home`.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(file)]
    command += ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    command += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    environment = {**os.environ, "DMM_HOME": str(home), "PYTHONPATH": str(ROOT)}
    log_path = Path(home) / f"streamlit-{port}.log"
    with open(log_path, "wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _await_health(address, server, log_path)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def server_process(address):
    """The process of an app that `app` serves."""
    port = urlsplit(address).port
    (process,) = (
        child for child in psutil.Process().children() if f"--server.port={port}" in child.cmdline()
    )
    return process


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Watch:
    """What a page must not do: write errors to its console, or ask any other host.

    Attributes:
        errors: console errors and uncaught exceptions, as text.
        foreign: addresses asked outside 127.0.0.1.
    """

    def __init__(self, page):
        self.errors = []
        self.foreign = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def _request(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            self.foreign.append(request.url)


def settled(page):
    """Wait until the page's script has ended and no part of it is still being loaded."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def _await_health(address, server, log_path):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"streamlit did not start:\n{log_path.read_text()[-2000:]}")
