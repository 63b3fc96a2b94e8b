"""Every measure of a set of pieces against a reference, as `music-report` prints them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.excerpts import Discrimination, discriminate
from dmm_core.music.overlap import length_overlap, overlapped_areas
from dmm_core.music.voice_metrics import Share, VoiceMetrics, chord_bigrams, measure, total
from dmm_core.music.voices import VoicedPiece

__all__ = ["MusicReport", "music_report"]


class MusicReport(NamedTuple):
    """Measures of a set of pieces.

    Attributes:
        pieces: number of pieces.
        beats: number of beats of all pieces.
        metrics: the measures of the pieces by themselves.
        known_bigrams: chord bigrams, in any key, that also occur in a piece of the reference
            (`dmm_core.music.voice_metrics.chord_bigrams`).
        length_overlap: overlap of the distributions of note lengths, from 0 to 1.
        overlapped_areas: overlapped area by feature, from 0 to 1.
        classifier: how well excerpts are told from the reference's; None where there are too few.
    """

    pieces: int
    beats: int
    metrics: VoiceMetrics
    known_bigrams: Share
    length_overlap: float
    overlapped_areas: dict[str, float]
    classifier: Discrimination | None

    @property
    def overlapped_area(self) -> float:
        """The mean of the overlapped areas."""
        return float(np.mean(list(self.overlapped_areas.values())))

    def rows(self) -> dict[str, float | None]:
        """The measures by their key in the JSON output; percentages, and areas from 0 to 1."""
        found: dict[str, float | None] = {
            f"{name}_percent": share.percent for name, share in self.metrics._asdict().items()
        }
        onsets = found.pop("onsets_percent")
        found["onsets_a_voice_and_beat"] = None if onsets is None else onsets / 100.0
        found["known_bigrams_percent"] = self.known_bigrams.percent
        found["length_overlap"] = self.length_overlap
        found["overlapped_area"] = self.overlapped_area
        found["classifier_percent"] = self.classifier and 100.0 * self.classifier.accuracy
        return found

    def to_json(self) -> dict[str, Any]:
        """All values as JSON takes them."""
        return {
            "pieces": self.pieces,
            "beats": self.beats,
            **self.rows(),
            "classifier_standard_error_percent": self.classifier
            and 100.0 * self.classifier.standard_error,
            "overlapped_areas": self.overlapped_areas,
        }


def music_report(
    pieces: Sequence[VoicedPiece], reference: Sequence[VoicedPiece], *, seed: int = 0
) -> MusicReport:
    """Measure pieces against a reference.

    Args:
        pieces: the pieces to judge.
        reference: pieces of the style, none of which is among `pieces`.
        seed: of the folds of the classifier.

    Raises:
        DataError: if there are fewer than two pieces, or fewer than two in the reference.
    """
    if min(len(pieces), len(reference)) < 2:
        raise DataError(
            f"A report needs two pieces and a reference of two or more, not {len(pieces)} and "
            f"{len(reference)}."
        )
    known = {bigram for piece in reference for bigram in chord_bigrams(piece)}
    bigrams = [bigram for piece in pieces for bigram in chord_bigrams(piece)]
    return MusicReport(
        pieces=len(pieces),
        beats=sum(piece.beats for piece in pieces),
        metrics=total(measure(piece) for piece in pieces),
        known_bigrams=Share(sum(bigram in known for bigram in bigrams), len(bigrams)),
        length_overlap=length_overlap(pieces, reference),
        overlapped_areas=overlapped_areas(pieces, reference),
        classifier=discriminate(pieces, reference, seed=seed),
    )
