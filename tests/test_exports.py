import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import dmm_core

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(dmm_core.__path__, "dmm_core.")
    if not module.ispkg and not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_exact(name):
    module = importlib.import_module(name)
    public = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and isinstance(value, type | FunctionType)
        and value.__module__ == name
    }
    assert public <= set(module.__all__), "public but not exported"
    assert all(hasattr(module, key) for key in module.__all__), "exported but not there"
    assert list(module.__all__) == sorted(module.__all__, key=lambda k: (not k.isupper(), k))


ROOT = Path(dmm_core.__file__).parent
PACKAGES = {
    ".".join(("dmm_core", *file.parent.relative_to(ROOT).parts)): file.with_suffix(".pyi")
    for file in sorted(ROOT.rglob("__init__.py"))
    if "_app" not in file.parts
}
STUBS = {name: stub for name, stub in PACKAGES.items() if stub.exists()}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_exports_public_names_of_its_modules(name):
    package = importlib.import_module(name)
    exported = []
    for node in ast.parse(STUBS[name].read_text()).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        assert node.level == 1
        assert all(alias.asname == alias.name for alias in node.names)
        names = [alias.name for alias in node.names]
        exported += names
        if node.module is None:
            assert all(getattr(package, key).__name__ == f"{name}.{key}" for key in names)
            continue
        module = importlib.import_module(f"{name}.{node.module}")
        assert set(names) <= set(module.__all__), f"not public in {module.__name__}"
        assert [key for key in names if getattr(package, key) is not getattr(module, key)] == []
    assert sorted(exported) == package.__all__ == dir(package)


def test_a_package_without_a_stub_exports_nothing():
    assert set(PACKAGES) - set(STUBS) == {"dmm_core.cli"}
    assert not hasattr(importlib.import_module("dmm_core.cli"), "__all__")


def test_importing_the_package_and_reading_files_needs_no_torch():
    program = (
        "import sys, dmm_core, dmm_core.data.registry, dmm_core.data.uploads.reader;"
        "import dmm_core.cli.main, dmm_core.music.audio, dmm_core.exact.kalman;"
        "sys.exit(not sys.modules.keys().isdisjoint(['torch', 'scipy', 'requests']))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_training_imports_no_compiler(optimizer):
    program = f"""import sys
from dmm_core import DataConfig, ModelConfig, TrainConfig, build_model, fit, load_dataset
splits = load_dataset(DataConfig(name="linear-toy"))
small = ModelConfig(z_dim=1, emission="gaussian", emission_hidden=2, transition_hidden=2)
model = build_model(small, splits.spec, seed=0)
assert list(fit(model, splits, TrainConfig(epochs=1, optimizer={optimizer!r})))
sys.exit("torch._dynamo" in sys.modules)"""
    done = subprocess.run([sys.executable, "-c", program], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_composing_imports_no_package_that_only_slows_the_first_piece():
    program = (
        "import sys; from dmm_core import load_run, sample;"
        "sample(load_run('bundled:chorales').model, count=1, frames=2, seed=0);"
        "sys.exit('sympy' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("command", ["--help", "runs", "datasets", "train --help"])
def test_a_command_without_a_model_needs_no_torch(dmm_home, command):
    program = f"""import sys
from dmm_core.cli.main import main
try:
    main({command.split()})
finally:
    assert "torch" not in sys.modules"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
