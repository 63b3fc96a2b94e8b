"""The Deep Markov Model: initial state, transition, emission and inference network."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.distributions import as_frame
from dmm_core.nn.frame import FrameDistribution
from dmm_core.nn.inference import InferenceNetwork
from dmm_core.nn.mlp import scale_of
from dmm_core.nn.summary import RandomSource, Summary

__all__ = ["DMM", "InitialState", "count_parameters"]

_UNIT_VARIANCE = 0.5413248546129181
"""softplus(_UNIT_VARIANCE) = 1."""


class InitialState(nn.Module):
    """p(z_1): N(0, I), or a learned diagonal Gaussian that is initialised to N(0, I).

    Args:
        z_dim: number of latent dimensions.
        learned: whether the mean and the variance are learned.
    """

    def __init__(self, *, z_dim: int, learned: bool) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(z_dim), requires_grad=learned)
        self.variance = nn.Parameter(torch.full((z_dim,), _UNIT_VARIANCE), requires_grad=learned)
        self.learned = learned

    def forward(self) -> Normal:
        """The distribution of z_1, of shape (z_dim,)."""
        scale = scale_of(self.variance) if self.learned else torch.ones_like(self.loc)
        return Normal(self.loc, scale, validate_args=False)


class DMM(nn.Module):
    """A Deep Markov Model (Krishnan, Shalit and Sontag, 2017).

    z_1 ~ initial; z_t ~ transition(z_{t-1}, [x_{t-1}, u_{t-1}]); x_t ~ emission(z_t, [x_{t-1}]).
    The inference network approximates the posterior p(z given x) by q(z given x). Only a DMM-Aug
    uses the x in brackets, and only a model with actions uses u; at the first step both are zero.
    The parts are modules of `dmm_core.nn`, or any modules with the same call signatures.
    `dmm_core.build_model` builds a model from a configuration.

    Args:
        initial: () -> distribution of z_1.
        transition: z_{t-1}, context -> distribution of z_t.
        emission: z_t, context -> distribution of x_t, of batch shape (..., x_dim). Any distribution
            with `log_prob` and `sample` is allowed (`dmm_core.nn.as_frame`).
        inference: q(z given x).
        x_dim: number of features per frame.
        u_dim: number of actions per frame; 0 for a model without actions.
        x_to_z: whether the transition uses x_{t-1}.
        x_to_x: whether the emission uses x_{t-1}.

    Example:
        >>> import torch
        >>> from dmm_core import load_run
        >>> model = load_run("bundled:chorales").model
        >>> model.z_dim, model.x_dim
        (64, 88)
        >>> z = model.initial().sample((5,))
        >>> model.next_state(z).loc.shape, model.frame(z).mean.shape
        (torch.Size([5, 64]), torch.Size([5, 88]))
    """

    def __init__(
        self,
        *,
        initial: nn.Module,
        transition: nn.Module,
        emission: nn.Module,
        inference: InferenceNetwork,
        x_dim: int,
        u_dim: int = 0,
        x_to_z: bool = False,
        x_to_x: bool = False,
    ) -> None:
        super().__init__()
        self.initial = initial
        self.transition = transition
        self.emission = emission
        self.inference = inference
        self.x_dim = x_dim
        self.u_dim = u_dim
        self.x_to_z = x_to_z
        self.x_to_x = x_to_x

    @property
    def z_dim(self) -> int:
        """Number of dimensions of the latent state."""
        return self.initial().loc.shape[-1]

    @property
    def device(self) -> torch.device:
        """The device of the model's weights."""
        return self.initial().loc.device

    def next_state(
        self,
        z: Float[Tensor, "*draw latent"],
        x: Float[Tensor, "*batch feature"] | None = None,
        u: Float[Tensor, "*actions action"] | None = None,
    ) -> Normal:
        """The transition p(z_{t+1} given z_t [, x_t, u_t]), of the shape of `z`.

        Args:
            z: z_t.
            x: x_t, broadcast over the leading dimensions of `z`; None stands for zeros. Only a
                DMM-Aug uses it.
            u: u_t, broadcast over the leading dimensions of `z`; None stands for zeros. Only a
                model with actions uses it.
        """
        seen = []
        if self.x_to_z:
            seen.append(z.new_zeros(self.x_dim) if x is None else x)
        if self.u_dim:
            seen.append(z.new_zeros(self.u_dim) if u is None else u)
        if not seen:
            return self.transition(z)
        shape = torch.broadcast_shapes(*(part.shape[:-1] for part in seen))
        return self.transition(z, torch.cat([p.expand(*shape, p.shape[-1]) for p in seen], dim=-1))

    def frame(
        self,
        z: Float[Tensor, "*draw latent"],
        x_before: Float[Tensor, "*batch feature"] | None = None,
    ) -> FrameDistribution:
        """The emission p(x_t given z_t [, x_{t-1}]), of shape (..., x_dim).

        Args:
            z: z_t.
            x_before: x_{t-1}, broadcast over the leading dimensions of `z`; None stands for zeros.
                Only a DMM-Aug uses it.
        """
        if not self.x_to_x:
            return as_frame(self.emission(z))
        before = z.new_zeros(self.x_dim) if x_before is None else x_before
        return as_frame(self.emission(z, before))

    def prior(self, z: Float[Tensor, "*draw batch time latent"], batch: SequenceBatch) -> Normal:
        """p(z_t given z_{t-1}) for all steps of a path at once, of the shape of `z`."""
        first = self.initial()
        rest = self.next_state(
            z[..., :-1, :],
            batch.x[:, :-1] if self.x_to_z else None,
            batch.u_before[:, 1:] if self.u_dim else None,
        )
        shape = (*z.shape[:-2], 1, z.shape[-1])
        return Normal(
            torch.cat([first.loc.expand(shape), rest.loc], dim=-2),
            torch.cat([first.scale.expand(shape), rest.scale], dim=-2),
            validate_args=False,
        )

    def emit(
        self, z: Float[Tensor, "*draw batch time latent"], batch: SequenceBatch
    ) -> FrameDistribution:
        """p(x_t given z_t) for all steps of a path at once, of shape (..., time, x_dim)."""
        return self.frame(z, batch.x_before if self.x_to_x else None)

    def log_likelihood(
        self, z: Float[Tensor, "*draw batch time latent"], batch: SequenceBatch
    ) -> Float[Tensor, "*draw batch time"]:
        """Log p(x_t given z_t) of every step, in nats, summed over the observed features.

        Omitting the term of a feature is the same as integrating over the feature, because the
        features are independent given the state.
        """
        terms = self.emit(z, batch).log_prob(batch.x)
        if batch.observed is not None:
            terms = terms * batch.observed
        return terms.sum(-1)

    def posterior(
        self,
        batch: SequenceBatch,
        noise: Float[Tensor, "*draw batch time latent"],
        generator: RandomSource = None,
    ) -> LatentPath:
        """Draw paths from q(z given x), one per sequence for each leading index of `noise`.

        Args:
            batch: the sequences.
            noise: standard normal draws, one for each state.
            generator: generator of the random numbers of dropout, in training mode.
        """
        return self.draw(self.inference.summarise(batch, generator), batch, noise)

    def draw(
        self,
        summary: Summary,
        batch: SequenceBatch,
        noise: Float[Tensor, "*draw batch time latent"],
    ) -> LatentPath:
        """Draw paths as `posterior` does, from a summary that several calls can share.

        Args:
            summary: `inference.summarise(batch)`.
            batch: the sequences.
            noise: standard normal draws, one for each state.
        """

        def prior(t: int, before: Tensor | None) -> Normal:
            return self.prior_of_step(batch, t, before)

        return self.inference.draw(summary, noise, prior)

    def prior_of_step(self, batch: SequenceBatch, t: int, before: Tensor | None) -> Normal:
        """p(z_t given z_{t-1}) for a single step.

        Args:
            batch: the sequences.
            t: the step, counted from 0.
            before: z_{t-1}, (..., batch, latent); None at the first step.
        """
        if before is None:
            return self.initial()
        u = batch.u_before[:, t] if self.u_dim else None
        return self.next_state(before, batch.x[:, t - 1] if self.x_to_z else None, u)


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
