"""How well a model explains sequences: the three published averages, the importance estimate."""

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
from dmm_core.inference.objective import Weighed, bound_of, weigh
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
"""Effective sample size below which an importance estimate is not to be relied on."""

_NOISE_AT_ONCE = 8 * FRAMES_AT_ONCE
"""Padded frames, over all paths, whose noise is held: enough paths for parts of a batch to fill."""

_LITTLE_PADDING = 1.1
"""Padded frames over valid ones up to which sequences are evaluated together."""


class Estimate(NamedTuple):
    """A Monte Carlo estimate of -log p(x), repeated; in nats a frame.

    Attributes:
        nll: mean of the replicates' estimates. By Jensen's inequality it is above the exact value
            in expectation, and no number here says by how much.
        spread: standard deviation of one replicate's estimate.
        standard_error: that of `nll`, spread / sqrt(replicates): scatter only, without the bias.
    """

    nll: float
    spread: float
    standard_error: float


class EffectiveSamples(NamedTuple):
    """How many equally weighed paths the weights of one replicate are worth.

    Attributes:
        median: over the sequences.
        least: of any sequence.
    """

    median: float
    least: float


class Evaluation(NamedTuple):
    """What a model makes of a set of sequences; all in nats.

    Attributes:
        sequences: how many.
        frames: frames of all of them.
        samples: paths drawn for each in a replicate, the paper's S.
        bound_per_step: sum of bounds over sum of frames, the paper's (b).
        importance_nll: importance estimate of -log p(x), summed, over all frames, the mean over
            the replicates; the paper's a. In expectation an upper bound.
        standard_error: of `importance_nll`, from the scatter of the replicates; bias not included.
        bound_per_sequence: mean over sequences of bound / frames, the paper's {c}.
        nll: part of `bound_per_step` that is -log p(x given z).
        kl: part of `bound_per_step` that is the KL.
        ess: effective sample size of the importance weights.
        replicates: independent importance estimates.
        replicate_spread: standard deviation of one replicate's `importance_nll`.
        seconds: wall time.
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
    """Evaluate `model` on `sequences`, in bounded memory.

    Args:
        model: on any device; it is put in evaluation mode.
        sequences: what to explain.
        samples: paths drawn from q per sequence and replicate, 1 or more; the bound averages all of
            them.
        replicates: independent importance estimates of `samples` paths each, 2 or more.
        seed: decides all draws.

    Raises:
        DataError: if a number is too small, or the model was not made for such sequences.
        ConfigError: if the memory is not enough.
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
    """A warning where an importance estimate rests on few paths, else nothing.

    Args:
        ess: the effective sample size.
        samples: paths drawn for each sequence in a replicate.
    """
    if ess.least >= ENOUGH_PATHS:
        return ""
    return (
        f"The importance NLL rests on few paths: of {samples} a sequence, {ess.median:,.1f} count "
        f"in effect (median over the sequences; {ess.least:,.1f} at the least), and {ENOUGH_PATHS} "
        "should. It lies above the exact NLL by more than its standard error says."
    )


def estimate_of(log_likelihood: Float[Tensor, "replicate sequence"], frames: int) -> Estimate:
    """-log p(x) over all frames, from independent estimates of log p(x) of each sequence.

    Draws of different sequences are independent, so the variance of a replicate's sum is the sum of
    the sequences' variances; that is far surer than the variance of a few sums.

    Args:
        log_likelihood: estimates, nats, of 2 or more replicates.
        frames: of all sequences.
    """
    spread = math.sqrt(float(log_likelihood.var(0).sum())) / frames
    nll = -float(log_likelihood.mean(0).sum()) / frames
    return Estimate(nll, spread, spread / math.sqrt(len(log_likelihood)))


def _require_memory(model: DMM, sequences: Sequences) -> None:
    """Refuse sequences so long that a batch of them would not fit into memory."""
    if len(sequences):
        frames = max(int(sequences.lengths.max()), min(FRAMES_AT_ONCE, sequences.frames))
        require_memory(
            evaluation_memory(model, frames),
            model.device,
            "The evaluation",
            "Shorter sequences need less.",
        )


class _Part(NamedTuple):
    """Some draws for some sequences.

    Attributes:
        where: places of the sequences.
        draws: places of the draws.
        batch: the sequences.
        summary: what the RNNs say of them.
        noise: (draw, batch, time, latent).
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
    """Every draw for every sequence; the noise is drawn in the order of the parts."""
    for indices in in_order(sequences.lengths, FRAMES_AT_ONCE):
        batch = lying.batch(indices)
        rows, steps = batch.mask.shape
        at_once = max(1, FRAMES_AT_ONCE // (rows * steps))
        together = at_once * max(1, _NOISE_AT_ONCE // (at_once * rows * steps))
        summary = model.inference.summarise(batch)
        for done in range(0, samples, together):
            end = min(done + together, samples)
            noise = batch.x.new_empty(end - done, rows, steps, model.z_dim)
            for few in noise.split(at_once):  # which numbers are drawn depends on how many at once
                few.normal_(generator=generator)
            for part, longest in _alike(sequences.lengths[indices], end - done):
                yield _Part(
                    indices[part],
                    slice(done, end),
                    batch.part(part, longest),
                    summary.part(part, longest),
                    noise[:, part, :longest],
                )


@torch.no_grad()
def _explain(model: DMM, part: _Part) -> tuple[_Part, Weighed]:
    path = model.draw(part.summary, part.batch, part.noise)
    return part, weigh(model, part.batch, path)


class _Alike(NamedTuple):
    rows: slice
    longest: int


def _alike(lengths: np.ndarray, draws: int) -> Iterator[_Alike]:
    """Neighbours among sorted lengths that make little padding and fit together."""
    first = 0
    for last, longest in enumerate(lengths):
        padded = (last + 1 - first) * longest
        if last > first and (
            padded > _LITTLE_PADDING * lengths[first : last + 1].sum()
            or draws * padded > FRAMES_AT_ONCE
        ):
            yield _Alike(slice(first, last), int(lengths[last - 1]))
            first = last
    yield _Alike(slice(first, len(lengths)), int(lengths[-1]))


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    """The log of the mean of exp(log_w) along an axis, without overflow."""
    return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])


def effective_samples(log_w: Tensor, dim: int = 0) -> Tensor:
    """Kish's effective sample size (sum of w)^2 / sum of w^2 along an axis, without overflow."""
    return torch.exp(2 * torch.logsumexp(log_w, dim=dim) - torch.logsumexp(2 * log_w, dim=dim))


@torch.no_grad()
def valid_bound(model: DMM, sequences: Sequences, *, samples: int, seed: int) -> float:
    """`bound_per_step` alone, from draws of its own, as training asks for it between epochs.

    Args:
        model: on any device; it is put in evaluation mode.
        sequences: what to explain.
        samples: paths drawn per sequence, 1 or more.
        seed: decides all draws.

    Raises:
        DataError: if there are no samples, or the model was not made for such sequences.
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
    """TP / (TP + FP + FN) over all notes of two boolean rolls; 1 where both are silent."""
    hits = int((roll & guess).sum())
    missed = int((roll ^ guess).sum())
    return hits / (hits + missed) if hits + missed else 1.0
