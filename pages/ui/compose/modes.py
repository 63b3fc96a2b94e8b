"""The modes of the Compose page: one record in `MODES` and one function for each.

To add a mode, write a function from a request and its pieces to `Drawn` alternatives, and add a
`Mode` that names it to `MODES`. The page, the titles, the file names and the addresses follow from
the record.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.distributions import Bernoulli

from dmm_core.errors import ConfigError
from dmm_core.inference.infilling import infill
from dmm_core.inference.latent import posterior_moments
from dmm_core.inference.morphing import morph
from dmm_core.inference.sampling import Sample, continuation, reconstruct, sample
from dmm_core.nn.distributions import constrained
from dmm_core.nn.dmm import DMM
from dmm_core.runs.rendering import to_roll

if TYPE_CHECKING:
    from pages.ui.compose.request import CompositionRequest

__all__ = ["DEFAULT_MODE", "MODES", "Ask", "Drawn", "Mode", "Pieces", "mode_named", "morph_weights"]

_POSTERIOR_DRAWS = 50
_MAX_LOGIT = 50.0
"""Upper bound on the logit of a note, since a probability of 1 has an infinite logit."""


class Ask(Enum):
    """An input of a mode, in addition to those that all modes have."""

    FRAMES = "the number of frames to compose"
    PIECE = "a piece"
    START = "a piece, and how many of its frames are given"
    REGION = "a piece, and the region of it that is composed"
    SECOND_PIECE = "a second piece"
    PATH = "how to interpolate between two latent paths"
    Z_TEMPERATURE = "the temperature of the transition"


class Pieces(NamedTuple):
    """The pieces that are given to the model, at the model's pitch.

    Attributes:
        first: (T, 88) uint8, or None if the mode asks for no piece.
        second: (T, 88) uint8, or None if the mode asks for no second piece.
    """

    first: np.ndarray | None = None
    second: np.ndarray | None = None


class Drawn(NamedTuple):
    """One alternative as a mode returns it.

    Attributes:
        roll: (T, 88) boolean.
        probabilities: (T, 88), p(x_t = 1 given z_t).
        loc: (T, z_dim), means of the latent states, or the states themselves.
        scale: (T, z_dim), their standard deviations.
        kl: (T,) nats of each frame, or None if nothing was inferred.
    """

    roll: np.ndarray
    probabilities: np.ndarray
    loc: np.ndarray
    scale: np.ndarray
    kl: np.ndarray | None = None


@dataclass(frozen=True)
class Mode:
    """A mode of composition.

    The templates `title` and `file_stem` may contain these fields: `{piece}` and `{second}` are the
    titles of the pieces, `{end}` is where the given start ends, `{first}` and `{last}` are the ends
    of the region by bar and beat, `{bars}` are its bars, and `{way}` says how a morph proceeds.

    Attributes:
        key: value of `mode` in the address.
        label: on the button that selects the mode.
        help: sentence fragment that completes "composes ..." in the help text of the choice.
        compose: draws the alternatives of a request.
        title: template of a piece's title.
        file_stem: template of the part of a file name that says how the piece was made.
        path_note: sentence in the caption of the latent path.
        asks: inputs that the page asks for.
        icon: Material icon on the button, ":material/name:", or None.
        has_original: whether the given piece can be played in place of an alternative.
    """

    key: str
    label: str
    help: str
    compose: Callable[[DMM, "CompositionRequest", Pieces], list[Drawn]]
    title: str
    file_stem: str
    path_note: str
    asks: frozenset[Ask] = frozenset()
    icon: str | None = None
    has_original: bool = False

    @property
    def needs_piece(self) -> bool:
        """Whether the mode asks for a piece, whole or in part."""
        return not self.asks.isdisjoint({Ask.PIECE, Ask.START, Ask.REGION, Ask.SECOND_PIECE})


def mode_named(key: str) -> Mode:
    """The mode with the given key.

    Raises:
        ConfigError: if there is no such mode.
    """
    if key not in MODES:
        raise ConfigError(f"There is no mode {key!r:.40}; the modes are {', '.join(MODES)}.")
    return MODES[key]


def morph_weights(request: "CompositionRequest") -> np.ndarray:
    """Interpolation weights (count, frames): 0 is the first piece and 1 is the second."""
    if request.sweep:
        return np.tile(np.linspace(0, 1, request.frames), (request.count, 1))
    steps = np.linspace(0, 1, request.count) if request.count > 1 else np.array([0.5])
    return np.tile(steps[:, None], (1, request.frames))


def _new(model: DMM, request: "CompositionRequest", pieces: Pieces) -> list[Drawn]:
    """Sample from the prior."""
    return _alternatives(
        sample(model, count=request.count, frames=request.frames, **_settings(request))
    )


def _continue(model: DMM, request: "CompositionRequest", pieces: Pieces) -> list[Drawn]:
    """Infer the states of the given start, and sample what follows."""
    start = _first(pieces)
    drawn = _alternatives(
        continuation(model, start, count=request.count, frames=request.frames, **_settings(request))
    )
    inferred = posterior_moments(model, start, seed=request.seed, draws=_POSTERIOR_DRAWS)
    # The path shows the posterior moments of the start, then the sampled states.
    return [
        Drawn(
            np.concatenate([start > 0, rest.roll]),
            np.concatenate([start.astype(np.float32), rest.probabilities]),
            np.concatenate([inferred.loc, rest.loc]),
            np.concatenate([inferred.scale, rest.scale]),
        )
        for rest in drawn
    ]


def _infill(model: DMM, request: "CompositionRequest", pieces: Pieces) -> list[Drawn]:
    """Sample a region given the frames before and after it."""
    if request.region is None:
        raise ConfigError("An infilling needs a region.")
    piece = _first(pieces)
    first, after = request.region
    filled = infill(
        model, piece, first=first, after=after, count=request.count, **_settings(request)
    )
    alternatives = []
    for x, mean in zip(filled.x, filled.region.mean.numpy(), strict=True):
        # The latent path and the kl are those of the finished piece.
        inferred = posterior_moments(model, x, seed=request.seed, draws=_POSTERIOR_DRAWS)
        probabilities = x.astype(np.float32)
        probabilities[first:after] = mean
        alternatives.append(
            Drawn(x > 0, probabilities, inferred.loc, inferred.scale, inferred.kl.sum(1))
        )
    return alternatives


def _morph(model: DMM, request: "CompositionRequest", pieces: Pieces) -> list[Drawn]:
    """Decode a path between the latent paths of two pieces."""
    if pieces.second is None:
        raise ConfigError("A morph needs a second piece.")
    return _alternatives(
        morph(
            model,
            _first(pieces),
            pieces.second,
            weights=morph_weights(request),
            spherical=request.arcs,
            **_settings(request),
        )
    )


def _reconstruct(model: DMM, request: "CompositionRequest", pieces: Pieces) -> list[Drawn]:
    """Infer the states of a piece, and draw notes from the emission's mean probabilities."""
    piece = _first(pieces)
    constraint = request.constraints.constraint()
    # A number of voices constrains single frames. It applies to drawn frames, not to a mean.
    unconstrained_voices = constraint and replace(constraint, least=0, most=None, apart=False)
    mean = reconstruct(
        model,
        piece,
        seed=request.seed,
        draws=_POSTERIOR_DRAWS,
        constraint=unconstrained_voices,
    )
    inferred = posterior_moments(model, piece, seed=request.seed, draws=_POSTERIOR_DRAWS)
    # The mean already contains the shift of the logits, so it is not applied a second time.
    unshifted = constraint and replace(constraint, shift=0.0)
    probabilities = mean.double()
    logits = torch.logit(probabilities).clamp_max(_MAX_LOGIT)
    logits = logits.expand(request.count, *probabilities.shape)
    emission = constrained(Bernoulli(logits=logits, validate_args=False), unshifted)
    noise = emission.noise(torch.Generator().manual_seed(request.seed))
    return [
        Drawn(to_roll(x), mean.numpy(), inferred.loc, inferred.scale, inferred.kl.sum(1))
        for x in emission.draw(noise, request.x_temperature).x
    ]


def _alternatives(drawn: Sample) -> list[Drawn]:
    """Convert the sequences of a sample to alternatives."""
    return [
        Drawn(to_roll(x), mean.numpy(), z.numpy(), scale.numpy())
        for x, mean, z, scale in zip(drawn.x, drawn.mean, drawn.z, drawn.scale, strict=True)
    ]


def _settings(request: "CompositionRequest") -> dict:
    """Keyword arguments that all sampling functions of the library share."""
    return {
        "seed": request.seed,
        "z_temperature": request.z_temperature,
        "x_temperature": request.x_temperature,
        "constraint": request.constraints.constraint(),
    }


def _first(pieces: Pieces) -> np.ndarray:
    if pieces.first is None:
        raise ConfigError("This mode needs a piece.")
    return pieces.first


MODES = {
    mode.key: mode
    for mode in (
        Mode(
            key="new",
            label="New",
            help="from nothing",
            compose=_new,
            title="New music",
            file_stem="new",
            path_note="Sampled step by step from the prior.",
            asks=frozenset({Ask.FRAMES, Ask.Z_TEMPERATURE}),
        ),
        Mode(
            key="continue",
            label="Continue",
            help="what follows the start of a piece",
            compose=_continue,
            title="{piece}, continued from {end}",
            file_stem="continued",
            path_note="The start is inferred; the rest is sampled step by step.",
            asks=frozenset({Ask.START, Ask.FRAMES, Ask.Z_TEMPERATURE}),
        ),
        Mode(
            key="infill",
            label="Infill",
            help="a region of a piece, given what precedes and follows it",
            compose=_infill,
            title="{piece}, infilled from {first} to {last}",
            file_stem="infilled-{bars}",
            path_note="Inferred from the finished piece.",
            asks=frozenset({Ask.REGION, Ask.Z_TEMPERATURE}),
            has_original=True,
        ),
        Mode(
            key="morph",
            label="Morph",
            help="between two pieces",
            compose=_morph,
            title="{piece}, {way} {second}",
            file_stem="morph-to-{second}",
            path_note="Between the paths of the two pieces.",
            asks=frozenset({Ask.PIECE, Ask.SECOND_PIECE, Ask.PATH, Ask.Z_TEMPERATURE}),
        ),
        Mode(
            key="reconstruct",
            label="Reconstruct",
            help="a piece again from its inferred latent states",
            compose=_reconstruct,
            title="{piece}, reconstructed",
            file_stem="reconstructed",
            path_note="Inferred from the piece.",
            asks=frozenset({Ask.PIECE}),
            has_original=True,
        ),
    )
}
"""All modes by their key, in the order of their buttons."""

DEFAULT_MODE = next(iter(MODES))
"""Key of the mode of an address that names none."""
