"""What is composed, in plain values, checked whatever widget or address they came from."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from dmm_core.errors import ConfigError
from dmm_core.inference.constraints import Constraint
from dmm_core.music.pianoroll import HIGHEST, LOWEST
from dmm_core.music.scales import SCALES, pitch_mask

__all__ = [
    "DENSITIES",
    "MOST_COUNT",
    "MOST_QUARTERS",
    "VOICES",
    "CompositionRequest",
    "Mode",
    "NoteConstraints",
    "Voices",
]

MOST_COUNT = 8
"""Alternatives that are drawn together."""

MOST_QUARTERS = 256
"""Quarters of the longest piece: its sound still fits into a message to the page."""

DENSITIES = (-3.0, 3.0)
"""Fewest and most notes, in nats added to every note's logit."""

_HOTTEST = 2.0


class Voices(NamedTuple):
    """How many notes sound at once, and whether two of them may be a semitone apart.

    Attributes:
        title: to show.
        least: fewest notes of a frame.
        most: most notes of a frame, or None for any number.
        apart: whether no two notes a semitone apart sound together.
    """

    title: str
    least: int = 0
    most: int | None = None
    apart: bool = True


VOICES = {
    "any": Voices("As the model has them", apart=False),
    "4": Voices("Four voices", 4, 4),
    "3": Voices("Three voices", 3, 3),
    "2": Voices("Two voices", 2, 2),
    "1": Voices("One voice", 1, 1),
    "5": Voices("Five voices", 5, 5),
    "up-to-4": Voices("Up to four notes", 0, 4),
    "up-to-3": Voices("Up to three notes", 0, 3),
    "up-to-2": Voices("Up to two notes", 0, 2),
    "apart": Voices("Any number, no semitone clash"),
}
"""By the name that stands in an address; all but the first allow no semitone clash."""

Mode = Literal["new", "continue", "infill", "morph", "reconstruct"]
"""From nothing, after a start, in the middle, between two pieces, or through the posterior."""


@dataclass(frozen=True)
class NoteConstraints:
    """What the notes keep to.

    Attributes:
        scale: a name in `SCALES`, or None for every note.
        tonic: pitch class of its first note, 0 (C) to 11 (B).
        lowest: lowest MIDI pitch that is heard.
        highest: highest MIDI pitch that is heard.
        density: nats added to every note's logit.
        to_sound: semitones that move the model's notes to where they sound.
        voices: a name in `VOICES`.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    scale: str | None = None
    tonic: int = 0
    lowest: int = LOWEST
    highest: int = HIGHEST
    density: float = 0.0
    to_sound: int = 0
    voices: str = "any"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.scale is not None and self.scale not in SCALES:
            raise ConfigError(f"There is no scale {self.scale!r:.40}.")
        if self.voices not in VOICES:
            raise ConfigError(f"There is no number of voices {self.voices!r:.40}.")
        if not 0 <= self.tonic <= 11:
            raise ConfigError(f"A key note is 0 (C) to 11 (B), not {self.tonic}.")
        if not LOWEST <= self.lowest <= self.highest <= HIGHEST:
            raise ConfigError(
                f"A register lies within MIDI pitches {LOWEST} to {HIGHEST}, "
                f"not {self.lowest} to {self.highest}."
            )
        if not DENSITIES[0] <= self.density <= DENSITIES[1]:
            raise ConfigError(
                f"The density is {DENSITIES[0]:g} to {DENSITIES[1]:g}, not {self.density:g}."
            )

    @property
    def anything(self) -> bool:
        """Whether it asks for anything at all."""
        return self.masks or self.density != 0.0 or self.voices != "any"

    @property
    def masks(self) -> bool:
        """Whether some notes may not sound."""
        return self.scale is not None or (self.lowest, self.highest) != (LOWEST, HIGHEST)

    def constraint(self) -> Constraint | None:
        """The constraint on the model's own pitches, or None.

        Raises:
            DataError: if no note is left, or fewer than the voices ask for.
        """
        if not self.anything:
            return None
        _, least, most, apart = VOICES[self.voices]
        if not self.masks:
            return Constraint(None, self.density, least, most, apart)
        allowed = pitch_mask(  # what sounds at p, the model has at p - to_sound
            scale=self.scale,
            tonic=(self.tonic - self.to_sound) % 12,
            lowest=self.lowest - self.to_sound,
            highest=self.highest - self.to_sound,
        )
        return Constraint(allowed, self.density, least, most, apart)


@dataclass(frozen=True)
class CompositionRequest:
    """What is drawn.

    Attributes:
        mode: what is drawn given what.
        count: alternatives, 1 to `MOST_COUNT`.
        frames: new time steps; a reconstruction and an infilling have those of their piece.
        z_temperature: as in `dmm_core.inference.sampling.sample`, 0 to 2.
        x_temperature: as there, 0 to 2.
        seed: decides all draws.
        keep: what the notes keep to.
        region: of an infilling, its first frame and the one behind its last.
        sweep: of a morph, go from the one piece to the other within each alternative, instead of
            by steps from alternative to alternative.
        arcs: of a morph, go along arcs, not along lines.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    mode: Mode
    count: int
    frames: int
    z_temperature: float
    x_temperature: float
    seed: int
    keep: NoteConstraints = NoteConstraints()
    region: tuple[int, int] | None = None
    sweep: bool = False
    arcs: bool = True

    def __post_init__(self) -> None:
        """Check the values."""
        if self.mode not in get_args(Mode):
            raise ConfigError(f"There is no mode {self.mode!r:.40}.")
        if not 1 <= self.count <= MOST_COUNT:
            raise ConfigError(f"There can be 1 to {MOST_COUNT} alternatives, not {self.count}.")
        if not 1 <= self.frames <= 4 * MOST_QUARTERS:
            raise ConfigError(f"A piece has 1 to {4 * MOST_QUARTERS} frames, not {self.frames}.")
        for name, value in (("z", self.z_temperature), ("x", self.x_temperature)):
            if not 0.0 <= value <= _HOTTEST:
                raise ConfigError(f"The temperature of {name} is 0 to {_HOTTEST:g}, not {value:g}.")
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"A seed is 0 to {2**31 - 1}, not {self.seed}.")
