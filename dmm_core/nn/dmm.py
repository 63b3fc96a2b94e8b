"""The Deep Markov Model: initial state, transition, emission and inference network."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch, one_later
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.distributions import as_frame
from dmm_core.nn.encoding import FrameEncoder
from dmm_core.nn.frame import FrameDistribution
from dmm_core.nn.inference import InferenceNetwork
from dmm_core.nn.mlp import scale_of, to_float32
from dmm_core.nn.summary import RandomSource, Summary
from dmm_core.nn.transition import BoundedTransition

__all__ = ["DMM", "InitialState", "count_parameters"]

_UNIT_VARIANCE = 0.5413248546129181
"""softplus(_UNIT_VARIANCE) = 1."""


class InitialState(nn.Module):
    """p(z_1): N(0, I), or a learned diagonal Gaussian that is initialised to N(0, I).

    Args:
        z_dim: number of latent dimensions.
        learned: whether the mean and the variance are learned.
        context_dim: width of the context, such as the covariates of the first frame. A linear map
            of it is added to the mean.
    """

    def __init__(self, *, z_dim: int, learned: bool, context_dim: int = 0) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(z_dim), requires_grad=learned)
        self.variance = nn.Parameter(torch.full((z_dim,), _UNIT_VARIANCE), requires_grad=learned)
        self.learned = learned
        if context_dim:
            self.shift = nn.Linear(context_dim, z_dim, bias=False)

    def forward(self, context: Float[Tensor, "*batch context"] | None = None) -> Normal:
        """The distribution of z_1, of shape (z_dim,), or (..., z_dim) with a context."""
        scale = scale_of(self.variance) if self.learned else torch.ones_like(self.loc)
        loc = self.loc if context is None else self.loc + to_float32(self.shift(context))
        return Normal(loc, scale.expand_as(loc), validate_args=False)


class DMM(nn.Module):
    """A Deep Markov Model (Krishnan, Shalit and Sontag, 2017).

    z_1 ~ initial([c_1]); z_t ~ transition(z_{t-1}, [x_{t-1}, u_{t-1}, c_t]);
    x_t ~ emission(z_t, [x_{t-1}, c_t]). The inference network approximates p(z given x) by
    q(z given x). The variables in brackets are used by a DMM-Aug (x), by a model with actions (u)
    or by one with covariates (c). Before the first step, x and u are zero. Frames enter the
    networks through `encoder`. The parts are those of `dmm_core.nn`, or any module with the same
    call signature.

    Args:
        initial: [context] -> distribution of z_1.
        transition: z_{t-1}, context -> distribution of z_t.
        emission: z_t, context -> distribution of x_t, of batch shape (..., x_dim). Any distribution
            with `log_prob` and `sample` is allowed (`dmm_core.nn.as_frame`).
        inference: q(z given x).
        x_dim: number of features per frame.
        u_dim: number of actions per frame; 0 for a model without actions.
        x_to_z: whether the transition uses x_{t-1}.
        x_to_x: whether the emission uses x_{t-1}.
        c_dim: number of covariates per frame; 0 without covariates.
        encoder: how frames enter the networks; by default as they are in the data.

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
        c_dim: int = 0,
        encoder: FrameEncoder | None = None,
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
        self.c_dim = c_dim
        self.encoder = encoder or FrameEncoder(x_dim)

    @property
    def z_dim(self) -> int:
        """Number of dimensions of the latent state."""
        return self.initial().loc.shape[-1]

    @property
    def device(self) -> torch.device:
        """The device of the model's weights."""
        return self.initial().loc.device

    def first_state(self, c: Float[Tensor, "*batch covariate"] | None = None) -> Normal:
        """p(z_1 [given c_1]), of shape (z_dim,), or (..., z_dim) for a model with covariates.

        Args:
            c: c_1; None stands for zeros. Only a model with covariates uses it.
        """
        if not self.c_dim:
            return self.initial()
        return self.initial(self.initial().loc.new_zeros(self.c_dim) if c is None else c)

    def next_state(
        self,
        z: Float[Tensor, "*draw latent"],
        x: Float[Tensor, "*batch feature"] | None = None,
        u: Float[Tensor, "*actions action"] | None = None,
        c: Float[Tensor, "*covariates covariate"] | None = None,
    ) -> Normal:
        """p(z_{t+1} given z_t), and given x_t, u_t and c_{t+1} if the model uses them.

        Args:
            z: z_t.
            x: x_t, broadcast over the leading dimensions of `z`. Without it, its encoding is zero,
                as before the first step. Used by a DMM-Aug only.
            u: u_t, in the same way; zeros if it is not given. Used by a model with actions only.
            c: c_{t+1}, in the same way; zeros if it is not given. Used by a model with covariates
                only.

        Returns:
            A distribution with the shape of `z`.
        """
        context = self._next_context(z, x, u, c)
        return self.transition(z) if context is None else self.transition(z, context)

    def _next_context(
        self, like: Tensor, x: Tensor | None, u: Tensor | None, c: Tensor | None
    ) -> Tensor | None:
        """The context of the transition; the arguments are those of `next_state`."""
        return self._context(
            like,
            (self.x_to_z * self.encoder.width, None if x is None else self.encoder(x)),
            (self.u_dim, u),
            (self.c_dim, c),
        )

    def frame(
        self,
        z: Float[Tensor, "*draw latent"],
        x_before: Float[Tensor, "*batch feature"] | None = None,
        c: Float[Tensor, "*covariates covariate"] | None = None,
    ) -> FrameDistribution:
        """p(x_t given z_t), and given x_{t-1} and c_t if the model uses them.

        Args:
            z: z_t.
            x_before: x_{t-1}, broadcast over the leading dimensions of `z`. Without it, its
                encoding is zero, as before the first step. Used by a DMM-Aug only.
            c: c_t, in the same way; zeros if it is not given. Used by a model with covariates only.

        Returns:
            A distribution of batch shape (..., x_dim), in the units of the data.
        """
        return self._emitted(z, None if x_before is None else self.encoder(x_before), c)

    def _emitted(
        self, z: Tensor, encoded_before: Tensor | None, c: Tensor | None
    ) -> FrameDistribution:
        context = self._context(
            z, (self.x_to_x * self.encoder.width, encoded_before), (self.c_dim, c)
        )
        drawn = self.emission(z) if context is None else self.emission(z, context)
        return self.encoder.decode(as_frame(drawn))

    @staticmethod
    def _context(z: Tensor, *parts: tuple[int, Tensor | None]) -> Tensor | None:
        """The parts of positive width, concatenated; zeros for a part that is not given."""
        used = [z.new_zeros(width) if given is None else given for width, given in parts if width]
        if not used:
            return None
        # torch.broadcast_shapes would import SymPy, which takes 0.4 s.
        shape = np.broadcast_shapes(*(part.shape[:-1] for part in used))
        return torch.cat([part.expand(*shape, part.shape[-1]) for part in used], dim=-1)

    def encoded(self, batch: SequenceBatch) -> SequenceBatch:
        """The batch with encoded frames; features that were not observed, and padding, are zero."""
        if type(self.encoder) is FrameEncoder:
            return batch
        x, observed = self.encoder(batch.x) * batch.mask[..., None], batch.observed
        if observed is not None:
            x = x * observed.repeat_interleave(self.encoder.width // self.x_dim, dim=-1)
        elif self.inference.missing:
            observed = torch.ones_like(batch.x)
        return batch._replace(x=x, observed=observed)

    def prior(self, z: Float[Tensor, "*draw batch time latent"], batch: SequenceBatch) -> Normal:
        """p(z_t given z_{t-1}) of every step of a path, in one pass; shaped like `z`."""
        first = self.first_state(None if batch.c is None else batch.c[:, 0])
        rest = self.next_state(
            z[..., :-1, :],
            batch.x[:, :-1] if self.x_to_z else None,
            batch.u_before[:, 1:] if self.u_dim else None,
            None if batch.c is None else batch.c[:, 1:],
        )
        shape = (*z.shape[:-2], 1, z.shape[-1])
        return Normal(
            torch.cat([first.loc.unsqueeze(-2).expand(shape), rest.loc], dim=-2),
            torch.cat([first.scale.unsqueeze(-2).expand(shape), rest.scale], dim=-2),
            validate_args=False,
        )

    def emit(
        self, z: Float[Tensor, "*draw batch time latent"], batch: SequenceBatch
    ) -> FrameDistribution:
        """p(x_t given z_t) of every step of a path, in one pass; of shape (..., x_dim)."""
        before = one_later(self.encoder(batch.x)) if self.x_to_x else None
        return self._emitted(z, before, batch.c)

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
        return self.draw(self.summarise(batch, generator), batch, noise)

    def summarise(self, batch: SequenceBatch, generator: RandomSource = None) -> Summary:
        """Run the inference network's RNNs over the encoded frames of a batch.

        Args:
            batch: the sequences.
            generator: where dropout takes its random numbers from, in training mode.
        """
        return self.inference.summarise(self.encoded(batch), generator)

    def draw(
        self,
        summary: Summary,
        batch: SequenceBatch,
        noise: Float[Tensor, "*draw batch time latent"],
    ) -> LatentPath:
        """Draw paths as `posterior` does, from a summary that several calls can share.

        Args:
            summary: `summarise(batch)`.
            batch: the sequences.
            noise: standard normal draws, one for each state.
        """
        projected = self._projected(batch) if self.inference.combiner.needs_prior else None

        def prior(t: int, before: Tensor | None) -> Normal:
            if projected is None or before is None:
                return self.prior_of_step(batch, t, before)
            assert isinstance(self.transition, BoundedTransition), "it has projected the contexts"
            return self.transition.after(before, projected[:, t - 1])

        return self.inference.draw(summary, noise, prior)

    def _projected(self, batch: SequenceBatch) -> Tensor | None:
        """What the transition of every step needs of its context, if that can be shared."""
        if not isinstance(self.transition, BoundedTransition):
            return None
        u = batch.u_before[:, 1:] if self.u_dim else None
        c = None if batch.c is None else batch.c[:, 1:]
        context = self._next_context(batch.x, batch.x[:, :-1], u, c)
        return None if context is None else self.transition.projected(context)

    def prior_of_step(self, batch: SequenceBatch, t: int, before: Tensor | None) -> Normal:
        """p(z_t given z_{t-1}) for a single step.

        Args:
            batch: the sequences.
            t: the step, counted from 0.
            before: z_{t-1}, (..., batch, latent); None at the first step.
        """
        c = None if batch.c is None else batch.c[:, t]
        if before is None:
            return self.first_state(c)
        u = batch.u_before[:, t] if self.u_dim else None
        return self.next_state(before, batch.x[:, t - 1] if self.x_to_z else None, u, c)


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
