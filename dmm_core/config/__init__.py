"""Settings: their schema, the presets, the experiments of the lessons, and command-line flags.

The frozen pydantic models in `schema` are the one source of every setting's name, default, bounds
and help text. The command line, the forms of the pages, the JSON files and docs/settings.md are
all derived from them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
