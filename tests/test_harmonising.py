"""Harmonising: the melody never changes, and the rest is of the model of four voices."""

import numpy as np
import pytest
from models import small_model
from test_voices import voiced

from dmm_core.errors import DataError
from dmm_core.music.agreement import pitch_classes_by_beat, shared_pitch_classes
from dmm_core.music.keeping import allowed_symbols
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF, VOICES
from dmm_core.music.voices import REST, VoicedPiece
from dmm_core.runs.bundled import list_bundled, load_model
from dmm_core.runs.harmonising import complete_piece, harmonise

MELODY = voiced("67:4 -:2 69:2 71:4 72:4")


@pytest.fixture(scope="module")
def model():
    (source,) = (source for source in list_bundled() if source.id == "bundled:voices")
    return load_model(source)


@pytest.mark.parametrize("voice", VOICES)
def test_a_melody_is_kept_in_every_voice(model, voice):
    at = VOICES.index(voice)
    line = MELODY.transposed(int(LOWEST_OF[at]) - 67 + 4)
    found = harmonise(model, line, voice=voice, count=2, seed=0, particles=4)
    assert len(found.pieces) == 2 and found.completed.x.shape == (2, 4, 16)
    assert (np.diff(found.agreement) <= 0).all()
    for piece in found.pieces:
        assert np.array_equal(piece.pitches[at], line.pitches[0])
        assert np.array_equal(piece.onsets[at], line.onsets[0])
        assert piece.fermatas.tolist() == [True, False, False, True]
        others = np.delete(piece.pitches, at, axis=0)
        assert (others != REST).mean() > 0.5
        low, high = (np.delete(ends, at)[:, None] for ends in (LOWEST_OF, HIGHEST_OF))
        assert ((others == REST) | ((others >= low) & (others <= high))).all()
    assert not np.array_equal(*found.completed.x)


def test_a_melody_out_of_range_is_moved_by_octaves_and_back(model):
    settings = dict(count=1, seed=0, particles=4, meter=Meter(4, upbeat=1))
    reported = []
    (near,) = harmonise(model, MELODY, progress=reported.append, **settings).pieces
    (far,) = harmonise(model, MELODY.transposed(-36), **settings).pieces
    assert np.array_equal(far.pitches, near.transposed(-36).pitches)
    assert reported == [0.25, 0.5, 0.75, 1.0]


def test_single_notes_are_kept_and_the_rest_is_composed(model):
    piece = voiced("67:4 69:4", "64:8", "60:8", "48:4 53:4", fermatas=[False, True])
    kept = np.zeros((4, 8), bool)
    kept[1, 3] = kept[3, :4] = True
    allowed = allowed_symbols(piece, kept)
    found = complete_piece(
        model, piece, allowed, count=3, seed=0, particles=8, temperature=1.0
    ).pieces
    for one in found:
        assert (one.pitches[1] == 64).all() and one.onsets[1].tolist() == [True] + [False] * 7
        assert (one.pitches[3, :4] == 48).all() and one.onsets[3, :5].sum() <= 2
        assert not (one.pitches[3, 4] == 48 and not one.onsets[3, 4])
    assert len({one.pitches.tobytes() + one.onsets.tobytes() for one in found}) == 3


def test_what_cannot_be_harmonised_is_refused(model):
    settings = dict(count=1, seed=0)
    with pytest.raises(DataError, match="soprano, alto, tenor, bass, not 'treble'"):
        harmonise(model, MELODY, voice="treble", **settings)
    with pytest.raises(DataError, match="has 2"):
        harmonise(model, voiced("67:4", "60:4"), **settings)
    with pytest.raises(DataError, match="none"):
        harmonise(model, voiced("-:4"), **settings)
    with pytest.raises(DataError, match=r"from MIDI pitch 50 to 90.*soprano 57 to 81"):
        harmonise(model, voiced("50:4 90:4"), **settings)
    with pytest.raises(DataError, match="bundled:voices"):
        harmonise(small_model(), MELODY, **settings)
    with pytest.raises(DataError, match="count is 0"):
        harmonise(model, MELODY, count=0, seed=0)


def test_shared_pitch_classes_are_counted_by_beat():
    a = voiced("60:2 62:2 64:4", "48:4 52:4")
    b = voiced("62:4 -:4", "55:4 52:2 60:2")
    assert np.flatnonzero(pitch_classes_by_beat(a, [0, 1])[0]).tolist() == [0, 2]
    assert shared_pitch_classes(a, b, [0, 1]) == 2 / 4
    assert shared_pitch_classes(b, a, [0, 1]) == 2 / 3
    with pytest.raises(DataError, match="2 and 1 beats"):
        shared_pitch_classes(a, b.excerpt(0, 1), [0])
    silent = VoicedPiece(np.full((1, 4), REST), np.zeros((1, 4), bool))
    with pytest.raises(DataError, match="without notes"):
        shared_pitch_classes(silent, silent, [0])
