"""Time series that are part of the project: `nile`, `sunspots` and `co2`, split in time.

The files in `assets/data` are those of statsmodels 0.14.6, which states that the data are in the
public domain (NOTICE).
"""

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.time_split import split_in_time
from dmm_core.data.uploads.csv_table import parse_csv
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import DataError
from dmm_core.system.files import assets

__all__ = ["SERIES", "load_series"]

SERIES = ("nile", "sunspots", "co2")
"""Names of the data sets."""


def load_series(name: str) -> Splits:
    """Load a series as an upload of its file with the default options would be.

    Args:
        name: one of `SERIES`.

    Returns:
        Windows of the first 70 %, the next 15 % and the last 15 % of the series, and the series
        itself as `Splits.whole`.

    Raises:
        DataError: if the file cannot be read.

    Example:
        >>> from dmm_core.data.series import load_series
        >>> nile = load_series("nile")
        >>> nile.features, nile.train.names[0]
        (('volume',), 'nile: 1871 to 1895')
    """
    path = assets() / "data" / f"{name}.csv"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The file {path} cannot be read ({error.strerror or error}); install the project "
            "again."
        ) from error
    parsed = parse_csv(content, UploadOptions())
    series = Sequences(
        (parsed.x,),
        (name,),
        observed=None if parsed.observed is None else (parsed.observed,),
        starts=parsed.starts,
        step=1.0 if parsed.time is None else parsed.time.step,
    )
    return split_in_time(
        name, parsed.kind or "real", series, time=parsed.time, features=parsed.features
    )
