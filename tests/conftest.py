import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook(
    [
        f"dmm_core.{module}"
        for module in (
            "nn",
            "model",
            "objective",
            "draws",
            "evaluation",
            "smc",
            "filtering",
            "intervention",
            "imputation",
            "sampling",
            "latent",
            "constraints",
            "infilling",
            "morphing",
        )
    ],
    "beartype.beartype",
)


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
