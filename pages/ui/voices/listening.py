"""The player of piano-rolls with a score in voices, for pages that only play it."""

import numpy as np

from dmm_core.music.voices import STEPS
from pages.ui.player import PlayerPath, player
from pages.ui.voices.performance import VoicesPerformance, sound
from pages.ui.voices.working_score import WorkingScore

__all__ = ["play"]


def play(
    score: WorkingScore,
    *,
    title: str,
    path: PlayerPath | None = None,
    kl: np.ndarray | None = None,
    height: int = 340,
) -> None:
    """Draw the player of a score.

    Args:
        score: what is played.
        title: plain text above the roll.
        path: latent path of its beats.
        kl: (beats,) nats of each beat, drawn as a strip below the roll.
        height: of the roll in CSS pixels.
    """
    how = VoicesPerformance()
    player(
        roll=score.piece.roll,
        wav=sound(score, how),
        steps_per_quarter=STEPS,
        tempo=how.tempo,
        meter=score.meter,
        rearticulate=False,
        key="player",
        title=title,
        path=path and PlayerPath(_held(path.loc), _held(path.scale), path.caption),
        kl=None if kl is None else _held(kl),
        height=height,
    )


def _held(beats: np.ndarray) -> np.ndarray:
    """Values of beats for each of their sixteenths."""
    return np.repeat(beats, STEPS, axis=0)
