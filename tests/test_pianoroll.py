import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from dmm_core.errors import DataError
from dmm_core.music import pianoroll
from dmm_core.music.pianoroll import Note, notes_from_roll, roll_from_notes

rolls = hnp.arrays(bool, st.tuples(st.integers(0, 40), st.just(88)))
grids = st.sampled_from([1, 2, 4])
tempos = st.floats(1.0, 2000.0)


@settings(max_examples=60, deadline=None)
@given(rolls, tempos, grids, st.booleans())
def test_a_roll_comes_back_from_its_notes(roll, tempo, grid, rearticulate):
    notes = notes_from_roll(
        roll, tempo=tempo, steps_per_quarter=grid, rearticulate=rearticulate, velocity=70
    )
    back = roll_from_notes(notes, tempo=tempo, steps_per_quarter=grid, frames=len(roll))
    assert np.array_equal(back, roll)
    assert notes == sorted(notes, key=lambda note: (note.start, note.pitch))
    assert all(type(value) in (int, float) for note in notes for value in note)


def test_a_long_roll_comes_back_at_an_odd_tempo():
    roll = np.zeros((80_000, 88), dtype=bool)
    roll[::7, 3] = True
    notes = notes_from_roll(roll, tempo=97.3, steps_per_quarter=4, rearticulate=True)
    back = roll_from_notes(notes, tempo=97.3, steps_per_quarter=4, frames=len(roll))
    assert np.array_equal(back, roll)


def test_articulation():
    roll = np.zeros((4, 88), dtype=bool)
    roll[[0, 1, 3], 39] = True
    tied = notes_from_roll(roll, tempo=60, rearticulate=False)
    assert tied == [Note(60, 0.0, 2.0), Note(60, 3.0, 4.0)]
    struck = notes_from_roll(roll, tempo=120, steps_per_quarter=2, rearticulate=True)
    assert struck == [Note(60, 0.0, 0.25), Note(60, 0.25, 0.5), Note(60, 0.75, 1.0)]
    assert [pianoroll.rearticulates_by_default(grid) for grid in (1, 2, 4)] == [True, False, False]


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [
        (0.0, 1.0, [0]),
        (0.49, 0.51, [0]),  # one frame at least
        (0.51, 2.4, [1]),
        (0.5, 1.5, [0]),  # of two equally near frames the earlier
        (1.5 - 1e-9, 1.5 + 1e-9, [1]),
        (2.0, 2.0, [2]),  # no length
        (0.0, 2.6, [0, 1, 2]),
    ],
)
def test_rounding(start, end, frames):
    roll = roll_from_notes([Note(21, start, end)], tempo=60, steps_per_quarter=1)
    assert np.flatnonzero(roll[:, 0]).tolist() == frames
    assert len(roll) == frames[-1] + 1


def test_the_length_asked_for_pads_and_cuts():
    notes = [Note(108, 0.0, 3.0), Note(21, 5.0, 6.0)]
    assert roll_from_notes(notes, tempo=60, steps_per_quarter=1, frames=9).shape == (9, 88)
    cut = roll_from_notes(notes, tempo=60, steps_per_quarter=1, frames=2)
    assert cut[:, 87].all() and cut.sum() == 2
    assert roll_from_notes([], tempo=60, steps_per_quarter=1).shape == (0, 88)


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (Note(20, 0, 1), "pitch 20 has no column"),
        (Note(109, 0, 1), "pitch 109 has no column"),
        (Note(128, 0, 1), "MIDI pitches are 0 to 127"),
        (Note(60, 0, 1, 0), "velocity 0"),
        (Note(60, 0, 1, 128), "velocity 128"),
        (Note(60, -1, 1), "from -1 to 1"),
        (Note(60, 2, 1), "from 2 to 1"),
        (Note(60, 0, float("inf")), "finite"),
        (Note(60, float("nan"), 1), "finite"),
        (Note(60, 0, 2.5e12), "at most 1,000,000 frames"),
        (Note(60, 2.5e11, 2.5e11), "at most 1,000,000 frames"),
    ],
)
def test_notes_that_no_roll_can_hold(note, words):
    with pytest.raises(DataError, match=words):
        roll_from_notes([note], tempo=60, steps_per_quarter=1)


@pytest.mark.parametrize("tempo", [0.0, -1.0, float("nan"), float("inf")])
def test_a_tempo_is_positive_and_finite(tempo):
    with pytest.raises(DataError, match="tempo"):
        roll_from_notes([], tempo=tempo, steps_per_quarter=1)


def test_a_grid_is_one_of_three():
    with pytest.raises(DataError, match="1, 2 or 4 frames, not 3"):
        notes_from_roll(np.zeros((1, 88)), steps_per_quarter=3, rearticulate=True)


def test_what_is_a_roll():
    assert pianoroll.as_roll(np.ones((2, 88), dtype=np.uint8)).dtype == bool
    for faulty in (np.zeros((88,)), np.zeros((3, 128)), np.full((1, 88), 0.4), np.full((1, 88), 2)):
        with pytest.raises(DataError, match="piano-roll"):
            pianoroll.as_roll(faulty)
