"""Writes a piece in voices as MusicXML: a staff for each voice, or a close score on two staves."""

from collections.abc import Iterator, Sequence

from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.meter import Meter
from dmm_core.music.score_xml import (
    Clef,
    ScorePart,
    ScoreVoice,
    Span,
    key_of,
    write_score,
)
from dmm_core.music.symbols import VOICES
from dmm_core.music.voice_notes import voice_names
from dmm_core.music.voices import STEPS, VoicedPiece

__all__ = ["musicxml_from_voices"]

_TREBLE, _TENOR, _BASS = Clef("G", 2), Clef("G", 2, -1), Clef("F", 4)
_CHOIR = (_TREBLE, _TREBLE, _TENOR, _BASS)
_MIDDLE_C = 60
_CLOSE = 2  # staves


def musicxml_from_voices(
    piece: VoicedPiece,
    *,
    meter: Meter,
    tempo: float,
    title: str,
    key: Key | None = None,
    staves: int | None = None,
) -> bytes:
    """Write a piece as a MusicXML file. The same piece gives the same bytes.

    Notes that have no single note value, or that cross a bar line, are tied. An upbeat is a pickup
    measure, and the last bar may be incomplete. A beat with a fermata has one in each voice, on the
    last note that begins in the beat; where none begins, the highest voice is divided.

    Args:
        piece: the piece.
        meter: where the bars are.
        tempo: quarter notes per minute, 4 to 1000.
        title: title of the piece.
        key: key of the signature and the spelling; by default the one that fits the notes best.
        staves: 2 for a close score, in which the upper half of the voices shares a staff and the
            lower half another, with stems in opposite directions if there are two; or the number of
            voices, which is the default, for a staff each.

    Raises:
        DataError: if a pitch is below 12, which MusicXML cannot write, the tempo or the number of
            staves is out of bounds, or the piece is longer than `MAX_QUARTERS`.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import Meter, VoicedPiece, musicxml_from_voices
        >>> piece = VoicedPiece(np.full((1, 4), 60), np.array([[True, False, False, False]]))
        >>> b"<step>C</step>" in musicxml_from_voices(piece, meter=Meter(), tempo=90, title="C")
        True
    """
    count = len(piece.pitches)
    if staves not in (None, count, _CLOSE):
        raise DataError(f"A score of {count} voices has 2 or {count} staves, not {staves}.")
    spans = [[Span(*note) for note in piece.notes(voice)] for voice in range(count)]
    fermatas = [set(_fermatas(piece, voice)) for voice in range(count)]
    names = voice_names(count)
    if staves == _CLOSE < count:
        half = (count + 1) // 2
        groups = [range(half), range(half, count)]
    else:
        groups = [range(voice, voice + 1) for voice in range(count)]
    parts = []
    for group in groups:
        stems = ("up", "down") if len(group) == 2 else ("",) * len(group)
        parts.append(
            ScorePart(
                " and ".join(names[voice] for voice in group),
                [_clef([spans[voice] for voice in group], group, count)],
                [
                    ScoreVoice(spans[voice], 1, stem, fermatas[voice])
                    for voice, stem in zip(group, stems, strict=True)
                ],
            )
        )
    return write_score(
        parts,
        end=piece.beats * STEPS,
        meter=meter,
        key=key or key_of([span for voice in spans for span in voice]),
        tempo=tempo,
        title=title,
    )


def _clef(spans: Sequence[Sequence[Span]], group: range, count: int) -> Clef:
    """The clef of the voices of a staff."""
    if count == len(VOICES):
        if len(group) == 1:
            return _CHOIR[group[0]]
        return _BASS if group[0] else _TREBLE
    pitches = sorted(span.pitch for voice in spans for span in voice)
    return _BASS if pitches and pitches[len(pitches) // 2] < _MIDDLE_C else _TREBLE


def _fermatas(piece: VoicedPiece, voice: int) -> Iterator[int]:
    """Yield the sixteenths at which notes and rests of a voice have fermatas."""
    if piece.fermatas is None:
        return
    for beat in piece.fermatas.nonzero()[0].tolist():
        begins = piece.onsets[:, beat * STEPS : (beat + 1) * STEPS]
        if begins[voice].any():
            yield beat * STEPS + int(begins[voice].nonzero()[0][-1])
        elif not begins.any() and not voice:
            yield beat * STEPS
