"""Where the phrases of a melody end, guessed from its rhythm."""

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.voices import STEPS, VoicedPiece

__all__ = ["PHRASE", "phrase_ends"]

PHRASE = 8
"""Default beats of a phrase of a piece that is composed without a melody."""

_LONG = 2 * STEPS - 1
"""Sixteenths of a note that is long enough to end a phrase."""

_COMMON = 0.35
"""Share of long notes above which they are common, as in a waltz, and say nothing about phrases."""

_BARS = 2
"""Bars of a phrase where neither rests nor long notes say how long it is."""

_SHORTEST = 4
"""Beats from the end of such a phrase to the next end, at least."""


def phrase_ends(line: VoicedPiece, meter: Meter | None = None) -> np.ndarray:
    """Return (beats,) bool, the beats on which the last notes of the phrases begin.

    A note ends a phrase if it is the last one, if a rest follows, or if it is long: it lasts two
    beats (or less by a sixteenth) up to the last beat or the end of a bar. Long notes do not count
    in a tune that has many of them. A phrase that is longer than two bars by a bar or more is
    divided every two bars, where a note on the beat lasts a beat or longer. These beats stand for
    the fermatas of a chorale. On the train split of `jsb-m21-voices`, the rule finds 75 % of
    the fermatas, and 63 % of the ends that it finds have one.

    Args:
        line: a piece of one voice, or of several, of which the first counts.
        meter: where the bars are; None is the same as `Meter()`.

    Raises:
        DataError: if the voice has no notes.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import VoicedPiece, phrase_ends
        >>> pitches = np.repeat([[60, 62, 64, 64, -1, 67, 65, 65]], 4, axis=1)
        >>> onsets = np.isin(np.arange(32), [0, 4, 8, 20, 24])[None]
        >>> np.flatnonzero(phrase_ends(VoicedPiece(pitches, onsets))).tolist()
        [2, 6]
    """
    meter = meter or Meter()
    notes = line.notes(0)
    if not notes:
        raise DataError("A melody has one note or more, and this one has none.")
    position = meter.positions(line.beats + 1)
    long = [note.end - note.start >= _LONG for note in notes]
    tells = sum(long) <= _COMMON * len(notes)
    ends = set()
    for note, is_long, after in zip(notes, long, [*notes[1:], None], strict=True):
        at_bar = position[note.end // STEPS] in (0, meter.beats - 1)
        if after is None or after.start > note.end or (tells and is_long and at_bar):
            ends.add(note.start // STEPS)
    # Divide long phrases.
    whole = {
        beat: n.start // STEPS
        for n in notes
        if not n.start % STEPS and n.end - n.start >= STEPS
        for beat in range(n.start // STEPS, -(-n.end // STEPS))
    }
    length = _BARS * meter.beats
    last = notes[0].start // STEPS - 1
    for end in sorted(ends):
        places = range(last + length, end - _SHORTEST + 1, length)
        ends |= {whole[beat] for beat in places if beat in whole}
        last = end
    found = np.zeros(line.beats, dtype=bool)
    found[list(ends)] = True
    return found
