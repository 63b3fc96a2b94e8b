import numpy as np
import pytest

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import LOWEST, Note
from dmm_core.music.scales import SCALES, pitch_mask
from dmm_core.music.swing import apply_swing


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("tonic", range(12))
def test_a_mask_holds_the_scale_and_nothing_else(scale, tonic):
    pitches = np.flatnonzero(pitch_mask(scale=scale, tonic=tonic)) + LOWEST
    assert {int(p - tonic) % 12 for p in pitches} == set(SCALES[scale])


def test_a_mask_ends_with_its_register():
    pitches = np.flatnonzero(pitch_mask(scale="major", tonic=2, lowest=60, highest=72)) + LOWEST
    assert pitches.tolist() == [61, 62, 64, 66, 67, 69, 71]  # D major from C4 to C5
    assert pitch_mask().all() and pitch_mask(lowest=60, highest=60).sum() == 1
    with pytest.raises(DataError, match="no scale"):
        pitch_mask(scale="x")


def test_swing_moves_the_middle_of_a_quarter_and_keeps_the_beats():
    half = 0.25  # an eighth at 120 quarters a minute
    notes = [Note(60 + i, i * half, (i + 1) * half) for i in range(8)]
    moved = apply_swing(notes, tempo=120, swing=2 / 3)
    for straight, note in zip(notes, moved, strict=True):
        on_beat = (straight.pitch - 60) % 2 == 0
        assert note.start == pytest.approx(straight.start + (0 if on_beat else half / 3))
        assert note.end == pytest.approx(straight.end + (half / 3 if on_beat else 0))
    assert apply_swing(notes, tempo=120, swing=0.5) == notes
    for swing in (0.4, 0.8, float("nan")):
        with pytest.raises(DataError, match="swing"):
            apply_swing(notes, tempo=120, swing=swing)


def test_swing_keeps_the_order_of_what_is_finer():
    sixteenths = [Note(60, i / 8, (i + 1) / 8) for i in range(16)]
    moved = apply_swing(sixteenths, tempo=120, swing=0.75)
    starts = [note.start for note in moved]
    assert starts == sorted(set(starts))
    assert all(note.start < note.end for note in moved)
