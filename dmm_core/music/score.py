"""Reads the sounding notes of MusicXML scores, with times in quarter notes.

Measures with the same index start at the same time in all parts.
Source: MusicXML 4.0 (W3C, 2021).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from dmm_core.errors import UploadError
from dmm_core.music.key import Key
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.pianoroll import Note
from dmm_core.music.score_part import JUMPS, MAX_DENOMINATOR, Part, Place
from dmm_core.music.score_scan import scan_musicxml
from dmm_core.music.score_write import musicxml_from_notes

__all__ = [
    "ScoreNotes",
    "ScoreParts",
    "musicxml_from_notes",
    "notes_of_parts",
    "parts_of_musicxml",
    "read_musicxml",
    "read_parts",
]

_DRUM_CHANNEL = "10"


class ScoreNotes(NamedTuple):
    """The pitched notes of a score at sounding pitch.

    Attributes:
        notes: notes sorted by onset, with start and end in quarter notes; tied notes are one note.
        key: first key signature at sounding pitch, or None. Modes other than minor count as major.
        meters: time signatures such as "3/4", each once, in order of appearance.
        counts: number of things that were left out or changed: "graces", "cues", "symbols" (chord
            symbols),
            "unpitched" (percussion notes), "slashes" (slash notation), "transposed" (notes of
            transposing instruments), "microtones" (rounded to a semitone), "repeats" (ends of
            repeats, which are read once) and "measure_repeats" (signs that repeat a bar or a beat,
            which are not played).
        jumps: those of "D.C.", "D.S." and "to coda" that the score has. They are not played.
        title: title of an ABC tune; empty for other scores.
    """

    notes: tuple[Note, ...]
    key: Key | None
    meters: tuple[str, ...]
    counts: Counter[str]
    jumps: tuple[str, ...]
    title: str = ""


class ScoreParts(NamedTuple):
    """The parts of a score, with the times of its bars.

    Attributes:
        parts: the parts.
        names: name of each part, or "".
        starts: start of each bar in quarter notes, and the end of the last. Each bar starts where
            the longest of the bars before it ends, in any part.
        nominal: length of each bar in quarter notes according to the time signature.
    """

    parts: tuple[Part, ...]
    names: tuple[str, ...]
    starts: tuple[Fraction, ...]
    nominal: tuple[Fraction, ...]

    def time(self, place: Place) -> float:
        """Return the time of a place of a part in quarter notes."""
        return float(self.starts[place.bar] + place.at)


def read_musicxml(data: bytes) -> ScoreNotes:
    """Read an untrusted MusicXML file.

    Raises:
        UploadError: if the file is refused.
    """
    return notes_of_parts(read_parts(data))


def read_parts(data: bytes) -> ScoreParts:
    """Read the parts of an untrusted MusicXML file; at least one of them has a note.

    Raises:
        UploadError: if the file is refused.
    """
    scan_musicxml(data)
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        raise UploadError(
            "The MusicXML file has an entity that its DTD declares, and entities are not read."
        ) from None
    score = parts_of_musicxml(root)
    if not any(part.sounds for part in score.parts):
        unpitched = sum(part.counts["unpitched"] for part in score.parts)
        notes = "1 percussion note" if unpitched == 1 else f"{unpitched:,} percussion notes"
        why = f": it has {notes} alone" if unpitched else ""
        raise UploadError(f"The MusicXML file holds no pitched notes{why}.")
    return score


def parts_of_musicxml(root: Element, *, as_written: bool = False) -> ScoreParts:
    """Return the parts of a parsed score.

    Args:
        root: the element score-partwise or score-timewise.
        as_written: whether rests can make a bar longer than its time signature, as in ABC. MusicXML
            programs write rests that overfill bars, so there they cannot.

    Raises:
        UploadError: if a part cannot be read.
    """
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # the namespace
    drums, titles = _drums(root), _names(root)
    parts, names = [], []
    for number, (name, measures) in enumerate(_parts(root), start=1):
        part = Part(drums.get(name, frozenset()), as_written)
        for bar, measure in enumerate(measures, start=1):
            try:
                part.read(measure)
            except (ArithmeticError, LookupError, TypeError, ValueError):
                raise UploadError(
                    f"The score cannot be read in measure {bar:,} of part {number:,}."
                ) from None
        parts.append(part)
        names.append(titles.get(name, ""))
    lengths, nominal = _longest(part.lengths for part in parts), _longest(p.nominal for p in parts)
    starts = [Fraction(0)]
    for length, usual in zip(lengths, nominal, strict=True):
        starts.append(starts[-1] + (length or usual))  # an empty bar has length 0
        if starts[-1].denominator > MAX_DENOMINATOR:
            raise UploadError("The score divides its quarter notes in too many different ways.")
    return ScoreParts(tuple(parts), tuple(names), tuple(starts), tuple(nominal))


def _parts(root: Element) -> Iterator[tuple[str, list[Element]]]:
    """Yield id and measures of each part."""
    if root.tag == "score-timewise":
        parts: dict[str, list[Element]] = {}
        for measure in root.iter("measure"):
            for part in measure.iter("part"):
                parts.setdefault(part.get("id", ""), []).append(part)
        yield from parts.items()
    else:
        for part in root.findall("part"):
            yield part.get("id", ""), part.findall("measure")


def _names(root: Element) -> dict[str, str]:
    """Return part id -> name of the part."""
    return {
        part.get("id", ""): " ".join(part.findtext("part-name", "").split())
        for part in root.iter("score-part")
    }


def _drums(root: Element) -> dict[str, frozenset[str]]:
    """Return part id -> ids of its drum instruments, and "" among them if all are drums."""
    drums = {}
    for part in root.iter("score-part"):
        channels = {m.get("id", ""): _is_drum(m) for m in part.iter("midi-instrument")}
        names = {name for name, is_drum in channels.items() if is_drum}
        if names and all(channels.values()):
            names.add("")
        drums[part.get("id", "")] = frozenset(names)
    return drums


def _is_drum(instrument: Element) -> bool:
    """Return whether an instrument is on the drum channel or unpitched."""
    channel = instrument.findtext("midi-channel", "").strip()
    return channel == _DRUM_CHANNEL or instrument.find("midi-unpitched") is not None


def notes_of_parts(score: ScoreParts) -> ScoreNotes:
    """Return the notes of all parts of a score.

    Raises:
        UploadError: if the score is too long.
    """
    parts = score.parts
    notes = sorted(
        (score.time(s.start), s.pitch, score.time(s.end)) for part in parts for s in part.sounds
    )
    quarters = max((end for _, _, end in notes), default=0.0)
    if quarters > MAX_QUARTERS:
        raise UploadError(
            f"The score lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are read."
        )
    counts = sum((part.counts for part in parts), Counter())
    counts["repeats"] = max((part.counts["repeats"] for part in parts), default=0)
    meters = sorted(meter for part in parts for meter in part.meters)
    jumps = set().union(*(part.jumps for part in parts))
    return ScoreNotes(
        notes=tuple(Note(pitch, start, end) for start, pitch, end in notes),
        key=next((part.key for part in parts if part.key), None),
        meters=tuple(dict.fromkeys(meter for _, meter in meters)),
        counts=+counts,
        jumps=tuple(name for name in JUMPS if name in jumps),
    )


def _longest(parts: Iterable[Sequence[Fraction]]) -> list[Fraction]:
    """Return the greatest length of each bar over all parts."""
    longest: list[Fraction] = []
    for lengths in parts:
        longest += [Fraction(0)] * (len(lengths) - len(longest))
        for bar, length in enumerate(lengths):
            longest[bar] = max(longest[bar], length)
    return longest
