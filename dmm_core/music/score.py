"""MusicXML and ABC scores -> notes on a grid of quarters, and notes -> MusicXML.

music21 does the reading, in memory: it keeps a cache of pickled scores that it would run, and only
looks there for what it opens as a file.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from dmm_core.errors import UploadError
from dmm_core.music.abc_scan import AbcTune, scan_abc
from dmm_core.music.key import Key
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.pianoroll import Note
from dmm_core.music.score_scan import scan_musicxml
from dmm_core.music.score_write import musicxml_from_notes

if TYPE_CHECKING:
    from music21.stream import Part, Score, Stream

__all__ = ["ScoreNotes", "TuneBook", "musicxml_from_notes", "read_abc", "read_musicxml"]

_METER = 20  # characters: one of many summands is no name
_SAME_TIME = 1e-6  # quarters; music21 counts in fractions of limited denominators


class ScoreNotes(NamedTuple):
    """The pitched notes of a score, as they sound.

    Attributes:
        title: of an ABC tune; else empty.
        notes: by onset, with start and end in quarter notes; what is tied is one note.
        key: the first key signature, or None. A mode other than minor counts as major.
        graces: grace notes, which have no length of their own and were left out.
        symbols: chord symbols that were left out.
        unpitched: drum notes that were left out.
        transposed: notes written for instruments that sound at another pitch than is written.
        repeats: ends of repeats; what they enclose is read once.
        meters: its time signatures, such as "3/4", each once, in their order.
    """

    title: str
    notes: tuple[Note, ...]
    key: Key | None
    graces: int
    symbols: int
    unpitched: int
    transposed: int
    repeats: int
    meters: tuple[str, ...]


class TuneBook(NamedTuple):
    """The tunes of an ABC file.

    Attributes:
        tunes: those that were read.
        unread: titles of those that were not.
    """

    tunes: tuple[ScoreNotes, ...]
    unread: tuple[str, ...]


def read_musicxml(data: bytes) -> ScoreNotes:
    """Read a MusicXML file that nobody vouches for.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    scan_musicxml(data)
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    try:
        importer = MusicXMLImporter()
        importer.xmlRootToScore(ElementTree.fromstring(data), importer.stream)
        score = _score(importer.stream)
    except MemoryError:
        raise
    except UploadError:
        raise
    except Exception:  # music21 raises whatever its code meets in a file it did not expect
        raise UploadError("The MusicXML file is well-formed, but it is no score.") from None
    if not score.notes:
        raise UploadError("The MusicXML file holds no pitched notes.")
    return score


def read_abc(data: bytes) -> TuneBook:
    """Read the tunes of an ABC file that nobody vouches for; one that is faulty spoils no other.

    Raises:
        UploadError: in one plain sentence, if the file is refused, or no tune can be read.
    """
    tunes, unread = [], []
    for tune in scan_abc(data):
        try:
            score = _abc_score(tune)
        except MemoryError:
            raise
        except Exception:  # as above
            unread.append(tune.title)
            continue
        if score.notes:
            tunes.append(score)
        else:
            unread.append(tune.title)
    if not tunes:
        raise UploadError("The ABC file holds no tune that can be read.")
    return TuneBook(tuple(tunes), tuple(unread))


def _abc_score(tune: AbcTune) -> ScoreNotes:
    from music21.abcFormat import ABCFile
    from music21.abcFormat.translate import abcToStreamScore

    if "&" in tune.text:
        raise UploadError("The tune overlays voices, which music21 would play one after another.")
    score = _score(abcToStreamScore(ABCFile().readstr(tune.text)))
    return score._replace(
        title=tune.title, symbols=tune.symbols, repeats=tune.repeats, meters=tune.meters
    )


def _score(score: "Score") -> ScoreNotes:
    reader = _Reader()
    for part in score.parts:
        reader.part(part)
    notes = sorted(reader.notes, key=lambda note: (note.start, note.pitch, note.end))
    quarters = max((note.end for note in notes), default=0.0)
    if not quarters <= MAX_QUARTERS:
        raise UploadError(
            f"The score lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are read."
        )
    return ScoreNotes(
        title="",
        notes=tuple(notes),
        key=reader.key,
        graces=reader.graces,
        symbols=reader.symbols,
        unpitched=reader.unpitched,
        transposed=reader.transposed,
        repeats=reader.repeats,
        meters=tuple(dict.fromkeys(meter for _, meter in sorted(reader.meters))),
    )


class _Reader:
    """Collects the notes of one part after another."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.key: Key | None = None
        self.meters: list[tuple[float, str]] = []
        self.graces = self.symbols = self.unpitched = self.transposed = self.repeats = 0

    def part(self, part: "Part") -> None:
        from music21.bar import Repeat
        from music21.harmony import Harmony
        from music21.key import KeySignature
        from music21.meter import TimeSignature

        flat = part.flatten()
        shifts = list(_shifts(flat))
        first = flat.getElementsByClass(KeySignature).first()
        if self.key is None and first is not None:
            self.key = _key(first, shifts[0][1] if shifts else 0)
        self.meters += [
            (float(meter.offset), meter.ratioString[:_METER])
            for meter in flat.getElementsByClass(TimeSignature)
        ]
        ends = sum(mark.direction == "end" for mark in part[Repeat])
        self.repeats = max(self.repeats, ends)  # every part writes the same ones
        tied: dict[int, int] = {}  # pitch -> where the note stands whose tie is open
        for element in flat.notes:
            if isinstance(element, Harmony):
                self.symbols += 1
            elif not element.quarterLength:
                self.graces += 1
            elif not element.pitches:
                self.unpitched += 1
            else:
                start = float(element.offset)
                shift = next((by for since, by in reversed(shifts) if since <= start), 0)
                for note in getattr(element, "notes", (element,)):
                    self._add(note, start, start + float(element.quarterLength), shift, tied)

    def _add(self, note: Any, start: float, end: float, shift: int, tied: dict[int, int]) -> None:
        pitch = round(note.pitch.ps) + shift
        kind = note.tie.type if note.tie else None
        before = tied.pop(pitch, None)
        if kind not in ("stop", "continue"):
            before = None
        if before is not None and abs(self.notes[before].end - start) < _SAME_TIME:
            at = before
            self.notes[at] = self.notes[at]._replace(end=end)
        else:
            at = len(self.notes)
            self.notes.append(Note(pitch, start, end))
            self.transposed += shift != 0
        if kind in ("start", "continue"):
            tied[pitch] = at


def _shifts(flat: "Stream") -> Iterator[tuple[float, int]]:
    """From when on the part sounds how many semitones above what is written."""
    from music21.instrument import Instrument

    for instrument in flat.getElementsByClass(Instrument):
        by = instrument.transposition
        yield float(instrument.offset), 0 if by is None else round(by.semitones)


def _key(signature: object, shift: int) -> Key | None:
    sharps = getattr(signature, "sharps", None)
    if not isinstance(sharps, int) or math.fabs(sharps) > 14:
        return None
    minor = getattr(signature, "mode", None) == "minor"
    return Key((7 * sharps + (9 if minor else 0) + shift) % 12, minor)
