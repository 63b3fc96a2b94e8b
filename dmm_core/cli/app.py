"""The command `app`."""

import argparse
import runpy
import sys

from dmm_core.cli.arguments import Commands, add_command, add_count
from dmm_core.system.files import app_folder

__all__ = ["add_commands", "app"]


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "app",
        app,
        "Start the app, which you use in a web browser on this machine.",
        "It runs until you press Ctrl-C.",
    )
    add_count(
        parser,
        "--port",
        None,
        "port of the web server (default: 8501, or the next port that is free)",
        high=65_535,
    )


def app(given: argparse.Namespace) -> None:
    """Serve the app in this process until it is interrupted.

    Streamlit reads its settings from `.streamlit/config.toml` in the folder of `app.py`, and adds
    this folder to the import path. A checkout and a wheel both have this layout.
    """
    port = [] if given.port is None else [f"--server.port={given.port}"]
    sys.argv = ["streamlit", "run", str(app_folder() / "app.py"), *port]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
