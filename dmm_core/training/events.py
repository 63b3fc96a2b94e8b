"""What a training tells while it goes on."""

from dataclasses import dataclass, field

__all__ = ["EpochEnd", "Event", "Finished", "Progress"]


@dataclass(frozen=True)
class Progress:
    """Training goes on.

    Attributes:
        epoch: the epoch in progress, from 1.
        update: updates done.
        fraction: of all updates.
        seconds_left: estimate by the pace so far, None before there is one.
    """

    epoch: int
    update: int
    fraction: float
    seconds_left: float | None


@dataclass(frozen=True)
class EpochEnd:
    """An epoch is over; bounds in nats a frame, averages over the epoch's updates.

    Attributes:
        epoch: the epoch that ended, from 1.
        update: updates done.
        train_bound: train_nll + train_kl, the true bound (KL weight 1).
        train_nll: -log p(x given z).
        train_kl: KL(q || p).
        annealed_bound: with the KL weights in force, what was minimised less the penalty.
        kl_weight: in force at the end of the epoch.
        grad_norm: mean norm of the gradient before clipping.
        lr: learning rate at the end of the epoch.
        seconds: wall time of the epoch, with its validation.
        valid_bound: bound of the valid split, None where this epoch measures none.
        is_best: whether that is the best so far.
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
    """Training is over.

    Attributes:
        reason: one sentence.
        best_valid_bound: in nats a frame.
        best_epoch: when it was reached.
    """

    reason: str
    best_valid_bound: float | None
    best_epoch: int | None


Event = Progress | EpochEnd | Finished
"""Anything that a training tells."""
