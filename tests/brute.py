"""Models of one latent dimension by brute force: an integral over z is a sum over a grid."""

from typing import NamedTuple

import numpy as np
import torch

LOW, HIGH, POINTS = -7.0, 7.0, 201
GRID = torch.linspace(LOW, HIGH, POINTS, dtype=torch.float64)[:, None]
STEP = (HIGH - LOW) / (POINTS - 1)


class Brute(NamedTuple):
    """What is exactly so of one sequence, up to the grid.

    Attributes:
        log_likelihood: (T,), log p(x_t given x_{1:t-1}).
        filtered: (T, point), p(z_t given x_{1:t}), probabilities of the grid's points.
        smoothed: (T, point), p(z_t given x_{1:T}).
    """

    log_likelihood: np.ndarray
    filtered: np.ndarray
    smoothed: np.ndarray

    def mean(self, which):
        return getattr(self, which) @ GRID[:, 0].numpy()

    def scale(self, which):
        square = getattr(self, which) @ GRID[:, 0].square().numpy()
        return np.sqrt(square - self.mean(which) ** 2)


@torch.no_grad()
def moves(model, x, u):
    """(from, to), log of the probability of a point of the grid given another, x_t and u_t."""
    prior = model.next_state(GRID, x, u)
    return prior.log_prob(GRID.T.expand(POINTS, POINTS)) + np.log(STEP)


@torch.no_grad()
def brute(model, x, u=None, observed=None):
    """Forward and backward over the grid."""
    x = torch.as_tensor(np.asarray(x, dtype=np.float64))
    u = None if u is None else torch.as_tensor(np.asarray(u, dtype=np.float64))
    seen = torch.ones_like(x) if observed is None else torch.as_tensor(observed).double()
    likelihood = [
        (
            model.frame(GRID, x[t - 1] if t else None).log_prob(x[t].expand(POINTS, -1)) * seen[t]
        ).sum(-1)
        for t in range(len(x))
    ]
    ways = [moves(model, x[t], None if u is None else u[t]) for t in range(len(x) - 1)]
    first = model.initial()
    predicted = first.log_prob(GRID).sum(-1) + np.log(STEP)
    filtered, gained = [], []
    for t in range(len(x)):
        if t:
            predicted = torch.logsumexp(filtered[-1][:, None] + ways[t - 1], 0)
        joint = predicted + likelihood[t]
        gained.append(torch.logsumexp(joint, 0))
        filtered.append(joint - gained[-1])
    after, smoothed = torch.zeros(POINTS).double(), []
    for t in reversed(range(len(x))):
        if t < len(x) - 1:
            after = torch.logsumexp(ways[t] + likelihood[t + 1] + after, 1)
        smoothed.append(torch.softmax(filtered[t] + after, 0))
    return Brute(
        torch.stack(gained).numpy(),
        torch.stack(filtered).exp().numpy(),
        torch.stack(smoothed[::-1]).numpy(),
    )


@torch.no_grad()
def means_after(model, x, u, frames):
    """E[x_{T+h} given x_{1:T}] for h of 1 to 2, of binary frames: over every frame between.

    Args:
        model: what to ask.
        x: (T, x_dim), binary.
        u: (T + frames, u_dim) actions or None.
        frames: 1 or 2.
    """
    known = brute(model, x, None if u is None else u[: len(x)])
    weight = torch.as_tensor(known.filtered[-1])
    actions = [None, None] if u is None else torch.as_tensor(np.asarray(u, dtype=np.float64))
    x = torch.as_tensor(np.asarray(x, dtype=np.float64))
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * x.shape[1]).view(
        -1, x.shape[1]
    )
    paths = [(weight, x[-1])]  # joint weights over the grid of every way to the present frame
    means = []
    for h in range(frames):
        act = None if u is None else actions[len(x) - 1 + h]
        following, mean = [], torch.zeros(x.shape[1]).double()
        for joint, last in paths:
            moved = joint @ moves(model, last, act).exp()
            for frame in every:
                chance = model.frame(GRID, last).log_prob(frame.expand(POINTS, -1)).sum(-1).exp()
                following.append((moved * chance, frame))
                mean += (moved * chance).sum() * frame
        paths = following
        means.append(mean)
    return torch.stack(means).numpy()
