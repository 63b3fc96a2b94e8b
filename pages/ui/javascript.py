"""Join ES modules into one, because a Streamlit component takes its script as one text.

The sources are ES modules, so that they can be type-checked, linted and tested one by one. A
browser resolves `import` by address, and the modules of a component have no address. Therefore they
are joined in the order of their imports, without `import` statements, and without `export` keywords
except that of the entry's default export.
"""

import re
from pathlib import Path

from dmm_core.errors import ConfigError

__all__ = ["join_modules"]

_IMPORT = re.compile(
    r'^import \{(?:\s*[\w$]+\s*,)*\s*[\w$]*\s*\} from "(\./|\.\./\w+/)([\w-]+\.js)";\n',
    re.MULTILINE,
)
_EXPORT = re.compile(r"^export (?=(?:async )?function\b|class\b|const\b|let\b)", re.MULTILINE)
_UNSUPPORTED = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_DEFAULT = re.compile(r"^export default (?:function|class) ", re.MULTILINE)
_NAME = re.compile(
    r"^(?:export (?:default )?)?(?:(?:async )?function|class|const|let) +([\w$]+)", re.MULTILINE
)


def join_modules(entry: Path) -> str:
    """The module `entry` and all modules that it imports, as one module.

    Modules may import names from modules of the same folder or one beside it, without renaming them
    (`import { a, b } from "./file.js";` or `from "../folder/file.js";`), and export declarations
    (`export const a = ...`). Only the exports of `entry` are kept, and only its default export.

    Args:
        entry: path of the module.

    Raises:
        ConfigError: if a module uses another form of import or export, imports itself through
            others, or declares a name at its top level that another module declares too.
    """
    joined: dict[Path, str] = {}
    entry = entry.resolve()
    _append(entry, joined, ())
    # All modules share one scope, so a name must belong to one of them only.
    owners: dict[str, Path] = {}
    for path, text in joined.items():
        for name in _NAME.findall(text):
            if (owner := owners.setdefault(name, path)) != path:
                raise ConfigError(f"{path.name} and {owner.name} both declare {name!r}.")
    return "\n".join(_without_exports(path, text, path == entry) for path, text in joined.items())


def _append(path: Path, joined: dict[Path, str], importers: tuple[Path, ...]) -> None:
    """Append `path` to `joined` after the modules that it imports."""
    if path in joined:
        return
    if path in importers:
        raise ConfigError(f"{path.name} imports itself through {importers[-1].name}.")
    text = path.read_text(encoding="utf-8")
    for folder, name in _IMPORT.findall(text):
        _append((path.parent / folder / name).resolve(), joined, (*importers, path))
    joined[path] = _IMPORT.sub("", text)


def _without_exports(path: Path, text: str, entry: bool) -> str:
    text = _EXPORT.sub("", text)
    allowed = _DEFAULT.sub("", text, count=1) if entry else text
    if unsupported := _UNSUPPORTED.search(allowed):
        raise ConfigError(f"{path.name} has an unsupported statement: {unsupported[0]}")
    return text
