"""One training step: bound, gradient, clipping, optimiser step, weight average and sums.

A step never waits for the device. Everything that differs between steps is an argument: the batch,
its `Rates`, and the seed of the noise.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from fnmatch import fnmatchcase
from inspect import unwrap
from typing import NamedTuple

import torch
from torch import Tensor

from dmm_core.config.schema import TrainConfig
from dmm_core.data.batching import SequenceBatch
from dmm_core.inference.objective import Bound, bound_of, importance_bound, penalty
from dmm_core.inference.seeded_sampling import draw_noise
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.dmm import DMM
from dmm_core.nn.summary import SequenceRows
from dmm_core.system.device import tf32_matmul
from dmm_core.system.processes import Shard, World

__all__ = ["Rates", "Sum", "Update", "penalised"]


class Rates(NamedTuple):
    """The rates of one update; numbers, or tensors of one number on the device.

    Attributes:
        kl_weight: weight of the KL in the annealed bound.
        lr: learning rate.
        forget: weight of the new parameters in their moving average.
    """

    kl_weight: float | Tensor
    lr: float | Tensor
    forget: float | Tensor


class Sum(IntEnum):
    """Indices into `Update.sums`."""

    NLL = 0
    KL = 1
    ANNEALED = 2
    FRAMES = 3
    GRAD_NORM = 4


class Update:
    """One update of a model, called with a batch, and the state that lasts between updates.

    Args:
        model: on its device; changed in place.
        config: the training settings.
        world: the processes that train together.

    Attributes:
        named: the trained parameters, by name.
        optimizer: their optimiser.
        average: their moving average, in the same order; empty if none is kept.
        sums: sums over the updates since they were last set to zero, indexed by `Sum`.
        skipped: number of updates that were not finite and therefore not applied.
        generator: generator of all noise, to be seeded before each update.
    """

    def __init__(self, model: DMM, config: TrainConfig, world: World) -> None:
        device = model.device
        self.named = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.parameters = list(self.named.values())
        self.optimizer = _optimizer(self.parameters, config)
        self.average = [p.detach().clone() for p in self.parameters if config.weight_average]
        # MPS has no float64.
        wide = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(len(Sum), dtype=wide, device=device)
        self.skipped = torch.zeros((), device=device)
        self.generator = torch.Generator(device)
        self._model = model
        self._config = config
        self._world = world
        self._drops = any(
            isinstance(part, torch.nn.Dropout) and part.p > 0 for part in model.modules()
        )
        self._penalised = penalised(self.named, config.penalty_pattern)

    def __call__(self, batch: SequenceBatch, rates: Rates, shard: Shard | None = None) -> None:
        """Update the model.

        Args:
            batch: the sequences, some of which may be empty.
            rates: the rates of this update.
            shard: the part that `batch` is of a batch that several processes share.
        """
        self._model.train()
        config = self._config
        draws = () if config.samples == 1 else (config.samples,)
        rows, steps = batch.mask.shape
        if shard is None:
            chance, frames = self.generator, batch.mask.sum()
        else:
            chance = SequenceRows(self.generator, shard.rows, shard.batch, shard.steps)
            frames = batch.mask.new_tensor(shard.frames)
            rows, steps = shard.batch, shard.steps
        # Every process draws the noise of the whole batch and uses its own rows.
        noise = draw_noise((*draws, rows, steps, self._model.z_dim), self.generator, batch.x)
        if shard is not None:
            noise = noise[..., shard.rows, : batch.mask.shape[1], :]
        device, tf32 = batch.x.device, config.precision == "tf32"
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")
        with self._dropout(), tf32_matmul(tf32), autocast:
            path = self._model.posterior(batch, noise, chance)
            bound = bound_of(self._model, batch, path)
            annealed = self._annealed(batch, path, bound, rates.kl_weight)
        nll, kl = bound.nll.sum() / config.samples, bound.kl.sum() / config.samples
        cost = penalty(self._penalised, config.l1, config.l2) / self._world.size
        loss = annealed / frames + cost
        self.optimizer.zero_grad(set_to_none=True)
        with tf32_matmul(tf32):
            loss.backward()
        if shard is not None:
            sums = torch.stack([t.detach() for t in (nll, kl, annealed, loss)])
            nll, kl, annealed, loss = self._world.sum_gradients(self.parameters, sums)
        # Clip, and skip the update on the device if it is not finite.
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        bad = torch.logical_not(torch.isfinite(loss.detach()) & torch.isfinite(norm)).float()
        for group in self.optimizer.param_groups:
            group["lr"] = rates.lr
        self._apply(bad)
        self.skipped += bad
        sums = torch.stack([t.detach() for t in (nll, kl, annealed, frames, norm)])
        self.sums += sums.to(self.sums.dtype)
        if self.average:
            with torch.no_grad():
                for average, parameter in zip(self.average, self.parameters, strict=True):
                    average.lerp_(parameter, rates.forget)

    @contextmanager
    def _dropout(self) -> Iterator[None]:
        """Seed what `nn.Dropout` draws from as the noise of the update is, and restore it."""
        if not self._drops:
            yield
            return
        device = self._model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(self.generator.initial_seed())
            yield

    def _annealed(
        self, batch: SequenceBatch, path: LatentPath, bound: Bound, weight: float | Tensor
    ) -> Tensor:
        """The objective summed over the batch, without the penalties."""
        config = self._config
        if config.objective == "iwae":
            return importance_bound(self._model, batch, path, weight).sum()
        kl = bound.kl
        if config.free_bits:
            kl = kl.clamp_min(config.free_bits) * batch.mask
        return (bound.nll.sum() + weight * kl.sum()) / config.samples

    def _apply(self, bad: Tensor) -> None:
        """Make an optimiser step unless `bad` is 1, without waiting for its value."""
        if isinstance(self.optimizer, torch.optim.AdamW):
            # The fused kernels read this on the device, and do nothing if it is 1.
            vars(self.optimizer)["found_inf"] = bad
        else:
            for parameter in self.parameters:
                if parameter.grad is not None:  # RMSprop makes no step for a gradient of zero
                    parameter.grad = torch.where(bad > 0, 0.0, parameter.grad)
        self.optimizer.step()


def penalised(named: Mapping[str, torch.nn.Parameter], parts: str) -> list[torch.nn.Parameter]:
    """The parameters selected by `TrainConfig.penalty_pattern`.

    Args:
        named: the parameters by name.
        parts: parts of names, separated by spaces. * matches any characters, ^ and $ match the ends
            of a name, and a ! before a part excludes the names that contain it.
    """
    words = parts.split()
    chosen = [_glob(word) for word in words if not word.startswith("!")]
    excluded = [_glob(word[1:]) for word in words if word.startswith("!")]
    return [
        parameter
        for name, parameter in named.items()
        if any(fnmatchcase(name, glob) for glob in chosen)
        and not any(fnmatchcase(name, glob) for glob in excluded)
    ]


def _glob(part: str) -> str:
    """The shell pattern of the names that contain `part`."""
    start = "" if part.startswith("^") else "*"
    end = "" if part.endswith("$") else "*"
    return start + part.removeprefix("^").removesuffix("$") + end


def _optimizer(parameters: list[torch.nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    if config.optimizer == "rmsprop":
        return _RMSprop(parameters, lr=config.lr)
    # AdamW without weight decay is Adam. Its fused version can skip an update on the device.
    return _AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)


# PyTorch wraps these methods for `torch.compile`. The wrappers do nothing else, but import the
# compiler, which takes as long as PyTorch itself: almost 2 s at the start of each training.
class _EagerOptimizer(torch.optim.Optimizer):
    add_param_group = unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = unwrap(torch.optim.Optimizer.zero_grad)


class _AdamW(_EagerOptimizer, torch.optim.AdamW):
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))


class _RMSprop(_EagerOptimizer, torch.optim.RMSprop):
    step = torch.no_grad()(unwrap(torch.optim.RMSprop.step))
