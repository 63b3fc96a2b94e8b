"""A request for compositions as plain, validated values, independent of widgets and addresses."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dmm_core.errors import ConfigError
from dmm_core.music.pianoroll import HIGHEST, LOWEST
from dmm_core.music.scales import SCALES, pitch_mask
from dmm_core.nn.constraints import Constraint

if TYPE_CHECKING:
    from pages.ui.compose.modes import Mode

__all__ = [
    "DENSITIES",
    "MAX_COUNT",
    "MAX_QUARTERS",
    "VOICES",
    "CompositionRequest",
    "NoteConstraints",
    "Voices",
]

MAX_COUNT = 8
"""Largest number of alternatives that are composed together."""

MAX_QUARTERS = 256
"""Length of the longest piece in quarter notes; its sound still fits into a message to the page."""

DENSITIES = (-3.0, 3.0)
"""Smallest and largest value that can be added to the logit of every note."""

_MAX_TEMPERATURE = 2.0


class Voices(NamedTuple):
    """A constraint on the notes that sound at the same time.

    Attributes:
        title: shown on the page.
        least: smallest number of notes in a frame.
        most: largest number of notes in a frame, or None for no limit.
        apart: whether two notes a semitone apart may not sound together.
    """

    title: str
    least: int = 0
    most: int | None = None
    apart: bool = True


VOICES = {
    "any": Voices("No constraint", apart=False),
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
"""By name in the address; all but the first exclude notes a semitone apart."""


@dataclass(frozen=True)
class NoteConstraints:
    """Constraints on the composed notes.

    Attributes:
        scale: a name in `SCALES`, or None for all notes.
        tonic: pitch class of the first note of the scale, 0 (C) to 11 (B).
        lowest: lowest sounding MIDI pitch.
        highest: highest sounding MIDI pitch.
        density: number that is added to the logit of every note.
        sounding_shift: semitones from the model's pitch to the sounding pitch.
        voices: a name in `VOICES`.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    scale: str | None = None
    tonic: int = 0
    lowest: int = LOWEST
    highest: int = HIGHEST
    density: float = 0.0
    sounding_shift: int = 0
    voices: str = "any"

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.scale is not None and self.scale not in SCALES:
            raise ConfigError(
                f"There is no scale {self.scale!r:.40}; the scales are {', '.join(SCALES)}."
            )
        if self.voices not in VOICES:
            raise ConfigError(
                f"There is no choice of voices {self.voices!r:.40}; "
                f"the choices are {', '.join(VOICES)}."
            )
        if not 0 <= self.tonic <= 11:
            raise ConfigError(f"The tonic must be 0 (C) to 11 (B), not {self.tonic}.")
        if not LOWEST <= self.lowest <= self.highest <= HIGHEST:
            raise ConfigError(
                f"The register must lie within the MIDI pitches {LOWEST} to {HIGHEST}, "
                f"not {self.lowest} to {self.highest}."
            )
        if not DENSITIES[0] <= self.density <= DENSITIES[1]:
            raise ConfigError(
                f"The density must be {DENSITIES[0]:g} to {DENSITIES[1]:g}, not {self.density:g}."
            )

    @property
    def active(self) -> bool:
        """Whether there is any constraint."""
        return self.excludes_pitches or self.density != 0.0 or self.voices != "any"

    @property
    def excludes_pitches(self) -> bool:
        """Whether some pitches are excluded."""
        return self.scale is not None or (self.lowest, self.highest) != (LOWEST, HIGHEST)

    def constraint(self) -> Constraint | None:
        """The constraint at the model's pitch, or None if there is none.

        Raises:
            DataError: if no note is allowed, or fewer notes than the voices require.
        """
        if not self.active:
            return None
        _, least, most, apart = VOICES[self.voices]
        if not self.excludes_pitches:
            return Constraint(None, self.density, least, most, apart)
        allowed = (
            pitch_mask(  # a note that sounds at pitch p has pitch p - sounding_shift in the model
                scale=self.scale,
                tonic=(self.tonic - self.sounding_shift) % 12,
                lowest=self.lowest - self.sounding_shift,
                highest=self.highest - self.sounding_shift,
            )
        )
        return Constraint(allowed, self.density, least, most, apart)


@dataclass(frozen=True)
class CompositionRequest:
    """What is composed.

    Attributes:
        mode: a record of `pages.ui.compose.modes.MODES`.
        count: number of alternatives, 1 to `MAX_COUNT`.
        frames: number of new time steps, or the length of the given piece.
        z_temperature: 0 to 2, as in `dmm_core.inference.sampling.sample`.
        x_temperature: 0 to 2, as in `dmm_core.inference.sampling.sample`.
        seed: of all random numbers.
        constraints: constraints on the composed notes.
        region: first frame of the region that is composed, and the frame after its last; or None.
        sweep: whether each alternative of a morph moves from the first piece to the second. If
            False, each alternative has a constant position between them.
        arcs: whether a morph interpolates spherically, not linearly.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    mode: "Mode"
    count: int
    frames: int
    z_temperature: float
    x_temperature: float
    seed: int
    constraints: NoteConstraints = NoteConstraints()
    region: tuple[int, int] | None = None
    sweep: bool = False
    arcs: bool = True

    def __post_init__(self) -> None:
        """Validate the values."""
        if not 1 <= self.count <= MAX_COUNT:
            raise ConfigError(
                f"The number of alternatives must be 1 to {MAX_COUNT}, not {self.count}."
            )
        if not 1 <= self.frames <= 4 * MAX_QUARTERS:
            raise ConfigError(
                f"A piece must have 1 to {4 * MAX_QUARTERS} frames, not {self.frames}."
            )
        for name, value in (("z", self.z_temperature), ("x", self.x_temperature)):
            if not 0.0 <= value <= _MAX_TEMPERATURE:
                raise ConfigError(
                    f"The temperature of {name} must be 0 to {_MAX_TEMPERATURE:g}, not {value:g}."
                )
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"The seed must be 0 to {2**31 - 1}, not {self.seed}.")
