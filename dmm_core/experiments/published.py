"""Published results on the four canonical data sets, in nats per frame; lower is better.

Sources: Krishnan, Shalit and Sontag, "Structured Inference Networks for Nonlinear State Space
Models" (AAAI 2017), tables 2, 3 and 4 for the DMM, and the other models as the paper quotes them;
Pyro's tutorial "Deep Markov Model" for its own. All are results on the test split of the same
files. They cannot be compared with results on other data, such as other encodings of the chorales.
"""

from typing import NamedTuple

__all__ = ["CANONICAL", "NETWORKS", "PublishedRow", "published"]


class PublishedRow(NamedTuple):
    """A published result on a test split. A value is None if it was not published.

    Attributes:
        title: name of the model.
        source: the publication.
        importance_nll: the paper's a.
        bound_per_step: the paper's (b).
        bound_per_sequence: the paper's {c}.
    """

    title: str
    source: str
    importance_nll: float | None
    bound_per_step: float | None
    bound_per_sequence: float | None


_PAPER = (
    ("DMM", "table 3"),
    ("DMM-Aug", "table 3"),
    ("DMM-Aug-NADE", "table 4"),
    ("HMSBN", "paper"),
    ("STORN", "paper"),
    ("TSBN", "paper"),
)

_VALUES: dict[str, tuple[tuple[float | None, float | None, float | None], ...]] = {
    "jsb": (
        (6.388, 6.926, 6.856),
        (6.288, 6.773, 6.692),
        (5.118, 5.335, 5.264),
        (None, 8.047, None),
        (6.91, None, None),
        (None, None, 7.48),
    ),
    "nottingham": (
        (2.770, 2.964, 2.954),
        (2.679, 2.856, 2.872),
        (2.305, 2.347, 2.364),
        (None, 5.235, None),
        (2.85, None, None),
        (None, None, 3.67),
    ),
    "piano-midi": (
        (7.835, 7.980, 8.246),
        (7.591, 7.721, 8.025),
        (7.048, 7.099, 7.361),
        (None, 9.563, None),
        (7.13, None, None),
        (None, None, 7.98),
    ),
    "musedata": (
        (6.831, 6.989, 6.203),
        (6.356, 6.476, 5.766),
        (6.049, 6.115, 5.247),
        (None, 9.741, None),
        (6.16, None, None),
        (None, None, 6.81),
    ),
}

NETWORKS: dict[str, dict[str, tuple[float, float]]] = {
    "jsb": {
        "DKS": (6.605, 7.033),
        "ST-L": (7.020, 7.519),
        "ST-LR": (6.632, 7.078),
        "MF-LR": (6.701, 7.101),
    },
    "nottingham": {
        "DKS": (3.136, 3.327),
        "ST-L": (3.446, 3.657),
        "ST-LR": (3.251, 3.449),
        "MF-LR": (3.273, 3.441),
    },
    "piano-midi": {
        "DKS": (8.471, 8.584),
        "ST-L": (9.375, 9.498),
        "ST-LR": (8.406, 8.529),
        "MF-LR": (9.188, 9.297),
    },
    "musedata": {
        "DKS": (7.280, 7.136),  # as printed; a bound below the estimate is an error of the table
        "ST-L": (8.301, 8.495),
        "ST-LR": (7.127, 7.268),
        "MF-LR": (8.760, 8.877),
    },
}
"""Table 2: data set -> inference network -> importance NLL and bound per step."""

CANONICAL = frozenset(_VALUES)
"""Names of the data sets whose results can be compared with the paper's."""


def published(data: str) -> list[PublishedRow]:
    """The published results on a data set; an empty list if it is not a canonical one."""
    rows = [
        PublishedRow(title, f"Paper, {table}", *values)
        for (title, table), values in zip(_PAPER, _VALUES.get(data, ()), strict=False)
    ]
    if data == "jsb":
        rows.append(PublishedRow("DMM in Pyro, 2 flows", "Pyro's tutorial", None, 6.80, None))
    return rows
