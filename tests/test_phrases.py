"""Where phrases end, guessed from a melody."""

import numpy as np
import pytest
from test_voices import voiced

from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.phrases import phrase_ends


def ends(line, **meter):
    return np.flatnonzero(phrase_ends(voiced(line), Meter(**meter))).tolist()


@pytest.mark.parametrize(
    ("line", "meter", "expected"),
    [
        # Two bars, and a bar: the last note ends the piece.
        ("60:4 62:4 64:4 65:4 67:16", {}, [4]),
        # A half note at the end of a bar, and before an upbeat.
        ("60:4 62:4 64:8 65:4 67:4 69:8", {}, [2, 6]),
        ("60:4 62:4 64:4 65:4 67:8 69:4 71:8 72:8 69:4", dict(upbeat=1), [7, 11]),
        # A long note in the middle of a bar ends nothing.
        ("60:8 62:4 64:4 65:4 67:4 69:4 71:4", {}, [7]),
        # A rest ends a phrase, wherever it is.
        ("60:4 62:3 -:1 64:4 65:4", {}, [1, 3]),
        # Without long notes and rests, phrases have two bars.
        (" ".join(["60:4"] * 24), {}, [7, 15, 23]),
        (" ".join(["60:4"] * 18), dict(beats=3), [5, 11, 17]),
        ("60:4 " + " ".join(["60:4"] * 15), dict(upbeat=1), [7, 15]),
        # A waltz has a long note in every bar, so its phrases have two bars.
        ("60:4 " + "62:8 60:4 " * 7 + "62:8", dict(beats=3, upbeat=1), [4, 10, 16, 22]),
        # Not on notes that are shorter than a beat.
        (" ".join(["60:4"] * 7 + ["60:2 62:2"] + ["60:4"] * 8), {}, [15]),
    ],
)
def test_phrases_end_at_rests_long_notes_or_every_two_bars(line, meter, expected):
    assert ends(line, **meter) == expected


def test_silence_has_no_phrases():
    with pytest.raises(DataError, match="one note or more"):
        phrase_ends(voiced("-:8"))
