"""`make bench`: measure, print one table, write benchmarks/results.json."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.epoch import epoch_cost


def main() -> None:
    """Measure everything."""
    cost = epoch_cost()
    rows = {
        "JSB epoch, paper size, s": round(cost.seconds, 3),
        "its matrix products alone, s": round(cost.floor_seconds, 3),
        "ratio (median of pairs)": round(cost.ratio, 3),
    }
    for name, value in rows.items():
        print(f"{name:<40} {value:>10}")
    results = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {cost.threads} threads",
        "epoch": cost._asdict(),
    }
    path = Path(__file__).with_name("results.json")
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"Written to {path.name}.")


main()
