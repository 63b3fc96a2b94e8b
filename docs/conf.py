"""Settings of Sphinx for the documentation site, which `make docs` builds.

The sources are the Markdown files where they stand in the repository, the notebooks of the
tutorials, and one page for each package of `dmm_core`, written into `docs/api` at every build.
"""

import atexit
import importlib
import os
import pkgutil
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# The notebooks keep data sets and runs in a home of their own.
os.environ["DMM_HOME"] = tempfile.mkdtemp(prefix="dmm-docs-")
atexit.register(shutil.rmtree, os.environ["DMM_HOME"], ignore_errors=True)
os.environ["PLOTLY_RENDERER"] = "notebook"  # figures and plotly.js become part of the page

from sphinx.errors import ExtensionError  # noqa: E402

import dmm_core  # noqa: E402

PACKAGES = (
    "config data nn exact inference training music runs experiments system errors cli".split()
)
CONTENTS = {
    "Use": ["docs/compose", "docs/data", "docs/runs", "docs/settings", "docs/deploy"],
    "Understand": ["docs/model", "docs/results", "docs/tutorials/README", "benchmarks/README"],
    "Program": ["docs/api/index", "CONTRIBUTING", "docs/decisions", "CHANGELOG"],
}

project = "Deep Markov Models you can see and hear"
copyright = "the maintainers of this project"
version = release = dmm_core.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["*.md", "benchmarks/README.md", "docs/**"]
exclude_patterns = [
    *(p.name for p in ROOT.iterdir() if p.is_dir() and p.name not in ("docs", "benchmarks")),
    "docs/tutorials/*.py",
]
default_role = "code"  # names in docstrings stand in single backticks
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "warn"

html_theme = "furo"
html_title = project
html_extra_path = ["index.html"]
html_copy_source = False
html_show_search_summary = False  # a page opened from disk cannot fetch others
html_show_sphinx = False


def api_page(module: str, underline: str = "=", options: str = "") -> str:
    """Return a section of reStructuredText that documents a module."""
    return f"{module}\n{underline * len(module)}\n\n.. automodule:: {module}\n{options}\n"


def toctree(pages: list[str]) -> str:
    """Return a table of contents in reStructuredText."""
    return ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {page}\n" for page in pages) + "\n"


def write_api_pages(app: Any) -> None:
    """Write a page for each package, with its paragraph and the members of its modules."""
    folder = ROOT / "docs" / "api"
    folder.mkdir(exist_ok=True)
    pages = {"index": "API reference\n=============\n\n.. automodule:: dmm_core\n\n"}
    pages["index"] += toctree(PACKAGES)
    for name in PACKAGES:
        package = importlib.import_module(f"dmm_core.{name}")
        if not hasattr(package, "__path__"):
            pages[name] = api_page(package.__name__, options="   :members:\n")
            continue
        modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        pages[name] = api_page(package.__name__)
        for module in sorted(m.name for m in modules if not m.ispkg):
            pages[name] += api_page(module, "-", "   :members:\n   :show-inheritance:\n")
    for page in folder.glob("*.rst"):
        if page.stem not in pages:
            page.unlink()
    for name, text in pages.items():
        page = folder / f"{name}.rst"
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def add_contents(app: Any, docname: str, source: list[str]) -> None:
    """Add what readers on GitHub do not need: the hidden tables of contents."""
    if docname == "README":
        for caption, pages in CONTENTS.items():
            entries = "\n".join(f"/{page}" for page in pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n{entries}\n```\n"
    elif docname == "docs/tutorials/README":
        names = sorted(path.stem for path in (ROOT / "docs" / "tutorials").glob("*.ipynb"))
        source[0] += "\n```{toctree}\n:hidden:\n" + "\n".join(names) + "\n```\n"


def skip_aliases(
    app: Any, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Skip the fields of a named tuple, since its docstring describes them."""
    return (
        True
        if (getattr(member, "__doc__", "") or "").startswith("Alias for field number")
        else None
    )


def remove_mathjax(
    app: Any, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remove the MathJax of a content delivery network, which plotly adds to each figure."""
    if "body" in context:
        script = r'<script src="https://[^"]*/mathjax/[^>]*></script>'
        context["body"] = re.sub(script, "", context["body"])


def refuse_remote_files(app: Any, error: Exception | None) -> None:
    """Refuse a site that would load a script, style, font or image over the network."""
    remote = re.compile(
        r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//[^"']*"""
        r"""|(?:url\(|@import)\s*["']?(?:https?:)?//[^"')]*"""
    )
    for path in sorted(Path(app.outdir).rglob("*")):
        if error is None and path.suffix in (".html", ".css"):
            if found := remote.search(path.read_text()):
                raise ExtensionError(f"{path} loads a file over the network: {found[0]}")


def setup(app: Any) -> None:
    """Connect the functions of this file to the build."""
    app.connect("builder-inited", write_api_pages)
    app.connect("source-read", add_contents)
    app.connect("autodoc-skip-member", skip_aliases)
    app.connect("html-page-context", remove_mathjax)
    app.connect("build-finished", refuse_remote_files)
