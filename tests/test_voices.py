import numpy as np
import pytest

from dmm_core.errors import DataError
from dmm_core.music.symbols import (
    HIGHEST_OF,
    LOWEST_OF,
    SLOT_NAMES,
    SLOTS,
    SYMBOLS,
    decode_symbols,
    encode_symbols,
    fits_voices,
    octaves_into_range,
    pitch_of_symbol,
    symbols_transposed,
)
from dmm_core.music.voices import REST, VoicedPiece, VoiceNote, voices_from_roll


def voiced(*lines, fermatas=None):
    """A piece of lines such as "60:4 -:2 62:2", each a pitch or a rest with its sixteenths."""
    parsed = [
        [
            (None if p == "-" else int(p), int(n))
            for p, n in (item.split(":") for item in line.split())
        ]
        for line in lines
    ]
    length = sum(n for _, n in parsed[0])
    pitches = np.full((len(lines), length), REST, dtype=np.int16)
    onsets = np.zeros(pitches.shape, dtype=bool)
    for voice, notes in enumerate(parsed):
        at = 0
        for pitch, n in notes:
            if pitch is not None:
                pitches[voice, at : at + n] = pitch
                onsets[voice, at] = True
            at += n
        assert at == length
    return VoicedPiece(pitches, onsets, None if fermatas is None else np.array(fermatas, bool))


def test_notes_end_at_the_next_note_or_at_a_rest():
    piece = voiced("60:2 60:1 62:3 -:2", "-:4 48:4")
    assert piece.notes(0) == [VoiceNote(60, 0, 2), VoiceNote(60, 2, 3), VoiceNote(62, 3, 6)]
    assert piece.notes(1) == [VoiceNote(48, 4, 8)]
    assert piece.beats == 2 and piece.on_beats.tolist() == [[60, 62], [REST, 48]]


def test_an_excerpt_strikes_what_it_cuts():
    piece = voiced("60:2 62:6 64:4", "48:12", fermatas=[0, 1, 0])
    cut = piece.excerpt(1, 2)
    assert cut.notes(0) == [VoiceNote(62, 0, 4), VoiceNote(64, 4, 8)]
    assert cut.notes(1) == [VoiceNote(48, 0, 8)] and cut.fermatas.tolist() == [True, False]
    assert piece.notes(0)[1] == VoiceNote(62, 2, 8)  # the piece itself is as it was


def test_transposition_leaves_rests():
    piece = voiced("60:4 -:4").transposed(-3)
    assert piece.pitches[0].tolist() == [57] * 4 + [REST] * 4


def test_by_beats_keeps_what_sounds_on_the_beats():
    piece = voiced("60:2 62:6", "64:8", "64:4 -:4", "48:8").by_beats()
    assert piece.on_beats.tolist() == [[64, 64], [60, 62], [REST, REST], [48, 48]]
    assert piece.onsets[:, ::4].tolist() == (piece.on_beats != REST).tolist()
    assert piece.onsets.sum() == 6


def test_the_notes_of_a_roll_are_ranked():
    roll = np.zeros((3, 88), dtype=bool)
    roll[0, [60 - 21, 64 - 21, 67 - 21]] = True
    roll[1, [48 - 21, 60 - 21, 64 - 21, 67 - 21, 72 - 21]] = True
    roll[2, 60 - 21] = True
    quarters = voices_from_roll(roll, steps_per_quarter=1)
    assert quarters.on_beats.T.tolist() == [
        [67, 64, REST, REST, 60],
        [72, 67, 64, 60, 48],
        [60, REST, REST, REST, REST],
    ]
    assert quarters.onsets.sum() == 9
    eighths = voices_from_roll(roll[[0, 0, 2]], steps_per_quarter=2)
    assert eighths.beats == 2  # the last is filled with silence
    assert eighths.notes(0) == [VoiceNote(67, 0, 4), VoiceNote(60, 4, 6)]


@pytest.mark.parametrize(
    ("pitches", "onsets"),
    [
        (np.full((1, 3), 60), np.ones((1, 3), bool)),
        (np.full((1, 4), 60), np.zeros((1, 4), bool)),
        (np.full((1, 4), REST), np.ones((1, 4), bool)),
        (np.array([[60, 60, 62, 62]]), np.array([[True, False, False, False]])),
        (np.full((1, 4), 60), np.ones((2, 4), bool)),
    ],
)
def test_a_piece_that_contradicts_itself_is_refused(pitches, onsets):
    with pytest.raises(DataError):
        VoicedPiece(pitches, onsets)
    with pytest.raises(DataError, match="fermatas"):
        VoicedPiece(np.full((1, 4), REST), np.zeros((1, 4), bool), np.ones(2, bool))


FOUR = ("72:4 71:2 72:6", "64:8 -:4", "55:3 57:1 55:8", "48:12")


def test_symbols_describe_a_piece_exactly():
    piece = voiced(*FOUR)
    symbols = encode_symbols(piece)
    assert symbols.shape == (3, SLOTS) and len(SLOT_NAMES) == SLOTS
    assert SLOT_NAMES[0] == "soprano 1" and SLOT_NAMES[4] == "bass 1"
    assert symbols[0, 0] == 1 + 72 - 57 and symbols[0, 1] == 1 + 29 + 72 - 57
    assert symbols[0, 4] == 1 + 48 - 36 and symbols[2, 12:].tolist() == [0] * 4
    back = decode_symbols(symbols)
    assert np.array_equal(back.pitches, piece.pitches)
    assert np.array_equal(back.onsets, piece.onsets)
    up = decode_symbols(symbols_transposed(symbols, 2))
    assert np.array_equal(up.pitches, piece.transposed(2).pitches)


def test_any_symbols_are_a_piece():
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, SYMBOLS, (50, SLOTS)).astype(np.uint8)
    piece = decode_symbols(symbols)
    table = pitch_of_symbol()
    for t, slot in np.ndindex(*symbols.shape):
        voice = (0, 3, 2, 1)[slot // 4]
        assert piece.pitches[voice, 4 * t + slot % 4] == table[slot, symbols[t, slot]]


def test_what_does_not_fit_the_symbols_is_refused():
    assert fits_voices(voiced(*FOUR))
    too_high = voiced("83:12", *FOUR[1:])
    assert not fits_voices(too_high) and not fits_voices(voiced(*FOUR[:3]))
    with pytest.raises(DataError, match="soprano 57 to 81"):
        encode_symbols(too_high)
    with pytest.raises(DataError, match=r"\(beats, 16\)"):
        decode_symbols(np.zeros((2, 15)))
    for bad in (SYMBOLS, -1, 0.5):
        with pytest.raises(DataError, match=f"0 to {SYMBOLS - 1}"):
            decode_symbols(np.full((1, SLOTS), bad))
    assert (HIGHEST_OF - LOWEST_OF < 29).all()


def test_music_is_moved_by_the_fewest_octaves_into_the_range_of_its_voices():
    onsets = np.array([[True, False, False, False]])
    high = VoicedPiece(np.full((1, 4), 84), onsets)
    assert octaves_into_range(high, [0]) == -1 and octaves_into_range(high, [3]) == -2
    two = VoicedPiece(np.array([[72] * 4, [REST] * 4]), np.concatenate([onsets, onsets & False]))
    assert octaves_into_range(two, [0, 3]) == 0
    wide = VoicedPiece(np.array([[40, 40, 90, 90]]), np.array([[True, False, True, False]]))
    with pytest.raises(DataError, match=r"40 to 90.*soprano 57 to 81"):
        octaves_into_range(wide, [0])
