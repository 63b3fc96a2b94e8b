"""Loads data sets by their names, and checks whether they are on this machine."""

from dmm_core.config.schema import DataConfig
from dmm_core.data.cache import Report
from dmm_core.data.catalogue import DATASETS, DatasetInfo, dataset_info
from dmm_core.data.chorales import CHORALE_GRIDS, chorales_on_disk, load_chorales
from dmm_core.data.medical import load_medical
from dmm_core.data.polyphonic import POLYPHONIC, load_polyphonic, polyphonic_on_disk
from dmm_core.data.sequences import Splits
from dmm_core.data.series import SERIES, load_series
from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.data.spikes import load_spikes
from dmm_core.data.synthetic import load_synthetic
from dmm_core.data.uploads.reader import list_uploads, load_upload
from dmm_core.data.voices import VOICES_NAME, load_voices

__all__ = ["DATASETS", "DatasetInfo", "dataset_info", "exists", "load_dataset", "on_disk"]


def load_dataset(config: DataConfig, progress: Report | None = None) -> Splits:
    """Load the data set that `config` names.

    On first use, a canonical data set is downloaded, and the chorales are read from music21's
    corpus; later calls read the cache. A synthetic data set is drawn in every call.

    Args:
        config: name of the data set, and the seed from which a synthetic one is drawn.
        progress: called during a download or the reading of the corpus with the fraction that is
            done, 0 to 1, and a message to show.

    Raises:
        DataError: if there is no such data set, or it cannot be downloaded or read.

    Example:
        >>> from dmm_core import DataConfig, load_dataset
        >>> splits = load_dataset(DataConfig(name="linear-gssm"))
        >>> len(splits.train), splits.test.x[0].shape
        (5000, (25, 1))
    """
    report = progress or _silent
    if config.name.startswith(UPLOAD_PREFIX):
        return load_upload(config.name.removeprefix(UPLOAD_PREFIX))
    name = dataset_info(config.name).name
    if name in CHORALE_GRIDS:
        return load_chorales(name, report)
    if name == VOICES_NAME:
        return load_voices(report)
    if name in POLYPHONIC:
        return load_polyphonic(name, report)
    if name in SERIES:
        return load_series(name)
    if name == "spikes":
        return load_spikes(config.seed)
    if name == "medical":
        return load_medical(config.seed)
    return load_synthetic(name, config.seed)


def exists(name: str) -> bool:
    """Whether a data set called `name` is in the catalogue or is an upload on this machine."""
    return name in DATASETS or name in {info.spec.name for info in list_uploads()}


def on_disk(name: str) -> bool:
    """Whether the data set called `name` can be loaded without a download or a long wait.

    Raises:
        DataError: if there is no data set of that name in the catalogue.
    """
    dataset_info(name)
    if name in CHORALE_GRIDS or name == VOICES_NAME:
        return chorales_on_disk()
    return polyphonic_on_disk(name) if name in POLYPHONIC else True


def _silent(fraction: float, message: str) -> None:
    pass
