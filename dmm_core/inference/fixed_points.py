"""Fixed points of the transition's mean within a plane of the latent space."""

from typing import NamedTuple

import numpy as np
import torch
from torch.func import jacrev, vmap

from dmm_core.inference.latent import Projection
from dmm_core.nn.dmm import DMM

__all__ = ["FixedPoints", "fixed_points"]

_STARTS = 15
_STEPS = 40
_TOLERANCE = 1e-4
_APART = 0.01


class FixedPoints(NamedTuple):
    """Fixed points of the transition's mean, projected to a plane.

    Attributes:
        points: (M, 2), coordinates in the plane; M may be 0.
        stable: (M,), whether each point is attracting, that is, whether both eigenvalues of the
            Jacobian are within the unit circle.
    """

    points: np.ndarray
    stable: np.ndarray


def fixed_points(
    model: DMM, projection: Projection, *, low: np.ndarray, high: np.ndarray
) -> FixedPoints:
    """Solve g(p) = p for g(p) = A (loc(m + A^T p) - m), by Newton's method from a grid of points.

    A has the axes of the plane as its rows, and m is its centre. The result describes only the
    projected transition: in the latent space, the transition may still move a point out of the
    plane.

    Args:
        model: the model whose transition is examined.
        projection: a projection to two axes.
        low: (2,), lower corner of the region of the plane that is searched.
        high: (2,), upper corner of that region.
    """
    like = model.initial().loc
    axes, mean = (
        torch.as_tensor(a, dtype=like.dtype, device=like.device)
        for a in (projection.axes, projection.mean)
    )

    def step(point: torch.Tensor) -> torch.Tensor:
        return axes @ (model.next_state(mean + point @ axes).loc - mean)

    model.eval()
    corners = [torch.linspace(float(low[i]), float(high[i]), _STARTS) for i in range(2)]
    points = torch.cartesian_prod(*corners).to(like)
    reach = float(np.max(high - low))
    slope_of = vmap(jacrev(step))
    with torch.no_grad():
        for _ in range(_STEPS):
            gap = vmap(step)(points) - points
            slope = slope_of(points) - torch.eye(2).to(like)
            # Newton's step by least squares, since a whole line may consist of fixed points. A step
            # is at most a quarter of the region long.
            move = -(torch.linalg.pinv(slope) @ gap[..., None])[..., 0]
            length = move.norm(dim=-1, keepdim=True).clamp_min(1e-12)
            points = points + move * (0.25 * reach / length).clamp_max(1.0)
        gap = (vmap(step)(points) - points).norm(dim=-1)
        inside = ((points >= torch.as_tensor(low)) & (points <= torch.as_tensor(high))).all(-1)
        points = _distinct(points[inside & (gap < _TOLERANCE * reach)], _APART * reach)
        radius = torch.linalg.eigvals(slope_of(points)).abs().amax(-1)
    return FixedPoints(points.numpy(), (radius < 1).numpy())


def _distinct(points: torch.Tensor, apart: float) -> torch.Tensor:
    """One point of every group of points whose distance is at most `apart`."""
    kept: list[torch.Tensor] = []
    for point in points:
        if all((point - other).norm() > apart for other in kept):
            kept.append(point)
    return torch.stack(kept) if kept else points.new_zeros((0, 2))
