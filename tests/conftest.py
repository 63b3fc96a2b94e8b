import os
from pathlib import Path
from typing import NamedTuple

import pytest
from jaxtyping import install_import_hook

install_import_hook(["dmm_core.nn", "dmm_core.inference"], "beartype.beartype")


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
    """music21's chorales, read.

    Attributes:
        cache: the file that a home keeps them in, under datasets/.
        reports: of progress, of the one reading.
    """

    cache: Path
    reports: list


@pytest.fixture(scope="session")
def chorales(tmp_path_factory):
    """The whole corpus, read once, which takes a while."""
    from dmm_core.data.chorales import chorales_on_disk, load_chorales

    home, reports = tmp_path_factory.mktemp("chorales"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMM_HOME", str(home))
        assert not chorales_on_disk()
        load_chorales("jsb-m21", lambda *report: reports.append(report))
        assert chorales_on_disk()
    (cache,) = home.glob("datasets/*.bin")
    return Chorales(cache, reports)
