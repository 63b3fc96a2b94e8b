"""The events that a training yields."""

from dataclasses import dataclass, field

__all__ = ["EpochEnd", "Event", "Finished", "Progress"]


@dataclass(frozen=True)
class Progress:
    """The training is in progress.

    Attributes:
        epoch: the current epoch, counted from 1.
        update: number of updates done.
        fraction: share of all updates that is done, 0 to 1.
        seconds_left: estimate of the remaining time at the pace so far; None before the first
            estimate.
    """

    epoch: int
    update: int
    fraction: float
    seconds_left: float | None


@dataclass(frozen=True)
class EpochEnd:
    """An epoch ended. Bounds are in nats per frame and averages over the epoch's updates.

    Attributes:
        epoch: the epoch that ended, counted from 1.
        update: number of updates done.
        train_bound: train_nll + train_kl, the bound with KL weight 1.
        train_nll: -log p(x given z).
        train_kl: KL(q || p).
        annealed_bound: the bound with the KL weights of the epoch; the training minimises it plus
            the penalties.
        kl_weight: the KL weight at the end of the epoch.
        grad_norm: mean norm of the gradient before clipping.
        lr: the learning rate at the end of the epoch.
        seconds: wall-clock time of the epoch, including its validation.
        valid_bound: bound of the validation split; None if this epoch was not validated.
        is_best: whether `valid_bound` is the best so far.
        scalars: name -> value of every parameter that is a single number, such as alpha and beta of
            `nonlinear-gssm`.
    """

    epoch: int
    update: int
    train_bound: float
    train_nll: float
    train_kl: float
    annealed_bound: float
    kl_weight: float
    grad_norm: float
    lr: float
    seconds: float
    valid_bound: float | None
    is_best: bool
    scalars: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """The training ended.

    Attributes:
        reason: why it ended, in one sentence.
        best_valid_bound: the best validation bound, in nats per frame; None if there was none.
        best_epoch: the epoch of the best validation bound.
    """

    reason: str
    best_valid_bound: float | None
    best_epoch: int | None


Event = Progress | EpochEnd | Finished
"""Any event of a training."""
