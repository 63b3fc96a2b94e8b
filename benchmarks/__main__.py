"""`make bench`: measure, print one table, write benchmarks/results.json."""

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.report import Options
from dmm_core.errors import ConfigError

SECTIONS = {
    "pyro": "against_pyro",
    "products": "epoch",
    "precision": "precision",
    "profiles": "profiles",
    "sweep": "sweep",
    "throughput": "throughput",
    "growth": "growth",
    "app": "app",
    "music": "music",
    "harmonise": "harmonise",
    "gpu": "gpu",
}

ON_REQUEST = {"gpu"}
"""Sections that are not part of everything."""


def main() -> None:
    """Measure what was asked for, by default everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=3, help="pairs behind a median (3)")
    parser.add_argument("--full", action="store_true", help="nothing is scaled from a part")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"), help="of the epochs")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds of gpu (540)")
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    torch.set_num_threads(given.threads)
    options = Options(given.threads, given.repetitions, given.full, given.clock, given.budget)
    found = []
    try:
        for section in given.sections or [name for name in SECTIONS if name not in ON_REQUEST]:
            module = importlib.import_module(f"benchmarks.{SECTIONS[section]}")
            for row in module.rows(options):
                value = "-" if row.value is None else f"{row.value:.3f}"
                print(f"{row.measure:<44} {value:>10} {row.unit:<12} {row.how}", flush=True)
                found.append({"section": section, **row._asdict()})
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    results = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"PyTorch {torch.__version__}{_gpu()}",
        "options": options._asdict(),
        "load": os.getloadavg(),
        "rows": found,
    }
    path = Path(__file__).with_name("results.json")
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"Written to {path.name}.")


def _gpu() -> str:
    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


main()
