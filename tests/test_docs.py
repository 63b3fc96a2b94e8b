"""The documentation names what there is, and what it names is there."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmm_core.cli.main import build_parser
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import RunConfig
from dmm_core.data.catalogue import DATASETS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
TEXT = {page: page.read_text() for page in PAGES}
FIELDS = [
    f"{section}.{name.replace('_', '-')}"
    for section, field in RunConfig.model_fields.items()
    for name in field.annotation.model_fields
]


def test_every_setting_is_in_the_table_of_settings():
    table = TEXT[ROOT / "docs" / "settings.md"]
    assert [name for name in FIELDS if f"| `{name}` |" not in table] == []


def test_the_table_of_settings_is_the_schema():
    done = subprocess.run(
        [sys.executable, "-m", "docs.settings"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == TEXT[ROOT / "docs" / "settings.md"]


def test_every_data_set_command_and_preset_is_documented():
    everything = "\n".join(TEXT.values())
    (commands,) = (a for a in build_parser()._actions if a.choices)
    for name in (*DATASETS, *commands.choices, *PRESETS):
        assert f"`{name}`" in everything or f"dmm_core {name}" in everything, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page):
    text = TEXT[page]
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
    for path in re.findall(r"`((?:dmm_core|pages|tests|docs|assets|benchmarks)/[\w./-]+)`", text):
        pattern = path.replace("N_NAME", "[0-9]_*").replace("NAME", "*")
        assert (ROOT / path).exists() or any(ROOT.glob(pattern)), path


def test_every_pinned_package_has_its_reason():
    pinned = [
        re.split(r"\[|==", line)[0]
        for name in ("requirements.txt", "requirements-dev.txt", "requirements-docs.txt")
        for line in (ROOT / name).read_text().splitlines()
        if not line.startswith(("#", "-r"))
    ]
    table = TEXT[ROOT / "docs" / "decisions.md"].split("| package | for |")[1].split("\n\n")[0]
    reasons = re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)
    assert sorted(reasons) == sorted(pinned)


def commands_in(text):
    for block in re.findall(r"(?:^    .*\n)+", text, flags=re.MULTILINE):
        yield from re.findall(r"python -m dmm_core (.+?)(?:\s{2,}.*|\s*#.*)?$", block, flags=re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documentation_parse(page):
    commands = [c for c in commands_in(TEXT[page]) if "[" not in c and "|" not in c]
    assert commands or page.name != "README.md"
    for command in commands:
        assert build_parser().parse_args(command.split()).command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_examples_import_is_there(page):
    for block in re.findall(r"^```python\n(.*?)^```", TEXT[page], flags=re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
