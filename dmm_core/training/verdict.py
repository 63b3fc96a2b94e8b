"""What a training's numbers mean: one or two sentences, and what to do next."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

__all__ = ["Verdict", "verdict"]

Condition = Literal[
    "starting", "improving", "converged", "nothing learned", "collapsed", "overfitting", "diverged"
]
"""The condition of a training."""

_LITTLE_KL = 0.02
"""KL in nats per frame below which the latent states carry almost nothing."""
_RECENT = 5
"""Validations that count as recent."""
_STILL = 0.002
"""Share of the whole improvement that a validation has to gain to count as improving."""
_RISE = 0.01
"""Share of the whole improvement by which the valid bound has to rise to count as overfitting."""
_NATS = 1.0
"""A rise of the bounds up to this size is never divergence, in nats per frame."""


class Verdict(NamedTuple):
    """The verdict on a training.

    Attributes:
        condition: what the numbers show.
        text: sentences for a person.
        worked: False if something is wrong that more of the same training will not mend.
    """

    condition: Condition
    text: str
    worked: bool


def verdict(
    metrics: Sequence[Mapping[str, Any]],
    references: Mapping[str, float] | None = None,
    *,
    active: int | None = None,
    z_dim: int | None = None,
    ended: bool = False,
) -> Verdict:
    """Judge a training by its metrics.

    Args:
        metrics: one mapping for each epoch, with epoch, train_bound, train_kl, kl_weight and, after
            a validation, valid_bound; all in nats per frame.
        references: name -> nats per frame of simple models on the valid split
            (`dmm_core.inference.references`); the first ignores time.
        active: number of active latent dimensions, if it was measured.
        z_dim: number of latent dimensions.
        ended: whether the training is over.
    """
    validated = [
        (int(line["epoch"]), float(line["valid_bound"]))
        for line in metrics
        if _is_number(line.get("valid_bound"))
    ]
    if not validated:
        return Verdict("starting", "There is no validation yet.", True)
    epochs, bounds = zip(*validated, strict=True)
    best = min(bounds)
    best_epoch, gain = epochs[bounds.index(best)], bounds[0] - best
    if diverged := _diverged(metrics, bounds, best):
        return diverged
    place = _place(best, references)
    independent = next(iter(references.values())) if references else None
    since = len(bounds) - 1 - bounds.index(best)
    slope = _slope(bounds)
    improving = slope > max(_STILL * abs(gain), 1e-4) and since < _RECENT
    onward = (
        f"The valid bound still falls by {slope:.2g} nats a validation"
        if improving
        else "The valid bound no longer falls"
    )
    if independent is not None and best > independent - 0.005 * max(1.0, abs(independent)):
        if improving and not ended:
            return Verdict(
                "improving", f"{place} {onward}: it has to fall further before it is useful.", True
            )
        return Verdict(
            "nothing learned",
            f"The model has learned nothing about time: its best valid bound, {best:.3f}, is no "
            f"better than that of independent frames, {independent:.3f}. "
            + (
                "Train longer."
                if improving
                else "Try a higher learning rate, fewer KL annealing updates, or a smaller model."
            ),
            False,
        )
    kl, kl_weight = (float(metrics[-1].get(name) or 0.0) for name in ("train_kl", "kl_weight"))
    if active == 0 or (kl < _LITTLE_KL and kl_weight >= 1.0):
        units = (
            f" and {active} of {z_dim} latent dimensions are active" if active is not None else ""
        )
        return Verdict(
            "collapsed",
            f"The posterior has collapsed: the KL is {kl:.3f} nats a frame{units}, so the latent "
            "states carry almost nothing. Try more KL annealing updates, free bits, or a model "
            f"whose emission does not see the frame before. {place}",
            False,
        )
    rise = bounds[-1] - best
    if since >= 3 and rise > max(_RISE * gain, 0.005) and _train_fell(metrics, best_epoch):
        return Verdict(
            "overfitting",
            f"The model overfits: the valid bound has risen since epoch {best_epoch:,} by "
            f"{rise:.2g} nats, while the train bound falls. The weights of epoch {best_epoch:,} "
            f"are kept{'' if ended else ', so you can stop'}. {place}",
            True,
        )
    units = (
        f" {active} of {z_dim} latent dimensions are active."
        if active is not None and z_dim
        else ""
    )
    if improving:
        return Verdict("improving", f"{place} {onward}: train longer.{units}", True)
    return Verdict("converged", f"{place} {onward}.{units}", True)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _diverged(
    metrics: Sequence[Mapping[str, Any]], bounds: Sequence[float], best: float
) -> Verdict | None:
    """A verdict if both the train and the valid bound have lost most of what was gained."""
    trains = [line.get("train_bound") for line in metrics]
    finite = [float(bound) for bound in trains if isinstance(bound, int | float)]
    lowest = min(finite, default=0.0)
    lost = trains[-1] is None or (  # a bound that was not finite is stored as None
        finite[-1] > lowest + max(_NATS, 0.5 * (finite[0] - lowest))
        and bounds[-1] > best + max(_NATS, 0.5 * (bounds[0] - best))
    )
    if not lost:
        return None
    return Verdict(
        "diverged",
        f"The training diverged: the valid bound rose from {best:,.3f} to {bounds[-1]:,.3f} nats a "
        "frame. Use a smaller learning rate; the best weights are kept.",
        False,
    )


def _place(best: float, references: Mapping[str, float] | None) -> str:
    """How many of the references the best valid bound beats."""
    if not references:
        return f"The best valid bound is {best:.3f} nats a frame."
    beaten = sum(best < value for value in references.values())
    text = (
        f"The best valid bound, {best:.3f} nats a frame, is below {beaten} of {len(references)} "
        f"reference{'' if len(references) == 1 else 's'}"
    )
    left = {name: value for name, value in references.items() if best >= value}
    if beaten and left:
        name = min(left, key=lambda name: left[name])
        text += f" ({name}: {left[name]:.3f})"
    return f"{text}."


def _slope(bounds: Sequence[float]) -> float:
    """Mean fall of the running minimum over the last validations, in nats."""
    recent = bounds[-_RECENT - 1 :]
    if len(recent) < 2:
        return math.inf
    before = min(bounds[: len(bounds) - len(recent) + 1])
    return (before - min(bounds)) / (len(recent) - 1)


def _train_fell(metrics: Sequence[Mapping[str, Any]], since: int) -> bool:
    later = [
        float(line["train_bound"])
        for line in metrics
        if line["epoch"] >= since and _is_number(line.get("train_bound"))
    ]
    return len(later) > 1 and later[-1] < later[0]
