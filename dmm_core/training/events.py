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
        seconds_left: estimate of the remaining time, from the mean speed so far; None before the
            first estimate.

    Example:
        >>> from dmm_core import Progress
        >>> event = Progress(epoch=3, update=250, fraction=0.25, seconds_left=60.0)
        >>> f"{event.fraction:.0%} done, {event.seconds_left:.0f} s left"
        '25% done, 60 s left'
    """

    epoch: int
    update: int
    fraction: float
    seconds_left: float | None


@dataclass(frozen=True)
class EpochEnd:
    """An epoch ended.

    Bounds are in nats per frame. Those of the training split are averages over the updates of the
    epoch, while the weights change.

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

    Example:
        >>> from dmm_core import EpochEnd
        >>> event = EpochEnd(
        ...     epoch=1, update=10, train_bound=6.5, train_nll=6.0, train_kl=0.5,
        ...     annealed_bound=6.1, kl_weight=0.2, grad_norm=1.0, lr=1e-3, seconds=2.0,
        ...     valid_bound=6.7, is_best=True,
        ... )
        >>> event.train_bound == event.train_nll + event.train_kl
        True
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
        best_epoch: the epoch of the best validation bound; None if there was none.

    Example:
        >>> from dmm_core import Finished
        >>> event = Finished("All epochs are done.", best_valid_bound=6.7, best_epoch=18)
        >>> event.reason, event.best_epoch
        ('All epochs are done.', 18)
    """

    reason: str
    best_valid_bound: float | None
    best_epoch: int | None


Event = Progress | EpochEnd | Finished
"""Any event of a training."""
