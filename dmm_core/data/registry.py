"""Every data set by name: how it is loaded, and whether it is at hand."""

from dmm_core.config.schema import DataConfig
from dmm_core.data.cache import Report
from dmm_core.data.catalogue import DATASETS, DatasetInfo, dataset_info
from dmm_core.data.chorales import CHORALE_GRIDS, chorales_on_disk, load_chorales
from dmm_core.data.medical import load_medical
from dmm_core.data.polyphonic import POLYPHONIC, load_polyphonic, polyphonic_on_disk
from dmm_core.data.sequences import Splits
from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.data.synthetic import load_synthetic
from dmm_core.data.uploads.reader import list_uploads, load_upload

__all__ = ["DATASETS", "DatasetInfo", "dataset_info", "exists", "load_dataset", "on_disk"]


def load_dataset(config: DataConfig, progress: Report | None = None) -> Splits:
    """The data set that `config` names; downloaded, parsed or drawn where it is not at hand.

    Args:
        config: its name, and the seed of a synthetic one.
        progress: called with a fraction (0 to 1) and a message while there is something to wait
            for.

    Raises:
        DataError: if there is none of that name, or it cannot be had.
    """
    report = progress or _silent
    if config.name.startswith(UPLOAD_PREFIX):
        return load_upload(config.name.removeprefix(UPLOAD_PREFIX))
    name = dataset_info(config.name).name
    if name in CHORALE_GRIDS:
        return load_chorales(name, report)
    if name in POLYPHONIC:
        return load_polyphonic(name, report)
    if name == "medical":
        return load_medical(config.seed)
    return load_synthetic(name, config.seed)


def exists(name: str) -> bool:
    """Whether there is a data set called `name`: in the catalogue, or kept on this machine."""
    return name in DATASETS or name in {info.spec.name for info in list_uploads()}


def on_disk(name: str) -> bool:
    """Whether the data set called `name` loads at once: cached, or drawn on the spot.

    Raises:
        DataError: if there is none of that name.
    """
    dataset_info(name)
    if name in CHORALE_GRIDS:
        return chorales_on_disk()
    return polyphonic_on_disk(name) if name in POLYPHONIC else True


def _silent(fraction: float, message: str) -> None:
    pass
