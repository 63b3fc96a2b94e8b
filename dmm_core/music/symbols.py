"""Four voices as symbols: a beat of music is a frame of 16 slots, each with one of 59 symbols.

A slot is a sixteenth of a voice. Its symbol is a rest, the onset of a pitch, or the continuation of
a pitch that already sounds. The continuation names its pitch, so that a slot says by itself what
sounds, and a model of order one knows the pitch of a note that is held through a whole beat.

The slots of a frame are ordered by voice: soprano, bass, tenor, alto, each in time. A model that
draws slot after slot thus fills in the inner voices between the outer ones.
"""

from collections.abc import Sequence

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = [
    "HIGHEST_OF",
    "LOWEST_OF",
    "ONSET",
    "SLOTS",
    "SLOT_NAMES",
    "SYMBOLS",
    "VOICES",
    "VOICE_ORDER",
    "decode_symbols",
    "encode_symbols",
    "fits_voices",
    "octaves_into_range",
    "pitch_of_symbol",
    "symbols_transposed",
]

VOICES = ("soprano", "alto", "tenor", "bass")
"""The voices, the highest first."""

VOICE_ORDER = (0, 3, 2, 1)
"""The voices in the order of their slots."""

LOWEST_OF = np.array([57, 53, 48, 36])
"""MIDI pitch of each voice's lowest note, in the order of `VOICES`: the lowest of Bach's."""

HIGHEST_OF = np.array([81, 74, 69, 64])
"""MIDI pitch of each voice's highest note, in the order of `VOICES`: the highest of Bach's."""

_WIDTH = int((HIGHEST_OF - LOWEST_OF).max()) + 1
"""Pitches that a voice's symbols can name, from its lowest up."""

ONSET = 1
"""Symbol of the onset of a voice's lowest pitch. The continuations follow the onsets."""

SYMBOLS = 1 + 2 * _WIDTH
"""Number of symbols of a slot; 0 is a rest."""

SLOTS = len(VOICES) * STEPS
"""Slots of a frame."""

SLOT_NAMES = tuple(
    f"{VOICES[voice]} {step}" for voice in VOICE_ORDER for step in range(1, STEPS + 1)
)
"""A name for each slot, such as "soprano 1"."""

_LOWEST_OF_SLOT = np.repeat(LOWEST_OF[list(VOICE_ORDER)], STEPS)


def pitch_of_symbol() -> np.ndarray:
    """Return (16, 59) the MIDI pitch of each symbol of each slot; `REST` for a rest."""
    table = np.full((SLOTS, SYMBOLS), REST, dtype=np.int16)
    pitches = _LOWEST_OF_SLOT[:, None] + np.arange(_WIDTH)
    table[:, ONSET : ONSET + _WIDTH] = table[:, ONSET + _WIDTH :] = pitches
    return table


def fits_voices(piece: VoicedPiece) -> bool:
    """Return whether a piece has four voices and every note is in its voice's range."""
    if len(piece.pitches) != len(VOICES):
        return False
    inside = (piece.pitches >= LOWEST_OF[:, None]) & (piece.pitches <= HIGHEST_OF[:, None])
    return bool((inside | (piece.pitches == REST)).all())


def octaves_into_range(piece: VoicedPiece, voices: Sequence[int]) -> int:
    """Return the smallest move in octaves that brings every voice into its range.

    Args:
        piece: the piece.
        voices: for each voice of the piece, its place in `VOICES`.

    Raises:
        DataError: if no octave does.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import VoicedPiece, octaves_into_range
        >>> line = VoicedPiece(np.full((1, 4), 91), np.array([[True, False, False, False]]))
        >>> octaves_into_range(line, [0])
        -1
    """
    low, high = LOWEST_OF[list(voices), None], HIGHEST_OF[list(voices), None]
    sounds = piece.pitches != REST
    for octaves in sorted(range(-10, 11), key=abs):
        moved = piece.pitches + 12 * octaves
        if (((moved >= low) & (moved <= high)) | ~sounds).all():
            return octaves
    sung = ", ".join(
        f"{VOICES[voice]} {LOWEST_OF[voice]} to {HIGHEST_OF[voice]}" for voice in voices
    )
    heard = piece.pitches[sounds]
    raise DataError(
        f"The music reaches from MIDI pitch {heard.min()} to {heard.max()}, and no octave brings "
        f"it into the range of its voices ({sung}). Choose another voice, or transpose the music."
    )


def encode_symbols(piece: VoicedPiece) -> np.ndarray:
    """Return (beats, 16) uint8, the symbols of a piece.

    Raises:
        DataError: if the piece does not have four voices, or a note is out of its voice's range.
    """
    if not fits_voices(piece):
        ranges = ", ".join(
            f"{name} {low} to {high}"
            for name, low, high in zip(VOICES, LOWEST_OF, HIGHEST_OF, strict=True)
        )
        raise DataError(
            f"Symbols need the four voices {ranges} (MIDI pitches), and the piece has "
            f"{len(piece.pitches)} voices with other pitches."
        )
    above = piece.pitches - LOWEST_OF[:, None]
    symbols = np.where(piece.onsets, ONSET + above, ONSET + _WIDTH + above)
    symbols = np.where(piece.pitches == REST, 0, symbols)[list(VOICE_ORDER)]
    by_beat = symbols.reshape(len(VOICES), piece.beats, STEPS)
    return by_beat.transpose(1, 0, 2).reshape(piece.beats, SLOTS).astype(np.uint8)


def decode_symbols(symbols: np.ndarray, fermatas: np.ndarray | None = None) -> VoicedPiece:
    """Return the piece that symbols describe, the inverse of `encode_symbols`.

    A continuation of a pitch that does not sound on the sixteenth before begins a note.

    Args:
        symbols: (beats, 16) numbers below `SYMBOLS`.
        fermatas: (beats,) bool, as in `VoicedPiece`.

    Raises:
        DataError: if the shape is another one, or a number is no symbol.
    """
    symbols = np.asarray(symbols)
    whole = symbols.astype(np.int64)
    if symbols.ndim != 2 or symbols.shape[1] != SLOTS:
        raise DataError(f"Symbols are (beats, {SLOTS}), not {symbols.shape}.")
    if (whole != symbols).any() or (whole < 0).any() or (whole >= SYMBOLS).any():
        raise DataError(f"A symbol is a whole number from 0 to {SYMBOLS - 1}.")
    pitches = np.take_along_axis(pitch_of_symbol(), whole.T, axis=1)
    begins = (whole.T >= ONSET) & (whole.T < ONSET + _WIDTH)
    pitches, begins = (
        part.reshape(len(VOICES), STEPS, -1).transpose(0, 2, 1).reshape(len(VOICES), -1)
        for part in (pitches, begins)
    )
    order = np.argsort(VOICE_ORDER)
    pitches, begins = pitches[order], begins[order]
    before = np.pad(pitches, ((0, 0), (1, 0)), constant_values=REST)[:, :-1]
    onsets = (pitches != REST) & (begins | (pitches != before))
    return VoicedPiece(pitches, onsets, fermatas)


def symbols_transposed(symbols: np.ndarray, semitones: int) -> np.ndarray:
    """Return symbols with every pitch moved by `semitones`.

    Args:
        symbols: (..., 16) numbers below `SYMBOLS`.
        semitones: number of semitones; every pitch has to stay in its voice's range.
    """
    return np.where(symbols == 0, 0, symbols.astype(np.int64) + semitones).astype(symbols.dtype)
