"""The recipes of CONTRIBUTING.md lead to what they promise, when they are followed literally."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
COPIED = (
    "pyproject.toml",
    "tests/conftest.py",
    "tests/test_emission.py",
    "tests/test_registry.py",
    "docs/data.md",
)


def recipe(title):
    """The changes of a recipe: (file, lines before, lines after), one for each hunk."""
    section = TEXT.split(f"\n### {title}\n")[1].split("\n### ")[0]
    for block in re.findall(r"^ *```diff\n(.*?)^ *```$", section, flags=re.M | re.S):
        file, *hunks = dedent(block).split("@@\n")
        assert file.startswith("+++ ")
        for hunk in hunks:
            lines = [(line[:1], line[1:] + "\n") for line in hunk.splitlines()]
            before = "".join(text for mark, text in lines if mark != "+")
            after = "".join(text for mark, text in lines if mark != "-")
            yield file.removeprefix("+++ ").strip(), before, after


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the library to which both recipes were applied."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "dmm_core", folder / "dmm_core")
    shutil.copytree(ROOT / "assets" / "data", folder / "assets" / "data")
    for name in COPIED:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    changed = []
    for title in ("An emission", "A data set"):
        for name, before, after in recipe(title):
            path = folder / name
            if before:
                text = path.read_text()
                assert text.count(before) == 1, (name, before)
                path.write_text(text.replace(before, after))
            else:
                assert not path.exists(), name
                path.write_text(after)
            changed.append(name)
    assert list(dict.fromkeys(changed)) == [
        "dmm_core/nn/emission.py",
        "dmm_core/config/schema.py",
        "tests/test_emission.py",
        "dmm_core/data/counts.py",
        "dmm_core/data/catalogue.py",
        "dmm_core/data/registry.py",
        "tests/test_registry.py",
        "docs/data.md",
    ]
    return folder


@pytest.fixture
def python(project, dmm_home):
    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return python


@pytest.mark.parametrize(
    ("data", "emission", "batch"), [("counts", "poisson", 20), ("nonlinear-gssm", "laplace", 200)]
)
def test_the_new_data_set_and_the_new_emission_train(python, data, emission, batch):
    done = python(
        *("-m", "dmm_core", "train", f"--data.name={data}", f"--model.emission={emission}"),
        *("--model.z-dim=2", "--model.rnn-size=8", "--json"),
        *("--train.epochs=3", f"--train.batch-size={batch}", "--train.lr=0.02"),
        "--train.anneal-updates=0",
    )
    assert done.returncode == 0, done.stderr
    *epochs, end = [json.loads(line) for line in done.stdout.splitlines()][1:]
    assert end["state"] == "finished" and len(epochs) == 3
    assert epochs[-1]["train_bound"] < epochs[0]["train_bound"]


def test_the_rows_of_the_recipes_pass(python):
    cases = "(says_what_it_explains or every_setting or listed or its_counts or same_counts)"
    chosen = f"{cases} and not (medical or linear or nile or sunspots or co2 or spikes)"
    done = python("-m", "pytest", "-p", "no:cacheprovider", "tests", "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("." * 12 + " "), done.stdout
