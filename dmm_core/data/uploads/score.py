"""Extracts the score of a compressed MusicXML file; sentences of upload reports about scores."""

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from dmm_core.data.uploads.archive import read_zip
from dmm_core.data.uploads.report import display_name
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import UploadError
from dmm_core.music.abc_notation import TuneBook
from dmm_core.music.score import ScoreNotes
from dmm_core.music.score_scan import scan_xml

__all__ = ["MAX_MEMBERS", "score_changes", "score_of_mxl", "skipped_tunes_change"]

MAX_MEMBERS = 1000
"""Largest number of members of a .mxl archive, which may also hold images, sounds and parts."""

_CONTAINER = "META-INF/container.xml"
_SCORE_TYPE = "application/vnd.recordare.musicxml+xml"
_SCORES = (".musicxml", ".xml")
_MAX_LISTED = 5  # titles in a sentence
_MAX_NAME = 40  # characters of a name in a sentence

_LEFT_OUT = {
    "unpitched": ("percussion note", ""),
    "graces": ("grace note", ""),
    "cues": ("cue note", ""),
    "slashes": ("note", " in slash notation"),
    "symbols": ("chord symbol", ""),
    "stray": ("line", " of music after a blank line, which ends a tune"),
    "macros": ("macro", " that is not plain text"),
    "midi": ("MIDI directive", " about transposition or drums"),
}


def score_of_mxl(data: bytes) -> bytes:
    """Return the score of a compressed MusicXML file, which the container in the archive names.

    Without a container it is the first member with an extension of MusicXML.

    Raises:
        UploadError: if the archive is refused or has no score.
    """
    members = read_zip(data, max_members=MAX_MEMBERS)
    if _CONTAINER in members:
        name = _root_name(members[_CONTAINER])
    else:
        names = (
            n for n in members if n.lower().endswith(_SCORES) and not n.startswith("META-INF/")
        )
        name = next(names, None)
    if name is None:
        raise UploadError("The .mxl file holds no score.")
    if name not in members:
        shown = display_name(name)[:_MAX_NAME]
        raise UploadError(f"The .mxl file has no {shown}, which its container names as the score.")
    return members[name]


def _root_name(container: bytes) -> str | None:
    """Return the path of the first MusicXML root file that the container names, or None."""
    scan_xml(container, "container of the .mxl file")
    try:
        root = ElementTree.fromstring(container)
    except ElementTree.ParseError:
        raise UploadError("The container of the .mxl file cannot be read.") from None
    for element in root.iter():
        path, kind = element.get("full-path"), element.get("media-type", _SCORE_TYPE)
        if path and element.tag.rpartition("}")[2] == "rootfile" and kind == _SCORE_TYPE:
            return path
    return None


def score_changes(scores: Sequence[ScoreNotes]) -> Iterator[str]:
    """Yield sentences about what was left out, changed or not played, summed over all scores."""
    counts = sum((score.counts for score in scores), Counter())
    for what, (noun, such) in _LEFT_OUT.items():
        if counts[what]:
            yield f"Left out {pluralise(counts[what], noun)}{such}."
    if counts["transposed"]:
        notes = pluralise(counts["transposed"], "note")
        yield f"Read {notes} of transposing instruments at sounding pitch."
    if counts["microtones"]:
        yield f"Rounded {pluralise(counts['microtones'], 'microtone')} to the nearest semitone."
    if counts["repeats"]:
        music = pluralise(counts["repeats"], "repeat")
        yield f"Repeats are not played: the music of {music} is read once."
    if counts["measure_repeats"]:
        signs = pluralise(counts["measure_repeats"], "measure-repeat sign")
        verb = "is" if counts["measure_repeats"] == 1 else "are"
        yield f"{signs} {verb} not played."
    if jumps := list(dict.fromkeys(jump for score in scores for jump in score.jumps)):
        verb = "is" if len(jumps) == 1 else "are"
        yield f"{', '.join(jumps)} {verb} not played: music is read once, in written order."


def skipped_tunes_change(book: TuneBook) -> Iterator[str]:
    """Yield a sentence about the tunes that were left out and the reasons, if there are any."""
    if not book.skipped:
        return
    listed = "; ".join(
        f"{display_name(title)[:_MAX_NAME]} ({why})" for title, why in book.skipped[:_MAX_LISTED]
    )
    more = (
        f" and {len(book.skipped) - _MAX_LISTED:,} more" if len(book.skipped) > _MAX_LISTED else ""
    )
    yield f"Left out {pluralise(len(book.skipped), 'tune')} that cannot be read: {listed}{more}."
