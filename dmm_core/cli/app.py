"""The command `app`."""

import argparse
import runpy
import sys

from dmm_core.system.files import app_folder

__all__ = ["app"]


def app(given: argparse.Namespace) -> None:
    """Serve the app in this process, until it is interrupted.

    Streamlit reads its settings from `.streamlit/config.toml` beside the script, in a checkout and
    in a wheel alike, and runs the script with the folder of the script on the import path.
    """
    port = [] if given.port is None else [f"--server.port={given.port}"]
    sys.argv = ["streamlit", "run", str(app_folder() / "app.py"), *port]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
