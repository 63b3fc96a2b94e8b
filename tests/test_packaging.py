"""The wheel holds the library and the app, and works outside of the checkout."""

import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from configparser import ConfigParser
from email import message_from_string
from pathlib import Path

import pytest
from browser import free_port

import dmm_core
from dmm_core.music.midi import read_midi

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def dmm(unpacked, dmm_home, tmp_path):
    """Run a program of the unpacked wheel in an arbitrary folder."""

    def dmm(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(unpacked), "DMM_HOME": str(dmm_home)},
            capture_output=True,
            text=True,
            check=False,
        )

    return dmm


def tracked(folder):
    """Files of a folder that are part of the project: no bytecode."""
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_library_and_the_app_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    app = {"app.py", ".streamlit/config.toml", *tracked("pages"), *tracked("assets")}
    expected = tracked("dmm_core") | {f"dmm_core/_app/{name}" for name in app}
    info = f"dmm_explorer-{dmm_core.__version__}.dist-info/"
    assert {name for name in names if not name.startswith(info)} == expected
    assert "dmm_core/data/jsb_split.json" in expected and "dmm_core/nn/__init__.pyi" in expected
    assert {f"{info}licenses/LICENSE", f"{info}licenses/NOTICE"} <= names


def test_the_wheel_names_its_command_its_version_and_its_requirements(unpacked):
    (info,) = unpacked.glob("*.dist-info")
    commands = ConfigParser()
    commands.read(info / "entry_points.txt")
    assert dict(commands["console_scripts"]) == {"dmm": "dmm_core.cli.main:main"}
    metadata = message_from_string((info / "METADATA").read_text())
    assert (metadata["Name"], metadata["Version"]) == ("dmm-explorer", dmm_core.__version__)
    assert len(metadata.get_all("Requires-Dist")) > len(PROJECT["dependencies"])


@pytest.mark.parametrize(
    ("declared", "pinned"),
    [
        (PROJECT["dependencies"], "requirements.txt"),
        (PROJECT["optional-dependencies"]["dev"], "requirements-dev.txt"),
        (PROJECT["optional-dependencies"]["docs"], "requirements-docs.txt"),
    ],
    ids=["library", "dev", "docs"],
)
def test_the_lower_bounds_are_the_pinned_versions(declared, pinned):
    lines = (ROOT / pinned).read_text().splitlines()
    pins = [line for line in lines if not line.startswith(("#", "-r"))]
    assert declared == [pin.replace("==", ">=") for pin in pins]


def test_the_version_is_printed(dmm):
    done = dmm("-m", "dmm_core", "--version")
    assert (done.returncode, done.stdout) == (0, f"dmm-explorer {dmm_core.__version__}\n")
    assert re.fullmatch(r"\d+\.\d+\.\d+", dmm_core.__version__)


def test_the_program_is_called_as_it_was_started(dmm):
    as_script = "import sys; sys.argv[0] = '/bin/dmm'; from dmm_core.cli.main import main; main()"
    assert dmm("-c", as_script, "runs", "--help").stdout.startswith("usage: dmm runs ")
    usual = dmm("-m", "dmm_core", "runs", "--help").stdout
    assert usual.startswith("usage: python -m dmm_core runs ")


def test_a_bundled_model_composes_from_the_wheel(dmm, tmp_path):
    done = dmm("-m", "dmm_core", "sample", "bundled:chorales", "--frames=16", "--out=out")
    assert (done.returncode, done.stdout.split()) == (0, ["out/sample-000.mid"]), done.stderr
    assert len(read_midi((tmp_path / "out" / "sample-000.mid").read_bytes()).notes) > 10


def test_an_untrusted_file_is_read_by_a_child_of_the_wheel(dmm, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2.5\n2,3.5\n3,4\n")
    done = dmm("-m", "dmm_core", "inspect", "table.csv")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "table.csv: csv, 1 sequence, 3 frames, 0 notes",
    ), done.stderr


def test_the_app_of_the_wheel_is_served_with_its_settings(unpacked, dmm_home, tmp_path):
    port = free_port()
    with open(tmp_path / "log.txt", "w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "dmm_core", "app", f"--port={port}"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(unpacked), "DMM_HOME": str(dmm_home)},
            stdout=log,
            stderr=log,
        )
        try:
            for page in ("_stcore/health", "", "Data", "Compose", "Learn"):
                assert answer(f"http://127.0.0.1:{port}/{page}", server) == 200, page
        finally:
            server.terminate()
            server.wait(timeout=20)
        log.seek(0)
        said = log.read()
    # The address is a setting of .streamlit/config.toml; by default Streamlit names every address.
    assert f"URL: http://127.0.0.1:{port}" in said and "Network" not in said, said


def answer(address, server):
    """The status of a page, once the server listens."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=20) as response:
                return response.status
        except OSError:
            time.sleep(0.1)
    return None
