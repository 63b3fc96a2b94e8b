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
from dmm_core.device import keep_freed_memory
from dmm_core.draws import FRAMES_AT_ONCE, draw_noise, generator_for
from dmm_core.model import DMM
from dmm_core.nn.summary import Summary
from dmm_core.objective import Weighed, bound_of, weigh
from dmm_core.threads import spread

__all__ = [
    "Evaluation",
    "LogMeanExp",
    "evaluate",
    "frame_accuracy",
    "log_mean_exp",
    "valid_bound",
]

_NOISE_AT_ONCE = 8 * FRAMES_AT_ONCE
"""Padded frames, over all paths, whose noise is held: enough paths for parts of a batch to fill."""

_LITTLE_PADDING = 1.1
"""Padded frames over valid ones up to which sequences are evaluated together."""


class Evaluation(NamedTuple):
    """What a model makes of a set of sequences; all in nats.

    Attributes:
        sequences: how many.
        frames: frames of all of them.
        samples: paths drawn for each.
        bound_per_step: sum of bounds over sum of frames, the paper's (b).
        importance_nll: importance estimate of -log p(x), summed, over all frames; the paper's a.
        standard_error: Monte Carlo standard error of `importance_nll`, by the delta method.
        bound_per_sequence: mean over sequences of bound / frames, the paper's {c}.
        nll: part of `bound_per_step` that is -log p(x given z).
        kl: part of `bound_per_step` that is the KL.
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
    seconds: float


@torch.no_grad()
def evaluate(model: DMM, sequences: Sequences, *, samples: int, seed: int) -> Evaluation:
    """Evaluate `model` on `sequences` with `samples` paths each, in bounded memory.

    Args:
        model: on any device; it is put in evaluation mode.
        sequences: what to explain.
        samples: paths drawn from q per sequence; the bound averages the same paths.
        seed: decides all draws.
    """
    began = time.perf_counter()
    keep_freed_memory()
    model.eval()
    like = model.initial().loc
    generator = generator_for(model, seed)
    resident = ResidentSequences(sequences, like.device, like.dtype)
    parts = _parts(model, sequences, resident, samples, generator)
    nll = torch.zeros(len(sequences), dtype=torch.float64)
    kl, log_w = nll.clone(), nll.new_empty(samples, len(sequences))
    for part, found in spread(partial(_explain, model), parts, like.device):
        nll[part.where] += found.bound.nll.sum((0, 2)).cpu().double() / samples
        kl[part.where] += found.bound.kl.sum((0, 2)).cpu().double() / samples
        log_w[part.draws, part.where] = found.log_weights.cpu().double()
    log_likelihood, variance = log_mean_exp(log_w)
    frames = sequences.frames
    return Evaluation(
        sequences=len(sequences),
        frames=frames,
        samples=samples,
        bound_per_step=float((nll + kl).sum()) / frames,
        importance_nll=-float(log_likelihood.sum()) / frames,
        standard_error=math.sqrt(float(variance.sum())) / frames,
        bound_per_sequence=float(((nll + kl) / torch.from_numpy(sequences.lengths)).mean()),
        nll=float(nll.sum()) / frames,
        kl=float(kl.sum()) / frames,
        seconds=time.perf_counter() - began,
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
    resident: ResidentSequences,
    samples: int,
    generator: torch.Generator,
) -> Iterator[_Part]:
    """Every draw for every sequence; the noise is drawn in the order of the parts."""
    for indices in in_order(sequences.lengths, FRAMES_AT_ONCE):
        batch = resident.batch(indices)
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


class LogMeanExp(NamedTuple):
    """A log-mean-exp over draws and the Monte Carlo variance of it.

    Attributes:
        value: (batch,).
        variance: (batch,), by the delta method; infinite from a single draw.
    """

    value: Tensor
    variance: Tensor


def log_mean_exp(log_w: Float[Tensor, "draw batch"]) -> LogMeanExp:
    """The log of the mean of exp(log_w) over draws, without overflow."""
    draws = len(log_w)
    value = torch.logsumexp(log_w, dim=0) - math.log(draws)
    if draws == 1:
        return LogMeanExp(value, torch.full_like(value, math.inf))
    return LogMeanExp(value, torch.exp(log_w - value).var(dim=0) / draws)


@torch.no_grad()
def valid_bound(model: DMM, sequences: Sequences, *, samples: int, seed: int) -> float:
    """`bound_per_step` alone, from draws of its own, as training asks for it between epochs."""
    model.eval()
    like = model.initial().loc
    generator = generator_for(model, seed)
    resident = ResidentSequences(sequences, like.device, like.dtype)
    total = 0.0
    for indices in in_order(sequences.lengths, FRAMES_AT_ONCE):
        batch = resident.batch(indices)
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
