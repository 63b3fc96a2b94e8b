"""The command `reproduce`: a table or figure of the paper, beside what was published."""

import argparse
import sys
from dataclasses import asdict

from dmm_core.data.catalogue import dataset_info
from dmm_core.experiments.known_systems import fig3, fig4, fig8
from dmm_core.experiments.medical import medical
from dmm_core.experiments.report import Comparison, table_of, write_comparison
from dmm_core.experiments.tables import table2, table3, table4
from dmm_core.system.files import json_text

__all__ = ["reproduce"]

_TABLES = {"table2": table2, "table3": table3, "table4": table4}
_OTHERS = {"fig3": fig3, "fig4": fig4, "fig8": fig8, "medical": medical}


def reproduce(given: argparse.Namespace) -> int:
    """Run an experiment, from where it stopped before; 1 where it falls short of the paper."""

    def show(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)

    if given.experiment in _TABLES:
        data = dataset_info(given.data_name or "jsb").name
        found = _TABLES[given.experiment](data, quick=given.quick, show=show)
    else:
        found = _OTHERS[given.experiment](quick=given.quick, show=show)
    folder = write_comparison(found)
    _tell(found, str(folder), given.json)
    return 0 if found.reached else 1


def _tell(found: Comparison, folder: str, as_json: bool) -> None:
    if as_json:
        values = asdict(found)
        del values["figure"]
        print(json_text({**values, "folder": folder}))
        return
    print(table_of(found))
    print(f"In brackets: what was published, or is known exactly. Kept in {folder}.")
    print(found.sentence)
