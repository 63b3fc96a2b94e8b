"""Evaluation: the three published averages of the bound, and importance estimates of -log p(x)."""

import math
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.data.batching import ResidentSequences, SequenceBatch, in_order
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count
from dmm_core.inference.objective import BoundAndWeights, bound_and_weights, bound_of
from dmm_core.inference.seeded_sampling import FRAMES_AT_ONCE, draw_noise, generator_for, resident
from dmm_core.nn.cost import evaluation_memory
from dmm_core.nn.dmm import DMM
from dmm_core.nn.summary import Summary
from dmm_core.system.device import keep_freed_memory, require_memory
from dmm_core.system.threads import parallel_map

__all__ = [
    "ENOUGH_PATHS",
    "EffectiveSamples",
    "Estimate",
    "Evaluation",
    "effective_samples",
    "estimate_of",
    "evaluate",
    "few_paths",
    "frame_accuracy",
    "log_mean_exp",
    "valid_bound",
]

ENOUGH_PATHS = 100
"""Effective sample size below which an importance estimate is not reliable."""

_NOISE_AT_ONCE = 8 * FRAMES_AT_ONCE
"""Padded frames, over all paths, whose noise is held in memory at once."""

_LITTLE_PADDING = 1.1
"""Largest ratio of padded to valid frames at which sequences are evaluated in one batch."""


class Estimate(NamedTuple):
    """A Monte Carlo estimate of -log p(x) from several replicates, in nats per frame.

    Attributes:
        nll: mean of the replicates' estimates. By Jensen's inequality its expectation is above the
            exact value; the size of this bias is not known.
        spread: standard deviation of the estimate of one replicate.
        standard_error: standard error of `nll`, spread / sqrt(replicates). It does not include the
            bias.
    """

    nll: float
    spread: float
    standard_error: float


class EffectiveSamples(NamedTuple):
    """Effective sample size of the importance weights of one replicate.

    Attributes:
        median: median over the sequences.
        least: minimum over the sequences.
    """

    median: float
    least: float


class Evaluation(NamedTuple):
    """The evaluation of a model on a set of sequences; bounds and likelihoods in nats per frame.

    Attributes:
        sequences: number of sequences.
        frames: number of frames of all sequences.
        samples: paths drawn for each sequence and replicate; the paper's S.
        bound_per_step: sum of the bounds divided by the number of frames; the paper's (b).
        importance_nll: importance estimate of -log p(x), summed over the sequences and divided by
            the number of frames; mean over the replicates. The paper's a. Its expectation is an
            upper bound.
        standard_error: standard error of `importance_nll`, without its bias.
        bound_per_sequence: mean over sequences of bound / frames; the paper's {c}.
        nll: the part of `bound_per_step` that is -log p(x given z).
        kl: the part of `bound_per_step` that is the KL.
        ess: effective sample size of the importance weights.
        replicates: number of independent importance estimates.
        replicate_spread: standard deviation of the estimate of one replicate.
        seconds: wall-clock time of the evaluation.
    """

    sequences: int
    frames: int
    samples: int
    bound_per_step: float
    importance_nll: float
    standard_error: float
    bound_per_sequence: float
    nll: float
    kl: float
    ess: EffectiveSamples
    replicates: int
    replicate_spread: float
    seconds: float


@torch.no_grad()
def evaluate(
    model: DMM, sequences: Sequences, *, samples: int, replicates: int = 4, seed: int
) -> Evaluation:
    """Compute the bound and importance estimates of -log p(x), in batches of bounded memory.

    Args:
        model: a model on any device. It is put in evaluation mode.
        sequences: the sequences to evaluate.
        samples: paths drawn from q for each sequence and replicate, 1 or more. The bound is the
            average over all of them.
        replicates: number of independent importance estimates of `samples` paths each, 2 or more.
        seed: seed of all random draws.

    Raises:
        DataError: if `samples` or `replicates` is too small, or the sequences do not fit the model.
        ConfigError: if there is not enough memory.

    Example:
        >>> import numpy as np
        >>> from dmm_core import ModelConfig, DataSpec, Sequences, build_model, evaluate
        >>> config = ModelConfig(emission="gaussian", z_dim=2, rnn_size=8)
        >>> model = build_model(config, DataSpec("real", 1), seed=0)
        >>> data = Sequences((np.zeros((10, 1)), np.ones((12, 1))), ("zeros", "ones"))
        >>> result = evaluate(model, data, samples=50, seed=0)
        >>> result.frames, result.importance_nll < result.bound_per_step
        (22, True)
    """
    began = time.perf_counter()
    require_count("samples", samples)
    require_count("replicates", replicates, least=2)
    keep_freed_memory()
    model.eval()
    generator = generator_for(model, seed)
    _require_memory(model, sequences)
    lying, draws = resident(model, sequences), samples * replicates
    parts = _parts(model, sequences, lying, draws, generator)
    nll = torch.zeros(len(sequences), dtype=torch.float64)
    kl, log_w = nll.clone(), nll.new_empty(draws, len(sequences))
    for part, found in parallel_map(partial(_explain, model), parts, model.device):
        nll[part.where] += found.bound.nll.sum((0, 2)).cpu().double() / draws
        kl[part.where] += found.bound.kl.sum((0, 2)).cpu().double() / draws
        log_w[part.draws, part.where] = found.log_weights.cpu().double()
    log_w = log_w.view(replicates, samples, -1)
    frames = sequences.frames
    importance = estimate_of(log_mean_exp(log_w, dim=1), frames)
    ess = effective_samples(log_w, dim=1).mean(0)
    return Evaluation(
        sequences=len(sequences),
        frames=frames,
        samples=samples,
        bound_per_step=float((nll + kl).sum()) / frames,
        importance_nll=importance.nll,
        standard_error=importance.standard_error,
        bound_per_sequence=float(((nll + kl) / torch.from_numpy(sequences.lengths)).mean()),
        nll=float(nll.sum()) / frames,
        kl=float(kl.sum()) / frames,
        ess=EffectiveSamples(float(ess.quantile(0.5)), float(ess.min())),
        replicates=replicates,
        replicate_spread=importance.spread,
        seconds=time.perf_counter() - began,
    )


def few_paths(ess: EffectiveSamples, samples: int) -> str:
    """A warning if few paths dominate an importance estimate; otherwise an empty string.

    Args:
        ess: the effective sample size.
        samples: paths drawn for each sequence and replicate.
    """
    if ess.least >= ENOUGH_PATHS:
        return ""
    return (
        f"The importance NLL depends on few paths: the effective sample size is {ess.median:,.1f} "
        f"of {samples} (median over the sequences; smallest {ess.least:,.1f}), but it should be at "
        f"least {ENOUGH_PATHS}. The estimate is too high by more than its standard error."
    )


def estimate_of(log_likelihood: Float[Tensor, "replicate sequence"], frames: int) -> Estimate:
    """Estimate -log p(x) per frame from independent estimates of log p(x) of each sequence.

    The draws for different sequences are independent. The variance of a replicate's sum is
    therefore the sum of the variances of the sequences. This estimate is far more precise than the
    variance of a few sums.

    Args:
        log_likelihood: estimates in nats, of 2 or more replicates.
        frames: number of frames of all sequences.
    """
    spread = math.sqrt(float(log_likelihood.var(0).sum())) / frames
    nll = -float(log_likelihood.mean(0).sum()) / frames
    return Estimate(nll, spread, spread / math.sqrt(len(log_likelihood)))


def _require_memory(model: DMM, sequences: Sequences) -> None:
    """Check that a batch of the longest sequences fits into memory."""
    if len(sequences):
        frames = max(int(sequences.lengths.max()), min(FRAMES_AT_ONCE, sequences.frames))
        require_memory(
            evaluation_memory(model, frames),
            model.device,
            "The evaluation",
            "Shorter sequences need less.",
        )


class _Part(NamedTuple):
    """A part of the evaluation: some draws for some sequences.

    Attributes:
        where: indices of the sequences.
        draws: indices of the draws.
        batch: the sequences.
        summary: the RNNs' summary of the sequences.
        noise: (draw, batch, time, latent), standard normal draws.
    """

    where: np.ndarray
    draws: slice
    batch: SequenceBatch
    summary: Summary
    noise: Tensor


def _parts(
    model: DMM,
    sequences: Sequences,
    lying: ResidentSequences,
    samples: int,
    generator: torch.Generator,
) -> Iterator[_Part]:
    """Split the evaluation into parts of bounded size; noise is drawn in the order of the parts."""
    for indices in in_order(sequences.lengths, FRAMES_AT_ONCE):
        batch = lying.batch(indices)
        rows, steps = batch.mask.shape
        at_once = max(1, FRAMES_AT_ONCE // (rows * steps))
        together = at_once * max(1, _NOISE_AT_ONCE // (at_once * rows * steps))
        summary = model.summarise(batch)
        for done in range(0, samples, together):
            end = min(done + together, samples)
            noise = batch.x.new_empty(end - done, rows, steps, model.z_dim)
            for few in noise.split(at_once):  # the numbers depend on the size of a call
                few.normal_(generator=generator)
            for part, longest in _rows_of_similar_length(sequences.lengths[indices], end - done):
                yield _Part(
                    indices[part],
                    slice(done, end),
                    batch.part(part, longest),
                    summary.part(part, longest),
                    noise[:, part, :longest],
                )


@torch.no_grad()
def _explain(model: DMM, part: _Part) -> tuple[_Part, BoundAndWeights]:
    path = model.draw(part.summary, part.batch, part.noise)
    return part, bound_and_weights(model, part.batch, path)


class _Rows(NamedTuple):
    rows: slice
    longest: int


def _rows_of_similar_length(lengths: np.ndarray, draws: int) -> Iterator[_Rows]:
    """Split sorted lengths into runs that need little padding and fit into memory together."""
    first = 0
    for last, longest in enumerate(lengths):
        padded = (last + 1 - first) * longest
        if last > first and (
            padded > _LITTLE_PADDING * lengths[first : last + 1].sum()
            or draws * padded > FRAMES_AT_ONCE
        ):
            yield _Rows(slice(first, last), int(lengths[last - 1]))
            first = last
    yield _Rows(slice(first, len(lengths)), int(lengths[-1]))


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    """Log mean exp(log_w) along an axis, without overflow."""
    return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])


def effective_samples(log_w: Tensor, dim: int = 0) -> Tensor:
    """Kish's effective sample size (sum w)^2 / sum w^2 along an axis, without overflow."""
    return torch.exp(2 * torch.logsumexp(log_w, dim=dim) - torch.logsumexp(2 * log_w, dim=dim))


@torch.no_grad()
def valid_bound(model: DMM, sequences: Sequences, *, samples: int, seed: int) -> float:
    """The bound of a validation split in nats per frame, as training computes it between epochs.

    Args:
        model: a model on any device. It is put in evaluation mode.
        sequences: the sequences to evaluate.
        samples: paths drawn for each sequence, 1 or more.
        seed: seed of all random draws, independent of the training's.

    Raises:
        DataError: if `samples` is less than 1, or the sequences do not fit the model.
    """
    require_count("samples", samples)
    model.eval()
    like = model.initial().loc
    generator = generator_for(model, seed)
    _require_memory(model, sequences)
    lying = resident(model, sequences)
    total = 0.0
    for indices in in_order(sequences.lengths, FRAMES_AT_ONCE):
        batch = lying.batch(indices)
        for _ in range(samples):
            noise = draw_noise((*batch.mask.shape, model.z_dim), generator, like)
            path = model.posterior(batch, noise)
            bound = bound_of(model, batch, path)
            total += float(bound.nll.sum() + bound.kl.sum()) / samples
    return total / sequences.frames


def frame_accuracy(roll: Tensor, guess: Tensor) -> float:
    """Frame accuracy TP / (TP + FP + FN) of `guess`, over all frames and notes of boolean rolls.

    It is 1 if both rolls are silent.
    """
    hits = int((roll & guess).sum())
    missed = int((roll ^ guess).sum())
    return hits / (hits + missed) if hits + missed else 1.0
