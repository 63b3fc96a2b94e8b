import numpy as np
import pytest

from dmm_core.errors import DataError
from dmm_core.music.metrics import roll_metrics


def test_exact_figures_of_two_small_rolls():
    first = np.zeros((4, 88), dtype=np.uint8)
    first[[0, 1, 3], 39] = 1  # C4, held once
    first[0, 51] = 1  # C5
    second = np.zeros((2, 88), dtype=bool)
    second[:, 0] = True  # A0, held once
    figures = roll_metrics([first, second])
    assert figures.frames == 6
    assert figures.polyphony[:3].tolist() == [1, 4, 1] and len(figures.polyphony) == 89
    assert figures.mean_polyphony == 1.0
    assert (figures.lowest, figures.highest) == (21, 72)
    assert np.flatnonzero(figures.pitches).tolist() == [0, 39, 51]
    assert figures.pitch_classes.tolist() == [4, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    assert figures.clashes == 0 and figures.in_scale == 1.0  # each roll has its own key
    assert figures.held == 2 / 3  # of C4, C4 and A0 that have a frame before them


@pytest.mark.parametrize("rolls", [[], [np.zeros((0, 88))], [np.zeros((5, 88))]])
def test_silence_has_figures_too(rolls):
    figures = roll_metrics(rolls)
    assert (figures.lowest, figures.highest) == (None, None)
    assert (figures.mean_polyphony, figures.held) == (0.0, 0.0)
    assert figures.polyphony.sum() == figures.frames


def test_every_frame_and_note_is_counted_once():
    rng = np.random.default_rng(0)
    rolls = [rng.random((frames, 88)) < 0.1 for frames in (1, 7, 50)]
    figures = roll_metrics(rolls)
    notes = sum(int(roll.sum()) for roll in rolls)
    assert figures.pitches.sum() == figures.pitch_classes.sum() == notes
    assert figures.polyphony @ np.arange(89) == notes
    assert figures.mean_polyphony == notes / 58


def test_another_shape_is_refused():
    with pytest.raises(DataError, match=r"not \(3, 128\)"):
        roll_metrics([np.zeros((3, 128))])


def test_the_canonical_chorales(mirror):
    from scipy.io import loadmat

    splits = loadmat(mirror / "JSB_Chorales.mat")
    rolls = [roll for name in ("traindata", "validdata", "testdata") for roll in splits[name][0]]
    figures = roll_metrics(rolls)
    assert (figures.lowest, figures.highest) == (43, 96)
    assert round(figures.mean_polyphony, 2) == 3.89
    assert round(figures.held, 2) == 0.38


def test_clashes_and_notes_out_of_the_scale_are_counted():
    roll = np.zeros((4, 88), dtype=bool)
    for frame, pitches in enumerate([(60, 64, 67), (62, 65, 69), (59, 60, 67), (60, 66)]):
        roll[frame, np.array(pitches) - 21] = True
    figures = roll_metrics([roll])
    assert figures.clashes == 1 / 4  # B and C
    assert figures.chords == 2 / 4  # C major, and D minor
    assert figures.in_scale == 10 / 11  # all but the F sharp in C major
