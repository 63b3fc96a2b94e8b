"""Settings of a run: schema, presets, experiments of the lessons, and command-line flags.

The frozen pydantic models in `schema` define the name, default, bounds and help text of every
setting. The command line, the forms of the pages, the JSON files and docs/settings.md are derived
from them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
