import numpy as np
import pytest

from dmm_core.music.key import Key, key_of_roll, pitch_names, spell_pitch
from dmm_core.music.transposition import (
    Transposition,
    describe_semitones,
    transposed,
    transposition_for_model,
)

CADENCE = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)]
MINOR_CADENCE = [(0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7)]


def piece(tonic, chords=CADENCE, low=48):
    roll = np.zeros((len(chords), 88), np.uint8)
    for frame, chord in enumerate(chords):
        roll[frame, [low + tonic + step - 21 for step in chord]] = 1
    return roll


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize(("chords", "minor"), [(CADENCE, False), (MINOR_CADENCE, True)])
def test_a_piece_of_any_key_goes_to_c_and_up_an_octave(tonic, chords, minor):
    x = piece(tonic, chords)
    found = transposition_for_model(x, source="", model="jsb-m21")
    assert found.key == (tonic, minor) and found.octaves == 12 and -6 <= found.by_key <= 5
    moved = transposed(x, found.semitones)
    assert key_of_roll(moved) == (0, minor)
    assert np.array_equal(transposed(moved, -found.semitones), x)


@pytest.mark.parametrize(
    ("source", "model", "octaves"),
    [("jsb", "jsb-m21-eighth", 0), ("upload:x", "upload:x", 0), ("jsb", "upload:x", -12)],
)
def test_no_key_is_estimated_where_none_is_needed(source, model, octaves):
    assert transposition_for_model(piece(2), source=source, model=model) == Transposition(octaves)


def test_silence_has_no_key_and_only_changes_its_octave():
    assert transposition_for_model(np.zeros((4, 88)), source="", model="jsb") == Transposition(12)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (Key(0, True), "C D E♭ F G A♭ B♭ B F♯"),  # and its leading notes
        (Key(0, False), "C D E F G A B F♯ C♯ B♭ E♭ A♭"),
        (Key(9, True), "A B C D E F G G♯ F♯ B♭"),
        (Key(2, True), "D E F G A B♭ C C♯ E♭"),
        (Key(5, True), "F G A♭ B♭ C D♭ E♭ E"),
        (Key(8, False), "A♭ B♭ C D♭ E♭ F G"),
        (Key(6, False), "F♯ G♯ A♯ B C♯ D♯ E♯"),
        (Key(3, True), "E♭ F G♭ A♭ B♭ C♭ D♭ D"),
    ],
)
def test_a_key_has_its_own_spelling(key, names):
    assert set(names.split()) <= {name[:-1] for name in pitch_names(key)}
    natural = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
    for pitch in range(21, 109):
        letter, alter, octave = spell_pitch(pitch, key)
        assert 12 * (octave + 1) + natural[letter] + alter == pitch


@pytest.mark.parametrize(
    ("key", "fifths"),
    [(Key(0, True), -3), (Key(9, True), 0), (Key(2, False), 2), (Key(6, False), 6), (None, None)],
)
def test_a_key_has_its_signature(key, fifths):
    assert key is None or key.fifths == fifths
    assert len(set(pitch_names(key))) == 88


def test_moves_in_words():
    assert [describe_semitones(n) for n in (-2, 0, 1)] == [
        "2 semitones down",
        "not moved",
        "1 semitone up",
    ]
