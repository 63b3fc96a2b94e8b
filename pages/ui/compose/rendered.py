"""A composed piece as it is heard and kept: title, sound, file name."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.music.transposition import transposed
from pages.ui.address import asked_range
from pages.ui.compose.controls import ORIGINAL
from pages.ui.compose.drawing import Piece
from pages.ui.compose.performance import Performance, midi, score, sound
from pages.ui.compose.request import CompositionRequest, Mode, NoteConstraints
from pages.ui.compose.shaping import in_words
from pages.ui.compose.start import BAR_QUARTERS, Inputs, bar_beat
from pages.ui.player import PlayerEvents, player

__all__ = ["RenderedPiece", "composed_part", "file_stem", "heard_roll", "title_of"]

_DONE: dict[Mode, str] = {
    "new": "new",
    "continue": "continued",
    "infill": "infilled",
    "morph": "morph",
    "reconstruct": "reconstructed",
}


class RenderedPiece(NamedTuple):
    """One alternative, ready to be heard and kept.

    Attributes:
        piece: what was drawn.
        title: what it is, in words.
        stem: of its files' names.
        performance: how it is played.
        roll: (T, 88) boolean, as heard; frames that were given are exactly as they were.
        to_sound: semitones that move the model's notes to where they are heard.
        composed: first and last frame that are the model's, or None where all are.
    """

    piece: Piece
    title: str
    stem: str
    performance: Performance
    roll: np.ndarray
    to_sound: int
    composed: tuple[int, int] | None = None

    @property
    def lost(self) -> int:
        """Composed notes that are beyond the keyboard where they would be heard."""
        part = (
            slice(None) if self.composed is None else slice(self.composed[0], self.composed[1] + 1)
        )
        return int(self.piece.roll[part].sum() - self.roll[part].sum())

    @property
    def bare(self) -> "RenderedPiece":
        """The same without path, kl and probabilities: what is heard, and nothing else."""
        roll = self.piece.roll
        plain = self.piece._replace(path=None, kl=None, probabilities=roll.astype(np.float32))
        return self._replace(piece=plain)

    @property
    def blind(self) -> "RenderedPiece":
        """The same from the bar on in which the model begins, with nothing of its origin."""
        bar = BAR_QUARTERS * self.performance.steps_per_quarter
        first = self.composed[0] // bar * bar if self.composed else 0
        piece = self.piece._replace(
            roll=self.piece.roll[first:], probabilities=self.piece.probabilities[first:]
        )
        return self._replace(piece=piece, roll=self.roll[first:], composed=None).bare

    def play(self, *, key: str = "player", height: int = 300) -> PlayerEvents:
        """Draw the player."""
        return self._play(key, height, None, None)

    def play_in_address(self) -> PlayerEvents:
        """Draw the player, with its loop region in the address as ?loop=first-last."""
        return self._play("player", 300, asked_range("loop", len(self.roll)), _keep_loop)

    def _play(
        self,
        key: str,
        height: int,
        loop: tuple[int, int] | None,
        on_region: Callable[[tuple[int, int] | None], None] | None,
    ) -> PlayerEvents:
        return player(
            roll=self.roll,
            wav=sound(self.roll, self.performance),
            steps_per_quarter=self.performance.steps_per_quarter,
            tempo=self.performance.tempo,
            rearticulate=self.performance.rearticulate,
            swing=self.performance.swing,
            key=key,
            title=self.title,
            probabilities=np.clip(transposed(self.piece.probabilities, self.to_sound), 0, 1),
            path=self.piece.path,
            kl=self.piece.kl,
            composed=self.composed,
            loop=loop,
            on_region=on_region,
            height=height,
        )

    def draw_downloads(self) -> None:
        """Draw a button for each kind of file."""
        files = (
            ("MIDI", "mid", "audio/midi", midi(self.roll, self.performance)),
            ("WAV", "wav", "audio/wav", sound(self.roll, self.performance)),
            (
                "MusicXML",
                "musicxml",
                "application/vnd.recordare.musicxml+xml",
                score(self.roll, self.performance, self.title),
            ),
        )
        with st.container(horizontal=True):
            for label, extension, mime, data in files:
                st.download_button(
                    label,
                    data,
                    file_name=f"{self.stem}.{extension}",
                    mime=mime,
                    icon=":material/download:",
                    key=f"get_{extension}",
                    on_click="ignore",
                )


def _keep_loop(region: tuple[int, int] | None) -> None:
    if region is None:
        st.query_params.pop("loop", None)
    else:
        st.query_params["loop"] = f"{region[0]}-{region[1]}"


def heard_roll(
    piece: Piece, plan: CompositionRequest, given: Inputs, *, raised: int, hear: int = 1
) -> np.ndarray:
    """(T, 88) boolean: a piece as it is heard, with what was given exactly as it was.

    Args:
        piece: as the model has it.
        plan: it was drawn by.
        given: what was given.
        raised: semitones by which the listener has everything moved from where it sounds.
        hear: the number of the alternative, or `ORIGINAL`.
    """
    roll = transposed(piece.roll, plan.keep.to_sound)
    if given.start is None:
        return roll
    original = transposed(given.start.heard.x > 0, raised)
    if hear == ORIGINAL:
        return original
    if part := composed_part(plan, given):
        first, after = part[0], part[1] + 1
        roll[:first] = original[:first]
        roll[after:] = original[after:]
    return roll


def composed_part(plan: CompositionRequest, given: Inputs) -> tuple[int, int] | None:
    """First and last frame that are the model's, where the others were given."""
    if plan.region is not None:
        return plan.region[0], plan.region[1] - 1
    if plan.mode == "continue" and given.start:
        begun = given.start.length
        return begun, begun + plan.frames - 1
    return None


def title_of(plan: CompositionRequest, hear: int, given: Inputs, grid: int) -> str:
    """What an alternative is, in words."""
    kept = in_words(plan.keep)
    end = f", alternative {hear}" + (f" ({kept})" if kept else "")
    if given.start is None:
        return f"New music{end}"
    name = given.start.title
    if hear == ORIGINAL:
        return name
    if plan.region is not None:
        first, last = bar_beat(plan.region[0], grid), bar_beat(plan.region[1] - 1, grid)
        return f"{name}, composed anew from {first} to {last}{end}"
    if given.other is not None:
        how = "turning into" if plan.sweep else "on the way to"
        return f"{name}, {how} {given.other.title}{end}"
    if plan.mode == "continue":
        return f"{name}, continued from {bar_beat(given.start.length, grid)}{end}"
    return f"{name}, reconstructed{end}"


def file_stem(model: str, plan: CompositionRequest, hear: int, given: Inputs, grid: int) -> str:
    """A file's name without its ending, such as "bwv66-6_infilled-bar3-4_seed7_2_chorales".

    It begins with the piece, so that a folder sorts by it, and has letters, digits and hyphens
    only, whatever the piece or the model is called.
    """
    parts = [_plain(given.start.title, 40)] if given.start else []
    if hear == ORIGINAL:
        return "_".join([*filter(None, parts), "original"])
    done = _DONE[plan.mode]
    if plan.region is not None:
        ends = (plan.region[0], plan.region[1] - 1)
        done += "-bar" + "-".join(
            dict.fromkeys(str(end // (BAR_QUARTERS * grid) + 1) for end in ends)
        )
    if given.other is not None:
        done += f"-to-{_plain(given.other.title, 30)}"
    if plan.keep.scale is not None:
        scale = replace(NoteConstraints(), scale=plan.keep.scale, tonic=plan.keep.tonic)
        done += f"-in-{_plain(in_words(scale), 30)}"
    return "_".join(filter(None, [*parts, done, f"seed{plan.seed}", str(hear), _plain(model, 30)]))


def _plain(text: str, most: int) -> str:
    """Lower-case ASCII letters and digits of `text`, joined by hyphens."""
    text = text.replace("♯", " sharp").replace("♭", " flat")
    base = unicodedata.normalize("NFKD", re.sub(r"\.\w{2,8}$", "", text))
    words = re.findall(r"[a-z0-9]+", base.encode("ascii", "ignore").decode().lower())
    return "-".join(words)[:most].strip("-")
