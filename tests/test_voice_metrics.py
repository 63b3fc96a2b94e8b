import numpy as np
import pytest

from dmm_core.music.voice_metrics import (
    Share,
    chord_bigrams,
    chord_sets,
    class_sets,
    measure,
    melody_windows,
    note_lengths,
    top_intervals,
    total,
)
from tests.test_voices import voiced


def test_a_semitone_is_a_clash_unless_it_is_a_suspension():
    # The C is struck with the B below it, and does not move down afterwards.
    struck = measure(voiced("72:4 74:4", "71:4 71:4"))
    assert struck.clashes == Share(4, 8) and struck.suspensions == Share(0, 8)
    # The C is held while the B enters, and resolves down by a step.
    suspended = measure(voiced("72:8 71:4", "69:4 71:4 67:4"))
    assert suspended.clashes == Share(0, 12) and suspended.suspensions == Share(4, 12)
    # A repeated note is prepared as well as a held one.
    assert measure(voiced("72:4 72:4 70:4", "69:4 71:4 67:4")).suspensions == Share(4, 12)
    # It moves up, or by a third, or into silence: no resolution.
    for after in ("74", "69", "-"):
        moved = measure(voiced(f"72:8 {after}:4", "69:4 71:4 67:4"))
        assert moved.clashes == Share(4, 12) and moved.suspensions == Share(0, 12)
    # The lower voice may be the one that is held.
    below = measure(voiced("69:4 72:4 72:4", "71:8 69:4"))
    assert below.clashes == Share(0, 12) and below.suspensions == Share(4, 12)
    # A minor ninth is no semitone, and silence is not counted.
    assert measure(voiced("73:4 -:4", "60:4 -:4")).clashes == Share(0, 4)


def test_a_clash_beside_a_suspension_counts_as_a_clash():
    found = measure(voiced("72:8 71:4", "69:4 71:4 67:4", "60:4 61:8", "50:4 60:8"))
    assert found.clashes == Share(8, 12) and found.suspensions == Share(0, 12)


def test_chords_and_notes_on_the_beat():
    piece = voiced(
        "72:4 74:4 71:4 -:4", "67:4 69:4 67:4 -:4", "64:4 65:4 65:4 -:4", "48:4 50:4 55:4 -:4"
    )
    found = measure(piece)
    # C major, D minor, and G7 without its fifth, which is neither a triad nor a seventh chord.
    assert found.chords == Share(2, 3) and found.four_notes == Share(3, 3)
    assert class_sets(piece).tolist()[0] == 1 << 0 | 1 << 4 | 1 << 7
    assert measure(voiced("60:4", "60:4", "55:4", "48:4")).four_notes == Share(0, 1)


def test_steps_and_leaps_of_the_top_line():
    piece = voiced("60:2 62:1 62:1 67:4 -:2 60:2", "48:12")
    assert top_intervals(piece).tolist() == [2, 0, 5]  # not across the rest
    found = measure(piece)
    assert found.top_steps == Share(1, 3) and found.top_leaps == Share(1, 3)


@pytest.mark.parametrize(
    ("upper", "lower", "parallel"),
    [
        ("67:4 69:4", "60:4 62:4", True),  # fifths
        ("72:4 74:4", "60:4 62:4", True),  # octaves
        ("79:4 77:4", "60:4 58:4", True),  # fifths with an octave between
        ("60:4 62:4", "60:4 62:4", True),  # unisons
        ("67:4 67:4", "60:4 60:4", False),  # nothing moves
        ("67:4 69:4", "60:4 50:4", False),  # contrary motion
        ("67:4 69:4", "60:4 60:4", False),  # oblique motion
        ("64:4 65:4", "60:4 62:4", False),  # thirds
        ("66:4 68:4", "60:4 62:4", False),  # diminished fifths
        ("67:2 65:2 69:4", "60:4 62:4", True),  # hidden between the beats
        ("67:4 -:4", "60:4 62:4", False),
    ],
)
def test_parallels_from_beat_to_beat(upper, lower, parallel):
    assert measure(voiced(upper, lower)).parallels == Share(int(parallel), 1)


def test_a_step_has_one_parallel_or_none():
    assert measure(voiced("67:4 69:4 71:4", "60:4 62:4 65:4", "48:4 50:4 47:4")).parallels == (
        Share(1, 2)
    )


def test_a_melody_returns_where_it_does_not_overlap():
    line = "60:4 62:4 64:4 65:4"
    back = voiced(f"{line} 67:4 60:2 62:2 64:8 65:4", "48:36")
    windows = list(melody_windows(back))
    assert windows[0] == (0, (60, 62, 64, 65)) and len(windows) == 6
    assert measure(back).returns == Share(1, 6)  # other lengths, the same pitches
    assert measure(voiced(" ".join(["60:4"] * 8), "48:32")).returns == Share(1, 5)
    assert measure(voiced(line, "48:16")).returns == Share(0, 1)


def test_cadences_are_root_position_triads_on_fermatas():
    piece = ("67:4 67:4 67:4 65:4", "64:4 64:4 64:4 62:4", "60:4 60:4 60:4 59:4")
    bass = "48:4 52:4 36:4 55:4"
    # C major, its first inversion, C major again without a fermata, and G7.
    found = measure(voiced(*piece, bass, fermatas=[1, 1, 0, 1]))
    assert found.fermatas == Share(1, 3)
    assert measure(voiced(*piece, bass)).fermatas == Share(0, 0)
    assert measure(voiced(*piece, bass)).fermatas.percent is None
    minor = voiced("69:4", "64:4", "60:4", "45:4", fermatas=[1])
    assert measure(minor).fermatas == Share(1, 1)
    diminished = voiced("71:4", "65:4", "62:4", "47:4", fermatas=[1])
    assert measure(diminished).fermatas == Share(0, 1)


def test_ranges_and_crossings():
    found = measure(voiced("59:4 80:4 72:4", "64:12", "67:8 68:4", "60:8 61:4"))
    assert found.out_of_range == Share(4, 3 + 1 + 2 + 2)
    # The soprano is below the alto on the first beat; the tenor is always above the alto.
    assert found.crossings == Share(12, 12)
    assert measure(voiced("64:4 60:4", "62:8")).crossings == Share(4, 8)
    assert measure(voiced("-:4", "62:4")).crossings == Share(0, 4)


def test_lengths_and_onsets():
    piece = voiced("60:1 62:3 64:36", "48:40")
    assert note_lengths(piece, 0).tolist() == [1, 3, 16]
    assert measure(piece).onsets == Share(4, 20)


def test_bigrams_are_the_same_in_any_key():
    piece = voiced("64:4 64:4 65:4 -:4", "60:4 60:4 62:4 -:4", "55:8 59:4 -:4", "48:8 55:4 -:4")
    assert len(chord_sets(piece)) == 2  # the repeated chord and the silence do not count
    (bigram,) = chord_bigrams(piece)
    assert all(chord_bigrams(piece.transposed(k)) == [bigram] for k in range(12))
    assert chord_bigrams(voiced("60:4 65:4", "48:8", "52:4 57:4")) != [bigram]


def test_the_measures_of_a_set_are_sums():
    one, other = voiced("67:4 69:4", "60:4 62:4"), voiced("60:4 72:4 74:4", "48:12")
    found = total([measure(one), measure(other)])
    assert found.parallels == Share(1, 3) and found.top_leaps == Share(1, 3)
    assert found.parallels.percent == pytest.approx(100 / 3)


def test_silence_has_no_places():
    found = measure(voiced("-:8", "-:8"))
    assert all(share.found == 0 for share in found)
    assert found.chords.percent is None and found.onsets == Share(0, 4)
    assert np.array_equal(class_sets(voiced("-:8")), [0, 0])
