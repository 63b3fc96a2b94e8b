"""The examples in the docstrings of `dmm_core` run and return what they show."""

import ast
import doctest
import inspect
from pathlib import Path

import pytest

import dmm_core

PACKAGE = Path(dmm_core.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples():
    """Every docstring with an example, read from the source: PATH:NAME -> doctest."""
    parser = doctest.DocTestParser()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            if ">>>" in (text := ast.get_docstring(node) or ""):
                name = f"{module}:{getattr(node, 'name', '')}"
                line = node.body[0].lineno - 1
                yield pytest.param(parser.get_doctest(text, {}, name, str(path), line), id=name)


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_returns_what_it_shows(example, dmm_home, capsys):
    failed, tried = doctest.DocTestRunner(optionflags=FLAGS).run(example)
    assert tried
    assert not failed, capsys.readouterr().out


def has_example(name):
    return ">>>" in (inspect.getdoc(getattr(dmm_core, name)) or "")


def test_every_public_class_and_function_has_an_example():
    public = [name for name in dmm_core.__all__ if callable(getattr(dmm_core, name))]
    assert len(public) > 20
    assert [name for name in public if not has_example(name)] == []
