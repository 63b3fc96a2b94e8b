"""Training as a stream of events, with a state that can be saved and restored at every event.

All random numbers are a function of the seed and the position in the training: the initial weights
depend on the seed, the order of the data on (seed, epoch), and the noise on (seed, update). So a
restored training continues exactly, bit for bit on a CPU with the same number of threads.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from dmm_core.config.schema import TrainConfig
from dmm_core.data.augmentation import RandomTransposition
from dmm_core.data.batching import ResidentSequences, SequenceBatch, batch_indices
from dmm_core.data.sequences import Splits
from dmm_core.errors import DataError, RunError
from dmm_core.inference.checks import require_fit_of
from dmm_core.inference.evaluation import valid_bound
from dmm_core.inference.objective import kl_weight
from dmm_core.nn.cost import evaluation_memory, update_cost
from dmm_core.nn.dmm import DMM
from dmm_core.system.device import (
    choose_device,
    keep_freed_memory,
    precision_warning,
    require_memory,
)
from dmm_core.system.processes import SINGLE_PROCESS, Shard, World
from dmm_core.system.threads import set_num_threads_locally
from dmm_core.training.checkpoint import Checkpoint
from dmm_core.training.divergence import DivergenceMonitor
from dmm_core.training.events import EpochEnd, Event, Finished, Progress
from dmm_core.training.graphs import graphed_update
from dmm_core.training.train_step import Rates, Update

__all__ = ["Training", "fit"]

_LOG = logging.getLogger(__name__)

_LOOK_EVERY = 20
"""Updates between two checks for updates that were not finite; each check waits for the device."""

_PROGRESS_SECONDS = 0.3


class _Stream(IntEnum):
    ORDER = 1
    NOISE = 2
    VALID = 3
    TRANSPOSE = 4


class Training:
    """Minimises the bound of a model on the training split; `events` runs the training.

    Args:
        model: the model, which is moved to the configured device and trained in place.
        splits: the training and validation splits are used; the test split is not.
        config: the training settings.
        world: the processes that train together, each with the same model, splits and config.
        tell: called with a sentence if a setting, such as CUDA graphs, cannot be used.

    Raises:
        ConfigError: if the device is missing or its memory is too small.
        DataError: if the splits do not fit the model.
    """

    def __init__(
        self,
        model: DMM,
        splits: Splits,
        config: TrainConfig,
        world: World = SINGLE_PROCESS,
        tell: Callable[[str], object] = _LOG.warning,
    ) -> None:
        for name in ("train", "valid"):
            try:
                require_fit_of(model, splits[name])
            except DataError as error:
                raise DataError(f"The {name} split does not fit the model. {error}") from None
        if not model.encoder.fitted:
            model.encoder.fit(splits.train.x, splits.train.observed)
        self.device = choose_device(config.device, config.precision)
        cost = update_cost(
            model,
            rows=min(config.batch_size, len(splits.train)),
            steps=int(splits.train.lengths.max()),
            samples=config.samples,
            averaged=config.weight_average > 0,
        )
        longest = int(max(splits.valid.lengths, default=0))
        require_memory(max(cost.memory, evaluation_memory(model, longest)), self.device)
        keep_freed_memory()
        self.model = model.to(self.device)
        self.splits = splits
        self.config = config
        self.epoch = 0
        self.update = 0
        self._world = world
        self._train = ResidentSequences(splits.train, self.device, model.initial().loc.dtype)
        self._transposition = (
            RandomTransposition(splits.train, splits.spec) if config.transpose else None
        )
        self._updates_an_epoch = math.ceil(len(splits.train) / config.batch_size)
        self._do = Update(self.model, config, world)
        self._graphed = graphed_update(self._do, self._train, config, world, tell)
        self._best: dict[str, Tensor] = {}
        self._best_valid_bound: float | None = None
        self._best_epoch: int | None = None
        self._validations_since_best = 0
        self._course = DivergenceMonitor()
        if sentence := precision_warning(config.device, config.precision):
            tell(sentence)

    def events(self) -> Iterator[Event]:
        """Train to the end. The training pauses while the consumer handles an event.

        Yields:
            `Progress` a few times a second, `EpochEnd` after each epoch, `Finished` at the end.

        Raises:
            RunError: if an update was not finite. Such an update is not applied.
        """
        set_num_threads_locally(self.config.threads)
        began, update_then = time.monotonic(), self.update
        total = self.config.epochs * self._updates_an_epoch
        if self.update == 0:
            self._course.start = self._measured()
        while self.epoch < self.config.epochs and not self._out_of_patience():
            epoch_began = last = time.monotonic()
            # The order of the epoch; a restored training skips the batches it has seen.
            order = np.random.default_rng([self.config.seed, _Stream.ORDER, self.epoch])
            batches = batch_indices(self._train.lengths, self.config.batch_size, order)
            for indices in batches[self.update - self.epoch * self._updates_an_epoch :]:
                self._next(indices)
                if self.update % _LOOK_EVERY == 0:
                    self._raise_if_skipped()
                now = time.monotonic()
                if now - last >= _PROGRESS_SECONDS:
                    last = now
                    pace = (now - began) / (self.update - update_then)
                    left = pace * (total - self.update)
                    yield Progress(self.epoch + 1, self.update, self.update / total, left)
            self._raise_if_skipped()
            yield self._end_epoch(epoch_began)
        reason = (
            f"The valid bound did not improve for {self.config.patience} validations."
            if self._out_of_patience()
            else f"All {self.config.epochs} epochs are done."
        )
        if diverged := self._course.diverged():
            reason = (
                f"{reason} {diverged} A smaller learning rate than {self.config.lr:g} may help."
            )
        yield Finished(reason, self._best_valid_bound, self._best_epoch)

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self._validations_since_best

    def _next(self, indices: np.ndarray) -> None:
        if self._world.size > 1:
            self._world.broadcast()
            self._step_together(indices)
        elif self._graphed:
            self._graphed(indices, self._begin())
            self.update += 1
        else:
            self._step(self._transposed(self._train.batch(indices), indices))

    def _transposed(self, batch: SequenceBatch, indices: np.ndarray) -> SequenceBatch:
        """The batch of the sequences at `indices`, transposed at random if that is configured."""
        if self._transposition is None:
            return batch
        rng = np.random.default_rng([self.config.seed, _Stream.TRANSPOSE, self.update])
        return self._transposition.apply(batch, self._transposition.draw(rng)[indices])

    def _step_together(self, indices: np.ndarray) -> None:
        """One update on this process's share of a batch."""
        shard = self._world.shard(self._train.lengths[indices])
        rows = indices[shard.rows]
        batch = self._transposed(self._train.batch(rows), rows)
        if shard.idle:
            batch = batch._replace(mask=torch.zeros_like(batch.mask))
        self._step(batch, shard)

    def _step(self, batch: SequenceBatch, shard: Shard | None = None) -> None:
        """One update, which does not wait for the device."""
        self._do(batch, self._begin(), shard)
        self.update += 1

    def _begin(self) -> Rates:
        """Seed the noise of the next update, and return its rates."""
        config, update = self.config, self.update
        self._do.generator.manual_seed(_seed(config.seed, _Stream.NOISE, update))
        # Early on, the average follows the weights closely, so that it forgets the initial ones.
        decay = min(config.weight_average, (2 + update) / (11 + update))
        weight = kl_weight(update, config.anneal_updates)
        return Rates(weight, self._lr(update), 1.0 - decay)

    def _raise_if_skipped(self) -> None:
        if float(self._do.skipped) > 0:
            raise RunError(
                f"Training stopped by update {self.update}: the bound or its gradient was no longer"
                f" finite. A smaller learning rate than {self.config.lr:g} may help."
            )

    def _lr(self, update: int) -> float:
        if self.config.lr_decay == "none":
            return self.config.lr
        done = update / (self.config.epochs * self._updates_an_epoch)
        return self.config.lr * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))

    def _end_epoch(self, began: float) -> EpochEnd:
        self.epoch += 1
        nll, kl, annealed, frames, norms = self._do.sums.tolist()
        self._do.sums.zero_()
        weight = kl_weight(self.update, self.config.anneal_updates)
        self._course.note(annealed=annealed / frames, train=(nll + kl) / frames, kl_weight=weight)
        due = self.epoch % self.config.validation_epochs == 0 or self.epoch == self.config.epochs
        valid = self._validate() if due else None
        return EpochEnd(
            epoch=self.epoch,
            update=self.update,
            train_bound=(nll + kl) / frames,
            train_nll=nll / frames,
            train_kl=kl / frames,
            annealed_bound=annealed / frames,
            kl_weight=weight,
            grad_norm=norms / self._updates_an_epoch,
            lr=self._lr(self.update),
            seconds=time.monotonic() - began,
            valid_bound=valid,
            is_best=valid is not None and self._best_epoch == self.epoch,
            scalars={n: float(p.detach()) for n, p in self._do.named.items() if p.ndim == 0},
        )

    def _validate(self) -> float:
        self._swap_average()
        bound = self._measured()
        if math.isfinite(bound) and (
            self._best_valid_bound is None or bound < self._best_valid_bound
        ):
            self._best_valid_bound, self._best_epoch = bound, self.epoch
            self._best = {n: t.detach().clone() for n, t in self.model.state_dict().items()}
            self._validations_since_best = 0
        else:
            self._validations_since_best += 1
        self._swap_average()
        return bound

    def _measured(self) -> float:
        """The validation bound, computed by the first process and sent to all."""
        return self._world.broadcast(self._valid_bound() if self._world.rank == 0 else None)

    def _valid_bound(self) -> float:
        return valid_bound(
            self.model,
            self.splits.valid,
            samples=self.config.eval_samples,
            seed=_seed(self.config.seed, _Stream.VALID, 0),
        )

    @torch.no_grad()
    def _swap_average(self) -> None:
        """Exchange the weights and their moving average, if there is one, in place."""
        if not self._do.average:
            return
        for average, parameter in zip(self._do.average, self._do.parameters, strict=True):
            weights = parameter.clone()
            parameter.copy_(average)
            average.copy_(weights)

    def state(self) -> Checkpoint:
        """Everything that `load_state` needs to continue exactly from here.

        Raises:
            RunError: if an update was not finite, which the state would not record.
        """
        self._raise_if_skipped()
        optimiser = {
            f"{name}.{key}": value
            for name, parameter in self._do.named.items()
            for key, value in self._do.optimizer.state.get(parameter, {}).items()
        }
        tensors = {
            "model": dict(self.model.state_dict()),
            "optimiser": optimiser | {"sums": self._do.sums},
        }
        if self._do.average:
            tensors["average"] = dict(zip(self._do.named, self._do.average, strict=True))
        if self._best:
            tensors["best"] = self._best
        scalars = {
            "epoch": self.epoch,
            "update": self.update,
            "best_valid_bound": self._best_valid_bound,
            "best_epoch": self._best_epoch,
            "validations_since_best": self._validations_since_best,
            "course": self._course.state(),
        }
        return Checkpoint(tensors=tensors, scalars=scalars)

    def load_state(self, checkpoint: Checkpoint) -> None:
        """Continue from a state of a training with the same model, splits and config.

        Raises:
            RunError: if the state belongs to another model.
        """
        try:
            self.model.load_state_dict(checkpoint.tensors["model"])
        except RuntimeError as error:
            raise RunError(
                "The checkpoint is of another model than the configuration's."
            ) from error
        saved = checkpoint.tensors["optimiser"]
        self._do.sums.copy_(saved["sums"])
        for name, parameter in self._do.named.items():
            keys = [key for key in saved if key.rpartition(".")[0] == name]
            if keys:
                self._do.optimizer.state[parameter] = {
                    key.rpartition(".")[2]: saved[key].to(self.device) for key in keys
                }
        if self._do.average:
            for name, average in zip(self._do.named, self._do.average, strict=True):
                average.copy_(checkpoint.tensors["average"][name])
        if self._graphed:
            self._graphed.forget()
        self._best = checkpoint.tensors.get("best", {})
        scalars = checkpoint.scalars
        self.epoch, self.update = scalars["epoch"], scalars["update"]
        self._best_valid_bound, self._best_epoch = (
            scalars["best_valid_bound"],
            scalars["best_epoch"],
        )
        self._validations_since_best = scalars["validations_since_best"]
        self._course.load(scalars.get("course", {}))


def fit(model: DMM, splits: Splits, config: TrainConfig) -> Iterator[Event]:
    """Train `model` on `splits` from the start; a shorthand for `Training(...).events()`.

    Args:
        model: the model, which is moved to the configured device and trained in place.
        splits: the training and validation splits are used; the test split is not.
        config: the training settings.

    Yields:
        `Progress` a few times a second, `EpochEnd` after each epoch, `Finished` at the end.

    Raises:
        ConfigError: if the device is missing or its memory is too small.
        DataError: if the splits do not fit the model.
        RunError: if an update was not finite.

    Example:
        >>> import numpy as np
        >>> from dmm_core import (
        ...     EpochEnd, ModelConfig, Sequences, Splits, TrainConfig, build_model, fit
        ... )
        >>> x = tuple(np.random.default_rng(0).standard_normal((8, 10, 2)))
        >>> data = Sequences(x, tuple(f"sequence {i}" for i in range(8)))
        >>> splits = Splits("noise", "real", train=data, valid=data, test=data)
        >>> config = ModelConfig(emission="gaussian", z_dim=2, rnn_size=8)
        >>> model = build_model(config, splits.spec, seed=0)
        >>> for event in fit(model, splits, TrainConfig(epochs=2, device="cpu")):
        ...     if isinstance(event, EpochEnd):
        ...         print(event.epoch, event.update, event.valid_bound > 0)
        1 1 True
        2 2 True
    """
    return Training(model, splits, config).events()


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
