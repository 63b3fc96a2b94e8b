"""Which symbols the slots of a piece in four voices may take, where some notes are kept.

The result is the argument of `dmm_core.complete`: a kept slot has its symbol only, and a free slot
has those that a register, a scale or a rhythm leave.
"""

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.symbols import (
    HIGHEST_OF,
    ONSET,
    SLOTS,
    SYMBOLS,
    VOICE_ORDER,
    VOICES,
    encode_symbols,
    pitch_of_symbol,
)
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = ["allowed_symbols", "whole_notes"]

_CONTINUED = ONSET + (SYMBOLS - ONSET) // 2
"""The first symbol that continues a pitch."""


def allowed_symbols(
    piece: VoicedPiece,
    kept: np.ndarray,
    *,
    lowest: np.ndarray | int | None = None,
    highest: np.ndarray | int | None = None,
    scale: np.ndarray | None = None,
    rhythm: bool = False,
    pitches: bool = False,
) -> np.ndarray:
    """Return (beats, 16, 59) bool, the symbols that each slot may take.

    A kept note stays as it is: it is neither stretched nor struck again. A note that is kept on one
    of its sixteenths is kept as a whole. Free slots may be silent, unless the rhythm is kept.

    Args:
        piece: the piece, in four voices within their ranges.
        kept: (4, S) bool, the sixteenths whose note or rest is kept.
        lowest: lowest pitch of the new notes, a MIDI number or one for each of `VOICES`; None for
            the ranges of the voices.
        highest: highest pitch of the new notes, in the same way.
        scale: (12,) bool, which pitch classes new notes may have, from C; None for all.
        rhythm: whether free slots keep onsets, continuations and rests, and only get new pitches.
        pitches: whether the notes that begin or sound in a free slot have a pitch that the voice
            has in the same beat of the piece, and rest only in beats with a rest: only the rhythm
            is new. The register and the scale then do not matter.

    Raises:
        DataError: if the piece has other voices, a shape is wrong, or nothing is left for a slot.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import VoicedPiece, allowed_symbols
        >>> line = np.array([[67] * 4, [64] * 4, [60] * 4, [48] * 4])
        >>> piece = VoicedPiece(line, np.array([[True, False, False, False]] * 4))
        >>> soprano = np.array([[True], [False], [False], [False]]) & (line > 0)
        >>> sets = allowed_symbols(piece, soprano, scale=np.arange(12) % 2 == 0)
        >>> sets.sum(-1)[0, :8].tolist()  # four slots of the soprano, four of the bass
        [1, 1, 1, 1, 31, 31, 31, 31]
    """
    symbols = _by_voice(encode_symbols(piece))
    kept = whole_notes(piece, kept)
    table = pitch_of_symbol()[np.argsort(VOICE_ORDER) * STEPS]  # (voice, symbol)
    symbol = np.arange(SYMBOLS)
    if pitches:
        # The pitches of each voice in each beat, and rests among them.
        beat = piece.pitches.reshape(len(VOICES), piece.beats, 1, STEPS)
        found = (table[:, None, :, None] == beat).any(-1)
        free = np.repeat(found, STEPS, axis=1)
    else:
        inside = _inside(table, lowest, highest, scale)
        free = np.repeat(inside[:, None], symbols.shape[1], axis=1)
    if rhythm:
        kind = np.digitize(symbol, [ONSET, _CONTINUED])
        free &= kind == kind[symbols][..., None]
    # A kept note ends where it ended: the slot after it does not continue its pitch.
    held = np.zeros(free.shape, dtype=bool)
    before = piece.pitches[:, :-1, None]
    held[:, 1:] = (table[:, None] == before) & (symbol >= _CONTINUED) & kept[:, :-1, None]
    free &= ~held
    result = np.where(kept[..., None], symbol == symbols[..., None], free)
    if not (some := result.any(-1)).all():
        voice, step = np.argwhere(~some)[0]
        raise DataError(
            f"Nothing is left for the {VOICES[voice]} to sing in beat {step // STEPS + 1}: widen "
            "the register or the scale, or keep less."
        )
    return _by_beat(result)


def whole_notes(piece: VoicedPiece, kept: np.ndarray) -> np.ndarray:
    """Return (V, S) bool: `kept`, with every note kept whole that is kept on some sixteenth.

    Args:
        piece: the piece.
        kept: (V, S) bool; rests are kept where they are marked.

    Raises:
        DataError: if the shape is another one.
    """
    kept = np.array(kept, dtype=bool)
    if kept.shape != piece.pitches.shape:
        raise DataError(
            f"`kept` has one value for each of {piece.pitches.shape} sixteenths, not {kept.shape}."
        )
    for voice in range(len(kept)):
        for _, start, end in piece.notes(voice):
            kept[voice, start:end] = kept[voice, start:end].any()
    return kept


def _inside(
    table: np.ndarray,
    lowest: np.ndarray | int | None,
    highest: np.ndarray | int | None,
    scale: np.ndarray | None,
) -> np.ndarray:
    """(voice, symbol): whether a symbol is a rest, or a pitch within register and scale."""
    voices = len(VOICES)
    low = np.broadcast_to(0 if lowest is None else np.asarray(lowest), voices)
    high = HIGHEST_OF if highest is None else np.minimum(highest, HIGHEST_OF)
    inside = (table >= low[:, None]) & (table <= high[:, None])
    if scale is not None:
        if np.shape(scale) != (12,):
            raise DataError(f"A scale says of 12 pitch classes whether it has them, not {scale}.")
        inside &= np.asarray(scale, dtype=bool)[table % 12]
    return inside | (table == REST)


def _by_voice(symbols: np.ndarray) -> np.ndarray:
    """(beats, 16) in the order of slots as (voice, sixteenth) in the order of voices."""
    lines = symbols.reshape(-1, len(VOICES), STEPS).transpose(1, 0, 2).reshape(len(VOICES), -1)
    return lines[np.argsort(VOICE_ORDER)].astype(np.int64)


def _by_beat(sets: np.ndarray) -> np.ndarray:
    """(voice, sixteenth, symbol) as (beats, 16, symbol) in the order of slots."""
    parts = sets[list(VOICE_ORDER)].reshape(len(VOICES), -1, STEPS, SYMBOLS)
    return parts.transpose(1, 0, 2, 3).reshape(-1, SLOTS, SYMBOLS)
