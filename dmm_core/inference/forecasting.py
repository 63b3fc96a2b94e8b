"""Forecasts: the distribution of the frames after the observed ones.

The state at the end of the observed part comes from a particle filter whose proposal is a mixture
of the inference network and the transition. The network reads the frames up to the origin only.
From there on, the generative model runs: z_{t+1} is drawn from the transition, and x_{t+1} from the
emission.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.data.batching import SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count
from dmm_core.inference.filtering import FILTER_TRANSITION_SHARE, summaries_so_far
from dmm_core.inference.seeded_sampling import (
    FRAMES_AT_ONCE,
    draw_noise,
    generator_for,
    resident,
)
from dmm_core.inference.smc import Particles
from dmm_core.nn.dmm import DMM

__all__ = ["QUANTILES", "Forecast", "Origin", "forecast", "forecast_from", "levels_of"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Default levels: the median, and the ends of the central 50 % and 90 % intervals."""


class Origin(NamedTuple):
    """The position in a sequence at which a forecast begins.

    Attributes:
        sequence: index of the sequence.
        frame: number of its frames that are known; the forecast begins with this frame, counted
            from 0.
    """

    sequence: int
    frame: int


class Forecast(NamedTuple):
    """Forecasts of N origins, in the units of the data.

    Attributes:
        mean: (N, horizon, x_dim), E[x_{T+h} given x_{1:T}]; for binary features, probabilities.
        quantiles: (N, level, horizon, x_dim), quantiles of p(x_{T+h} given x_{1:T}).
        levels: (level,), the levels of the quantiles, from 0 to 1.
        samples: (N, sample, horizon, x_dim) float32, drawn futures.
    """

    mean: np.ndarray
    quantiles: np.ndarray
    levels: np.ndarray
    samples: np.ndarray


def forecast(
    model: DMM,
    sequences: Sequences,
    *,
    horizon: int,
    seed: int,
    samples: int = 500,
    quantiles: Sequence[float] = QUANTILES,
    particles: int = 500,
    u: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Forecast:
    """Forecast the frames after the end of each sequence.

    Args:
        model: the model that forecasts; it is put in evaluation mode.
        sequences: N sequences, which may differ in length and have missing values.
        horizon: number of frames to forecast, 1 or more.
        seed: seed of all random draws.
        samples: number of futures drawn for each sequence.
        quantiles: levels of the quantiles, from 0 to 1.
        particles: number of particles of the filter of each sequence. With more particles, the
            distribution of the state approaches the exact p(z_T given x_{1:T}).
        u: (N, horizon, u_dim), the actions of the future for a model with actions: row h acts on
            the step to frame h + 1 of the forecast. The step to its first frame uses the last
            action of the sequence.
        c: (N, horizon, c_dim), the covariates of the forecast's frames, for a model with
            covariates.

    Raises:
        DataError: if a number is out of bounds, or the sequences, actions or covariates do not fit
            the model.

    Example:
        >>> import numpy as np
        >>> from dmm_core import DataSpec, Sequences, build_model, forecast
        >>> from dmm_core.config import ModelConfig
        >>> model = build_model(ModelConfig(z_dim=2, rnn_size=8), DataSpec("binary", 3), seed=0)
        >>> seen = Sequences((np.ones((9, 3)),), ("series",))
        >>> forecast(model, seen, horizon=4, seed=0, samples=10).quantiles.shape
        (1, 5, 4, 3)
    """
    origins = [Origin(i, int(length)) for i, length in enumerate(sequences.lengths)]
    return forecast_from(
        model,
        sequences,
        origins,
        horizon=horizon,
        seed=seed,
        samples=samples,
        quantiles=quantiles,
        particles=particles,
        u=u,
        c=c,
    )


@torch.no_grad()
def forecast_from(
    model: DMM,
    sequences: Sequences,
    origins: Sequence[Origin],
    *,
    horizon: int,
    seed: int,
    samples: int = 500,
    quantiles: Sequence[float] = QUANTILES,
    particles: int = 500,
    u: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Forecast:
    """Forecast from given origins, each from the frames that were observed before it.

    One filter runs over each sequence for all of its origins, so rolling origins cost little more
    than one forecast.

    Args:
        model: as in `forecast`.
        sequences: the sequences.
        origins: N origins, in any order.
        horizon: as in `forecast`; a forecast may extend beyond the end of its sequence.
        seed: seed of all random draws.
        samples: number of futures drawn for each origin.
        quantiles: levels of the quantiles.
        particles: number of particles of each sequence's filter.
        u: (N, horizon, u_dim), the actions of the future of each origin, as in `forecast`.
        c: (N, horizon, c_dim), the covariates of the future of each origin.

    Raises:
        DataError: as `forecast`, or if there is no origin or one lies outside its sequence.
    """
    for name, number in (("horizon", horizon), ("samples", samples), ("particles", particles)):
        require_count(name, number)
    levels = levels_of(quantiles)
    future_u = _future(u, "Actions", (len(origins), horizon, model.u_dim))
    future_c = _future(c, "Covariates", (len(origins), horizon, model.c_dim))
    _require_origins(sequences, origins)
    model.eval()
    generator = generator_for(model, seed)
    lying = resident(model, sequences)
    mean = np.empty((len(origins), horizon, model.x_dim))
    drawn = np.empty((len(origins), samples, horizon, model.x_dim), np.float32)
    places: dict[int, dict[int, list[int]]] = {}  # sequence -> frame -> places in `origins`
    for place, origin in enumerate(origins):
        places.setdefault(origin.sequence, {}).setdefault(origin.frame, []).append(place)
    rows = max(1, FRAMES_AT_ONCE // max(particles, samples))
    which = np.array(sorted(places, key=lambda i: (int(sequences.lengths[i]), i)))
    for indices in np.split(which, np.arange(rows, len(which), rows)):
        batch = lying.batch(indices)
        last = max(frame for i in indices for frame in places[int(i)])
        filters = Particles(
            model, batch, (particles, len(indices)), generator, FILTER_TRANSITION_SHARE
        )
        summary = summaries_so_far(model, batch)
        for t in range(last):
            filters.advance(t, summary.at(t))
            for row, i in enumerate(indices):
                for place in places[int(i)].get(t + 1, ()):
                    futures = _futures(
                        model,
                        _drawn_states(filters, row, samples, generator),
                        batch,
                        row,
                        t,
                        horizon,
                        generator,
                        None if future_u is None else future_u[place],
                        None if future_c is None else future_c[place],
                    )
                    mean[place] = futures.mean.cpu().double().numpy()
                    drawn[place] = futures.x.cpu().float().numpy()
            filters.resample()
    spread = np.quantile(drawn, levels, axis=1).swapaxes(0, 1)
    return Forecast(mean, spread, levels, drawn)


class _Futures(NamedTuple):
    """The drawn futures of one origin.

    Attributes:
        mean: (horizon, feature), the mean of the emissions over the futures.
        x: (sample, horizon, feature), the drawn frames.
    """

    mean: Tensor
    x: Tensor


def _drawn_states(
    filters: Particles, row: int, samples: int, generator: torch.Generator
) -> Float[Tensor, "sample latent"]:
    """States of one filter, drawn by their weights."""
    assert filters.z is not None, "a step was made"
    weights = filters.log_w[:, row].exp()
    chosen = torch.multinomial(weights, samples, replacement=True, generator=generator)
    return filters.z[chosen, row]


def _futures(
    model: DMM,
    z: Float[Tensor, "sample latent"],
    batch: SequenceBatch,
    row: int,
    t: int,
    horizon: int,
    generator: torch.Generator,
    u: np.ndarray | None,
    c: np.ndarray | None,
) -> _Futures:
    """Run the generative model from the states of step `t` of a sequence."""
    actions = None
    if batch.u is not None and u is not None:  # u_t of the sequence acts on the first step
        later = torch.as_tensor(u).to(z)
        actions = torch.cat([batch.u[row, t : t + 1], later[:-1]])
    covariates = None if c is None else torch.as_tensor(c).to(z)
    x, means, frames = batch.x[row, t], [], []
    for step in range(horizon):
        known = None if covariates is None else covariates[step]
        prior = model.next_state(z, x, None if actions is None else actions[step], known)
        z = prior.loc + prior.scale * draw_noise(tuple(z.shape), generator, z)
        emission = model.frame(z, x, known)
        drawn = emission.draw(emission.noise(generator), 1.0)
        means.append(drawn.mean.mean(0))
        frames.append(drawn.x)
        x = drawn.x
    return _Futures(torch.stack(means), torch.stack(frames, dim=1))


def levels_of(quantiles: Sequence[float]) -> np.ndarray:
    """The levels of quantiles as an array, after a check.

    Raises:
        DataError: if a level does not lie between 0 and 1.
    """
    levels = np.asarray(quantiles, dtype=np.float64)
    if levels.ndim != 1 or not ((levels >= 0) & (levels <= 1)).all():
        raise DataError(f"Quantiles are levels from 0 to 1, not {quantiles!r:.60}.")
    return levels


def _future(
    given: np.ndarray | None, called: str, shape: tuple[int, int, int]
) -> np.ndarray | None:
    if given is None:
        if shape[-1]:
            raise DataError(f"The model needs {called.lower()} of the future, of shape {shape}.")
        return None
    if given.shape != shape or not np.isfinite(given).all():
        raise DataError(
            f"{called} of the future are finite numbers of shape (forecasts, horizon, width) = "
            f"{shape}, not of shape {given.shape}."
        )
    return given


def _require_origins(sequences: Sequences, origins: Sequence[Origin]) -> None:
    if not origins:
        raise DataError("There is no origin to forecast from; one or more are needed.")
    for origin in origins:
        if not 0 <= origin.sequence < len(sequences):
            raise DataError(
                f"There is no sequence {origin.sequence}; there are {len(sequences)}, counted from "
                "0."
            )
        length = int(sequences.lengths[origin.sequence])
        if not 1 <= origin.frame <= length:
            raise DataError(
                f"A forecast of a sequence of {length} frames begins after 1 to {length} of them, "
                f"not after {origin.frame}."
            )
