"""One update of a training: bound, gradient, clipping, optimiser, weight average and sums.

Nothing in it waits for the device, and all that changes from one update to the next comes in from
outside: the batch, its `Rates`, and the seed of the noise.
"""

from collections.abc import Mapping
from enum import IntEnum
from fnmatch import fnmatchcase
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
    """What an update is told beside its batch; numbers, or tensors of one number on the device.

    Attributes:
        kl_weight: of the KL in the annealed bound.
        lr: learning rate.
        forget: share of the new weights in their moving average.
    """

    kl_weight: float | Tensor
    lr: float | Tensor
    forget: float | Tensor


class Sum(IntEnum):
    """Places in `Update.sums`."""

    NLL = 0
    KL = 1
    ANNEALED = 2
    FRAMES = 3
    GRAD_NORM = 4


class Update:
    """One update of a model, called with a batch; it keeps what lasts from one to the next.

    Args:
        model: on its device, changed in place.
        config: how to train.
        world: the processes that train together.

    Attributes:
        named: the parameters that are trained, by name.
        optimizer: of them.
        average: their moving average, in their order; empty where none is kept.
        sums: over the updates since they were last set to zero, in the places of `Sum`.
        skipped: how many updates were not finite and therefore not applied.
        generator: source of all noise, to be seeded before each update.
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
        self._penalised = penalised(self.named, config.penalty_pattern)

    def __call__(self, batch: SequenceBatch, rates: Rates, shard: Shard | None = None) -> None:
        """Update the model.

        Args:
            batch: the sequences, of which some may be empty.
            rates: of this update.
            shard: which part of a batch that several processes share this one is.
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
        noise = draw_noise((*draws, rows, steps, self._model.z_dim), self.generator, batch.x)
        if shard is not None:
            noise = noise[..., shard.rows, : batch.mask.shape[1], :]
        device, tf32 = batch.x.device, config.precision == "tf32"
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")
        with tf32_matmul(tf32), autocast:
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

    def _annealed(
        self, batch: SequenceBatch, path: LatentPath, bound: Bound, weight: float | Tensor
    ) -> Tensor:
        """What an update minimises, summed over the batch, before the penalties."""
        config = self._config
        if config.objective == "iwae":
            return importance_bound(self._model, batch, path, weight).sum()
        kl = bound.kl
        if config.free_bits:
            kl = kl.clamp_min(config.free_bits) * batch.mask
        return (bound.nll.sum() + weight * kl.sum()) / config.samples

    def _apply(self, bad: Tensor) -> None:
        """Let the optimiser step unless `bad` is 1, without asking the device which it is."""
        if isinstance(self.optimizer, torch.optim.AdamW):
            # The fused kernels look at it on the device, and leave everything as it is at 1.
            vars(self.optimizer)["found_inf"] = bad
        else:
            for parameter in self.parameters:
                if parameter.grad is not None:  # RMSprop does not move at a gradient of zero
                    parameter.grad = torch.where(bad > 0, 0.0, parameter.grad)
        self.optimizer.step()


def penalised(named: Mapping[str, torch.nn.Parameter], parts: str) -> list[torch.nn.Parameter]:
    """The parameters that `parts`, as in `TrainConfig.penalty_pattern`, name and do not exclude.

    Args:
        named: the parameters by name.
        parts: parts of names, separated by spaces; * stands for any characters, ^ and $ for the
            ends of a name, and ! before a part excludes.
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
    """The pattern of whole names that contain `part`."""
    start = "" if part.startswith("^") else "*"
    end = "" if part.endswith("$") else "*"
    return start + part.removeprefix("^").removesuffix("$") + end


def _optimizer(parameters: list[torch.nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=config.lr)
    # AdamW without decay is Adam; fused, it can leave out an update on the device.
    return torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
