import gc
import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock
from jaxtyping import install_import_hook

# Workers of pytest-xdist share the cores. Child processes inherit the value. It is set here because
# PyTorch and NumPy's BLAS read it when they are imported.
os.environ["OMP_NUM_THREADS"] = "1"
# Without cached bytecode, each worker and each child process compiles every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
install_import_hook(["dmm_core.nn", "dmm_core.inference"], "beartype.beartype")

LONGEST = ("test_tutorials.py", "test_parallel.py", "test_recipes.py")


def pytest_collection_finish():
    """Find the components of Streamlit once, and exempt what there is from garbage collection."""
    if "streamlit.testing.v1" in sys.modules:
        # Every AppTest reads the metadata of all installed packages, which takes 0.2 s each time.
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Put tests with the mark `alone` first, because no other worker is in a long test then.

    The files with the longest tests follow, so that all workers end at about the same time.
    """
    items.sort(key=lambda item: (not _runs_alone(item), item.path.name not in LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """While a test with the mark `alone` runs, other workers of pytest-xdist start no test."""
    if "PYTEST_XDIST_WORKER" not in os.environ or os.name != "posix":
        return (yield)
    import fcntl

    with open(item.config.rootpath / "pyproject.toml") as door, open(__file__) as room:
        # A test that waits for the room holds the door, so that no later test overtakes it.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if _runs_alone(item) else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


def _runs_alone(item):
    return item.get_closest_marker("alone") is not None


@pytest.fixture
def dmm_home(tmp_path, monkeypatch):
    """A private, empty DMM_HOME."""
    home = tmp_path / "dmm-home"
    home.mkdir()
    monkeypatch.setenv("DMM_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def mirror():
    """The folder of the canonical polyphonic files; required in CI, else skipped where absent."""
    folder = os.environ.get("DMM_DATASETS_MIRROR")
    if not folder or not Path(folder).is_dir():
        message = "DMM_DATASETS_MIRROR names no folder with the canonical .mat files"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Path(folder)


class Chorales(NamedTuple):
    """The chorales of music21's corpus.

    Attributes:
        cache: the file that holds them, in the folder datasets/ of a DMM_HOME.
        reports: the progress reports of the one time that the corpus was read.
    """

    cache: Path
    reports: list


@pytest.fixture(scope="session")
def chorales(tmp_path_factory):
    """The whole corpus. Reading it takes 15 s, so all workers of pytest-xdist share the result."""
    from dmm_core.data.chorales import chorales_on_disk, load_chorales

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    home = folder / "chorales"
    home.mkdir(exist_ok=True)
    finished = home / "reports.json"
    with FileLock(home / "lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(home))
        if not finished.exists():
            assert not chorales_on_disk()
            reports = []
            load_chorales("jsb-m21", lambda *report: reports.append(report))
            assert chorales_on_disk()
            finished.write_text(json.dumps(reports))
    (cache,) = home.glob("datasets/*.bin")
    return Chorales(cache, json.loads(finished.read_text()))


@pytest.fixture
def chorales_home(dmm_home, chorales):
    """A private DMM_HOME that holds the chorales, so that a page need not read the corpus."""
    (dmm_home / "datasets").mkdir()
    shutil.copy(chorales.cache, dmm_home / "datasets")
    return dmm_home
