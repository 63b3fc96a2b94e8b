"""The data set `jsb-m21`: Bach's four-part chorales from the corpus of music21, without a download.

A frame holds the pitches that sound at its first instant, on a grid that starts with the score.
Every score is transposed up by 6 to 17 semitones so that its last bass note becomes a C, as in the
canonical JSB data set. `jsb_split.json` in this folder lists the scores of each split.
"""

import gc
import json
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmm_core.data.cache import Report, cache_path, cached
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.errors import DataError
from dmm_core.music.pianoroll import LOWEST, PITCHES

__all__ = [
    "CHORALE_GRIDS",
    "Chorale",
    "chorale_paths",
    "chorales_on_disk",
    "load_chorales",
    "load_scores",
    "read_chorale",
]

CHORALE_GRIDS: dict[str, int] = {"jsb-m21": 1, "jsb-m21-eighth": 2, "jsb-m21-sixteenth": 4}
"""Name of a data set -> frames per quarter note."""

_VERSION = 2  # of the cached notes; increase it when the code produces different notes


_OF_NOTES = ("notes", "voices", "tied", "fermatas")
"""Attributes of `Chorale` that have a row for each note."""


class Chorale(NamedTuple):
    """A transposed score before it is sampled on a grid.

    Attributes:
        notes: (notes, 3) float64: MIDI pitch, start and end; times in quarter notes from the start
            of the score.
        quarters: length of the score in quarter notes, including rests.
        voices: (notes,) int8: the part of each note, the highest part being 0.
        tied: (notes,) bool: whether the note continues the one before it in its part.
        fermatas: (notes,) bool: whether the note has a fermata.
        bars: (bars, 3) float64: start of each bar, length of a full bar of its meter, and the
            position in the full bar at which it starts (above 0 for an upbeat); in quarter notes.
        shift: semitones by which the score was transposed.
    """

    notes: np.ndarray
    quarters: float
    voices: np.ndarray
    tied: np.ndarray
    fermatas: np.ndarray
    bars: np.ndarray
    shift: int

    def roll(self, steps_per_quarter: int) -> np.ndarray:
        """Return the (T, 88) uint8 piano-roll of the pitches at the first instant of each frame."""
        roll = np.zeros((int(np.ceil(self.quarters * steps_per_quarter)), PITCHES), np.uint8)
        # A note of [start, end) sounds at the instant t / steps if start <= t / steps < end.
        frames = np.ceil(self.notes[:, 1:] * steps_per_quarter).astype(int)
        for pitch, (first, end) in zip(self.notes[:, 0].astype(int), frames, strict=True):
            roll[first:end, pitch - LOWEST] = 1
        return roll


def load_chorales(name: str, progress: Report) -> Splits:
    """Load the chorales on one of the three grids.

    The first call reads the corpus, which takes about 15 s; the result is cached for all grids.

    Args:
        name: key of `CHORALE_GRIDS`.
        progress: called after each score that is read.

    Raises:
        DataError: if music21 is installed without its corpus.
    """
    chorales = load_scores(progress)

    def sequences(part: str) -> Sequences:
        return Sequences(
            tuple(chorale.roll(CHORALE_GRIDS[name]) for chorale in chorales[part].values()),
            tuple(chorales[part]),
        )

    return Splits(
        name=name,
        kind="binary",
        train=sequences("train"),
        valid=sequences("valid"),
        test=sequences("test"),
        steps_per_quarter=CHORALE_GRIDS[name],
    )


def load_scores(progress: Report) -> dict[str, dict[str, Chorale]]:
    """Load the scores of each split, by name such as "BWV 3.6".

    The first call reads the corpus, which takes about 15 s; the result is cached.

    Args:
        progress: called after each score that is read.

    Raises:
        DataError: if music21 is installed without its corpus.
    """
    split = _split()
    scores = [score for part in split.values() for score in part]
    read = cached(_cache_name(), lambda: _pack(_read(scores, progress)), _unpack)
    chorales = dict(zip(scores, read, strict=True))
    return {
        part: {Path(name).stem.replace("bwv", "BWV "): chorales[name] for name in split[part]}
        for part in split
    }


def chorales_on_disk() -> bool:
    """Return whether the notes of the corpus are in the cache."""
    return cache_path(_cache_name()).is_file()


def chorale_paths(split: str) -> list[Path]:
    """Return the paths of the scores of a split in music21's corpus, for `read_chorale`.

    Args:
        split: train, valid or test.

    Raises:
        DataError: if there is no such split, or music21 is installed without its corpus.
    """
    known = _split()
    if split not in known:
        raise DataError(f"There is no split {split!r:.40}; the splits are {', '.join(known)}.")
    return [_path(score) for score in known[split]]


def read_chorale(path: Path) -> Chorale:
    """Read one score of the corpus and transpose it.

    Raises:
        DataError: if the file is not a score with parts.
    """
    # Importing music21 takes 0.25 s, and a cached data set does not need it.
    from music21.converter import Converter
    from music21.expressions import Fermata
    from music21.stream import Measure, Score

    reader = Converter()
    reader.parseFileNoPickle(path)  # without music21's pickle cache, whose files it would execute
    score = reader.stream
    if not isinstance(score, Score) or not score.parts:
        raise DataError(f"{path} is not a score with parts.")
    parts = [list(part.flatten().notes) for part in score.parts]
    bass = parts[-1][-1].pitches[0].midi
    shift = 6 + (-bass - 6) % 12
    notes = [
        (
            (pitch.midi + shift, note.offset, note.offset + note.quarterLength),
            voice,
            note.tie is not None and note.tie.type != "start",
            any(isinstance(mark, Fermata) for mark in note.expressions),
        )
        for voice, part in enumerate(parts)
        for note in part
        for pitch in note.pitches
        if note.quarterLength  # grace notes have no duration
    ]
    times, voices, tied, fermatas = zip(*notes, strict=True)
    bars = [
        (bar.offset, bar.barDuration.quarterLength, bar.paddingLeft)
        for bar in score.parts[0].getElementsByClass(Measure)
    ]
    return Chorale(
        notes=np.array(times, dtype=np.float64),
        quarters=float(score.highestTime),
        voices=np.array(voices, dtype=np.int8),
        tied=np.array(tied),
        fermatas=np.array(fermatas),
        bars=np.array(bars, dtype=np.float64).reshape(-1, 3),
        shift=shift,
    )


def _cache_name() -> str:
    return f"jsb-m21-v{_VERSION}-music21-{version('music21')}.bin"


def _split() -> dict[str, list[str]]:
    """Return the names of the scores of each split."""
    return json.loads(Path(__file__).with_name("jsb_split.json").read_text())


def _path(score: str) -> Path:
    """Return the path of a score in music21's corpus."""
    from music21.common.pathTools import getCorpusFilePath

    path = getCorpusFilePath() / "bach" / score
    if not path.is_file():
        raise DataError(f"music21 is installed without its corpus: {path} is missing.")
    return path


def _read(scores: list[str], progress: Report) -> list[Chorale]:
    chorales = []
    # music21 creates so many objects that automatic garbage collection would take 40% of the time.
    automatic = gc.isenabled()
    gc.disable()
    try:
        for score in scores:
            done = len(chorales)
            progress(done / len(scores), f"Reading chorale {done + 1} of {len(scores)}")
            chorales.append(read_chorale(_path(score)))
            if done % 40 == 39:
                gc.collect()  # keeps the memory small: a score leaves 1 MB of objects in cycles
    finally:
        if automatic:
            gc.enable()
    return chorales


def _pack(chorales: list[Chorale]) -> bytes:
    """Encode chorales for the cache: a SHA-256 digest and an npz file."""
    buffer = BytesIO()
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(chorale, name) for chorale in chorales])
        for name in (*_OF_NOTES, "bars")
    }
    np.savez_compressed(
        buffer,
        **columns,
        counts=[len(chorale.notes) for chorale in chorales],
        bar_counts=[len(chorale.bars) for chorale in chorales],
        quarters=[chorale.quarters for chorale in chorales],
        shift=[chorale.shift for chorale in chorales],
    )
    return sha256(buffer.getvalue()).digest() + buffer.getvalue()


def _unpack(content: bytes) -> list[Chorale]:
    """Decode the result of `_pack`."""
    digest, packed = content[:32], content[32:]
    if sha256(packed).digest() != digest:
        raise DataError("The cached chorales are damaged.")
    with np.load(BytesIO(packed), allow_pickle=False) as archive:
        columns = {
            name: np.split(archive[name], np.cumsum(archive["counts"])[:-1]) for name in _OF_NOTES
        }
        columns["bars"] = np.split(archive["bars"], np.cumsum(archive["bar_counts"])[:-1])
        columns["quarters"] = archive["quarters"].tolist()
        columns["shift"] = archive["shift"].tolist()
    return [
        Chorale(**dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]
