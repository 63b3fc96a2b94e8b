"""The meter of a piece."""

import pytest

from dmm_core.errors import DataError
from dmm_core.music import Meter


def test_beats_are_counted_from_the_first_full_bar():
    assert Meter(4).positions(6).tolist() == [0, 1, 2, 3, 0, 1]
    assert Meter(3, upbeat=1).positions(5).tolist() == [2, 0, 1, 2, 0]
    assert Meter(3).lengths(2).tolist() == [3, 3]


@pytest.mark.parametrize(("beats", "upbeat"), [(0, 0), (13, 0), (4, 4), (4, -1)])
def test_a_meter_out_of_bounds_is_refused(beats: int, upbeat: int):
    with pytest.raises(DataError, match="beats"):
        Meter(beats, upbeat)
