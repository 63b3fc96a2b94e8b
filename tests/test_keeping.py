"""The sets of symbols that keep notes, a rhythm or pitches."""

import numpy as np
import pytest
from test_voices import voiced

from dmm_core.errors import DataError
from dmm_core.music.keeping import allowed_symbols, whole_notes
from dmm_core.music.symbols import (
    HIGHEST_OF,
    LOWEST_OF,
    ONSET,
    SYMBOLS,
    VOICE_ORDER,
    VOICES,
    encode_symbols,
    pitch_of_symbol,
)

HOLD = ONSET + (SYMBOLS - ONSET) // 2
PIECE = voiced("67:6 69:2", "64:4 62:2 64:2", "-:4 60:4", "48:2 50:2 52:4")
NOTHING = np.zeros((4, 8), bool)


def kept(**sixteenths):
    found = NOTHING.copy()
    for voice, places in sixteenths.items():
        found[VOICES.index(voice), places] = True
    return found


def slot(sets, voice, sixteenth):
    """The (kind, pitch) pairs that a slot may take."""
    at = VOICE_ORDER.index(VOICES.index(voice)) * 4 + sixteenth % 4
    pitch = pitch_of_symbol()[at]
    return {
        ("hold" if s >= HOLD else "onset" if s >= ONSET else "rest", int(pitch[s]))
        for s in np.flatnonzero(sets[sixteenth // 4, at])
    }


def test_everything_or_nothing_is_kept():
    symbols = encode_symbols(PIECE)
    sets = allowed_symbols(PIECE, ~NOTHING)
    assert np.array_equal(sets, symbols[..., None] == np.arange(SYMBOLS))
    sets = allowed_symbols(PIECE, NOTHING)
    for voice, low, high in zip(VOICES, LOWEST_OF, HIGHEST_OF, strict=True):
        pitches = range(low, high + 1)
        every = {("rest", -1)} | {(kind, p) for kind in ("onset", "hold") for p in pitches}
        assert slot(sets, voice, 5) == every


def test_a_kept_note_is_whole_and_not_stretched():
    sets = allowed_symbols(PIECE, kept(soprano=[2], tenor=[0, 1]))
    assert slot(sets, "soprano", 0) == {("onset", 67)}
    assert all(slot(sets, "soprano", s) == {("hold", 67)} for s in range(1, 6))
    after = slot(sets, "soprano", 6)
    assert ("hold", 67) not in after and {("onset", 67), ("hold", 69), ("rest", -1)} < after
    assert ("hold", 67) in slot(sets, "soprano", 7)
    # Rests are kept where they are marked.
    assert slot(sets, "tenor", 1) == {("rest", -1)} and len(slot(sets, "tenor", 2)) > 1
    assert slot(sets, "alto", 0) == slot(allowed_symbols(PIECE, NOTHING), "alto", 0)
    assert whole_notes(PIECE, kept(soprano=[5])).sum() == 6


def test_a_register_and_a_scale_limit_new_notes():
    c_major = np.isin(np.arange(12), [0, 2, 4, 5, 7, 9, 11])
    lowest = np.array([60, 60, 50, 40])
    sets = allowed_symbols(PIECE, kept(bass=range(8)), scale=c_major, lowest=lowest, highest=64)
    assert {p for _, p in slot(sets, "soprano", 0)} == {-1, 60, 62, 64}
    assert {p for _, p in slot(sets, "tenor", 0)} == {-1, 50, 52, 53, 55, 57, 59, 60, 62, 64}
    assert slot(sets, "bass", 2) == {("onset", 50)}


def test_a_rhythm_keeps_onsets_continuations_and_rests():
    sets = allowed_symbols(PIECE, kept(bass=range(8)), rhythm=True)
    assert {kind for kind, _ in slot(sets, "soprano", 0)} == {"onset"}
    assert {kind for kind, _ in slot(sets, "soprano", 5)} == {"hold"}
    assert slot(sets, "tenor", 3) == {("rest", -1)}
    assert len(slot(sets, "tenor", 4)) == HIGHEST_OF[2] - LOWEST_OF[2] + 1


def test_pitches_are_those_of_the_beat():
    sets = allowed_symbols(PIECE, NOTHING, pitches=True, lowest=80)
    assert slot(sets, "alto", 6) == {(kind, p) for kind in ("onset", "hold") for p in (62, 64)}
    assert slot(sets, "bass", 7) == {("onset", 52), ("hold", 52)}
    assert slot(sets, "tenor", 0) == {("rest", -1)}


def test_what_leaves_nothing_is_refused():
    with pytest.raises(DataError, match="alto to sing in beat 1"):
        allowed_symbols(PIECE, kept(soprano=range(8)), rhythm=True, highest=40)
    with pytest.raises(DataError, match=r"\(4, 8\) sixteenths, not \(8,\)"):
        allowed_symbols(PIECE, NOTHING[0])
    with pytest.raises(DataError, match="12 pitch classes"):
        allowed_symbols(PIECE, NOTHING, scale=np.ones(7))
    with pytest.raises(DataError, match="four voices"):
        allowed_symbols(voiced("90:4", "-:4", "-:4", "-:4"), np.zeros((4, 4)))
