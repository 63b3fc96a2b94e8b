"""A composed piece with all that is needed to play and download it: title, sound, file name."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.music.transposition import transposed
from pages.ui.address import range_from_address
from pages.ui.compose.composition import Alternative
from pages.ui.compose.controls import ORIGINAL
from pages.ui.compose.inputs import BAR_QUARTERS, Inputs, bar_beat
from pages.ui.compose.modes import Ask
from pages.ui.compose.performance import Performance, midi, score, sound
from pages.ui.compose.request import CompositionRequest, NoteConstraints
from pages.ui.compose.shaping import in_words
from pages.ui.downloads import draw_music_downloads
from pages.ui.player import PlayerEvents, player

__all__ = ["RenderedPiece", "composed_part", "file_stem", "sounding_roll", "title_of"]


class RenderedPiece(NamedTuple):
    """One alternative, ready to be played and downloaded.

    Attributes:
        alternative: the alternative at the model's pitch.
        title: what it is, in words.
        stem: file name without its extension.
        performance: how it is played.
        roll: (T, 88) boolean, at the sounding pitch; given frames are unchanged.
        sounding_shift: semitones from the model's pitch to the sounding pitch.
        composed: first and last frame of the composed part, or None if everything is composed.
    """

    alternative: Alternative
    title: str
    stem: str
    performance: Performance
    roll: np.ndarray
    sounding_shift: int
    composed: tuple[int, int] | None = None

    @property
    def lost_notes(self) -> int:
        """Number of composed notes that lie outside the keyboard at the sounding pitch."""
        part = (
            slice(None) if self.composed is None else slice(self.composed[0], self.composed[1] + 1)
        )
        return int(self.alternative.roll[part].sum() - self.roll[part].sum())

    @property
    def notes_only(self) -> "RenderedPiece":
        """The same piece without latent path, kl and probabilities."""
        alternative = self.alternative
        return self._replace(
            alternative=alternative._replace(
                path=None, kl=None, probabilities=alternative.roll.astype(np.float32)
            )
        )

    @property
    def anonymous(self) -> "RenderedPiece":
        """The notes from the bar in which the composed part begins, without their origin."""
        bar = BAR_QUARTERS * self.performance.steps_per_quarter
        first = self.composed[0] // bar * bar if self.composed else 0
        alternative = self.alternative._replace(
            roll=self.alternative.roll[first:], probabilities=self.alternative.probabilities[first:]
        )
        cut = self._replace(alternative=alternative, roll=self.roll[first:], composed=None)
        return cut.notes_only

    def play(self, *, key: str = "player", height: int = 300) -> PlayerEvents:
        """Draw the player.

        Args:
            key: of the component, unique on the page.
            height: of the piano-roll in CSS pixels.
        """
        return self._play(key, height, None, None)

    def play_in_address(self) -> PlayerEvents:
        """Draw the player and keep its loop region in the address as ?loop=first-last."""
        return self._play("player", 300, range_from_address("loop", len(self.roll)), _store_loop)

    def _play(
        self,
        key: str,
        height: int,
        loop: tuple[int, int] | None,
        on_region: Callable[[tuple[int, int] | None], None] | None,
    ) -> PlayerEvents:
        probabilities = transposed(self.alternative.probabilities, self.sounding_shift)
        return player(
            roll=self.roll,
            wav=sound(self.roll, self.performance),
            steps_per_quarter=self.performance.steps_per_quarter,
            tempo=self.performance.tempo,
            rearticulate=self.performance.rearticulate,
            swing=self.performance.swing,
            key=key,
            title=self.title,
            probabilities=np.clip(probabilities, 0, 1),
            path=self.alternative.path,
            kl=self.alternative.kl,
            composed=self.composed,
            loop=loop,
            on_region=on_region,
            height=height,
        )

    def draw_downloads(self) -> None:
        """Draw a download button for each file format."""
        draw_music_downloads(
            self.stem,
            midi=midi(self.roll, self.performance),
            wav=sound(self.roll, self.performance),
            musicxml=score(self.roll, self.performance, self.title),
        )


def _store_loop(region: tuple[int, int] | None) -> None:
    if region is None:
        st.query_params.pop("loop", None)
    else:
        st.query_params["loop"] = f"{region[0]}-{region[1]}"


def sounding_roll(
    alternative: Alternative,
    request: CompositionRequest,
    inputs: Inputs,
    *,
    raised: int,
    number: int = 1,
) -> np.ndarray:
    """The roll (T, 88) at its sounding pitch; frames that were given are unchanged.

    Args:
        alternative: the piece at the model's pitch.
        request: what it was composed for.
        inputs: the pieces that were given.
        raised: semitones by which the octave setting moves the music.
        number: the number of the alternative, or `ORIGINAL`.
    """
    roll = transposed(alternative.roll, request.constraints.sounding_shift)
    if inputs.start is None:
        return roll
    original = transposed(inputs.start.sounding.x > 0, raised)
    if number == ORIGINAL:
        return original
    # Transposition can lose notes at the ends of the keyboard, so given frames are copied.
    if part := composed_part(request, inputs):
        first, after = part[0], part[1] + 1
        roll[:first] = original[:first]
        roll[after:] = original[after:]
    return roll


def composed_part(request: CompositionRequest, inputs: Inputs) -> tuple[int, int] | None:
    """First and last frame of the composed part, or None if no frame is kept as it was given."""
    if request.region is not None:
        return request.region[0], request.region[1] - 1
    if Ask.START in request.mode.asks and inputs.start:
        start = inputs.start.length
        return start, start + request.frames - 1
    return None


def title_of(
    request: CompositionRequest, number: int, inputs: Inputs, steps_per_quarter: int
) -> str:
    """The title of an alternative, such as "BWV 66.6, continued from 5:1, alternative 2"."""
    if number == ORIGINAL and inputs.start:
        return inputs.start.title
    first, after = request.region or (0, request.frames)
    constraints = in_words(request.constraints)
    title = request.mode.title.format(
        piece=inputs.start.title if inputs.start else "",
        second=inputs.second.title if inputs.second else "",
        end=bar_beat(inputs.start.length if inputs.start else 0, steps_per_quarter),
        first=bar_beat(first, steps_per_quarter),
        last=bar_beat(after - 1, steps_per_quarter),
        way="turning into" if request.sweep else "on the way to",
    )
    return f"{title}, alternative {number}" + (f" ({constraints})" if constraints else "")


def file_stem(
    model: str,
    request: CompositionRequest,
    number: int,
    inputs: Inputs,
    steps_per_quarter: int,
) -> str:
    """A file name without its extension, such as "bwv66-6_infilled-bar3-4_seed7_2_chorales".

    It begins with the title of the piece, so that the files of a piece are sorted together. It
    contains only ASCII letters, digits, hyphens and underscores.
    """
    parts = [_slug(inputs.start.title, 40)] if inputs.start else []
    if number == ORIGINAL:
        return "_".join([*filter(None, parts), "original"])
    first, after = request.region or (0, request.frames)
    bar = BAR_QUARTERS * steps_per_quarter
    bars = dict.fromkeys(str(frame // bar + 1) for frame in (first, after - 1))
    how = request.mode.file_stem.format(
        piece=parts[0] if parts else "",
        second=_slug(inputs.second.title, 30) if inputs.second else "",
        bars="bar" + "-".join(bars),
    )
    constraints = request.constraints
    if constraints.scale is not None:
        scale = replace(NoteConstraints(), scale=constraints.scale, tonic=constraints.tonic)
        how += f"-in-{_slug(in_words(scale), 30)}"
    return "_".join(
        filter(None, [*parts, how, f"seed{request.seed}", str(number), _slug(model, 30)])
    )


def _slug(text: str, most: int) -> str:
    """The lower-case ASCII letters and digits of `text`, joined by hyphens, at most `most` long."""
    text = text.replace("♯", " sharp").replace("♭", " flat")
    base = unicodedata.normalize("NFKD", re.sub(r"\.\w{2,8}$", "", text))
    words = re.findall(r"[a-z0-9]+", base.encode("ascii", "ignore").decode().lower())
    return "-".join(words)[:most].strip("-")
