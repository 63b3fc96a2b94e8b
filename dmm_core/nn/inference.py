"""Inference networks q(z given x): RNN summaries of the observations, a combiner, optional flows.

The names of the networks are those of the paper's table 1.

============  ==========================  =================================================
name          q                           combiner
============  ==========================  =================================================
DKS (= ST-R)  z_t given z_{t-1}, x_{t:T}  `StructuredCombiner` or `PriorCombiner`
ST-L          z_t given z_{t-1}, x_{1:t}  `StructuredCombiner` or `PriorCombiner`
ST-LR         z_t given z_{t-1}, x_{1:T}  `StructuredCombiner` or `PriorCombiner`
MF-L, MF-R    z_t given x_{1:t}, x_{t:T}  `MeanFieldCombiner`
MF-LR         z_t given x_{1:T}           `MeanFieldCombiner`, the product of two Gaussians
============  ==========================  =================================================
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch
from dmm_core.nn.combiner import Combiner, LatentPath, stack_steps
from dmm_core.nn.flows import InverseAutoregressiveFlows
from dmm_core.nn.summary import RandomSource, Summary

__all__ = ["InferenceNetwork", "PriorOfStep"]

PriorOfStep = Callable[[int, Tensor | None], Normal]
"""A function of a step t, counted from 0, and z_{t-1} that returns p(z_t given z_{t-1})."""


class InferenceNetwork(nn.Module):
    """q(z given x): a summariser, a combiner and optional flows.

    The network reads the frame of each step, the action before it, which features were observed,
    and the covariates. Each part may be replaced by any module with the same call signature.

    Args:
        summariser: maps the inputs of each step, the lengths and a generator to a `Summary`.
        combiner: one of `dmm_core.nn.combiner`.
        flow: transforms each draw from a Gaussian; None for no flow.
        missing: whether the input of each step includes an indicator of the observed features.
    """

    def __init__(
        self,
        *,
        summariser: nn.Module,
        combiner: Combiner,
        flow: InverseAutoregressiveFlows | None = None,
        missing: bool = False,
    ) -> None:
        super().__init__()
        self.summariser = summariser
        self.combiner = combiner
        self.flow = flow
        self.missing = missing

    def read(self, batch: SequenceBatch) -> Tensor:
        """The input of each step of the RNNs, (batch, time, input)."""
        seen = [batch.x]
        if self.missing:
            observed = batch.observed
            seen.append(torch.ones_like(batch.x) if observed is None else observed)
        if batch.u is not None:
            seen.append(batch.u_before)
        if batch.c is not None:
            seen.append(batch.c)
        return seen[0] if len(seen) == 1 else torch.cat(seen, dim=-1)

    def summarise(self, batch: SequenceBatch, generator: RandomSource = None) -> Summary:
        """Run the RNNs over `batch`.

        Args:
            batch: the sequences.
            generator: generator of the random numbers of dropout, in training mode.
        """
        return self.summariser(self.read(batch), batch.lengths, generator)

    def draw(
        self,
        summary: Summary,
        noise: Float[Tensor, "*draw batch time latent"],
        prior: PriorOfStep,
    ) -> LatentPath:
        """Draw one path per sequence for each leading index of `noise`, by reparameterisation.

        Args:
            summary: from `summarise`.
            noise: standard normal draws, one for each state.
            prior: function that returns p(z_t given z_{t-1}) of a step; called only if the
                combiner needs it.
        """
        if self.flow is None and not self.combiner.needs_prior:
            return self.combiner(summary, noise)  # pyright: ignore[reportCallIssue]
        steps: list[LatentPath] = []
        for t, draw in enumerate(noise.unbind(-2)):
            before = steps[-1].z if steps else None
            known = prior(t, before) if self.combiner.needs_prior else None
            steps.append(self.step(summary.at(t), before, known, draw))
        return stack_steps(steps)

    def step(
        self,
        summary: Summary,
        before: Float[Tensor, "*draw batch latent"] | None,
        prior: Normal | None,
        noise: Float[Tensor, "*draw batch latent"],
    ) -> LatentPath:
        """Draw z_t given z_{t-1}.

        Args:
            summary: the summary of step t.
            before: z_{t-1}; None at the first step.
            prior: p(z_t given z_{t-1}); used only if the combiner needs it.
            noise: standard normal draws.

        Returns:
            A `LatentPath` without a time axis.
        """
        q = self.combiner.step(summary, before, prior)
        base = torch.addcmul(q.loc, q.scale, noise)
        loc, scale = q.loc.expand_as(base), q.scale.expand_as(base)
        if self.flow is None:
            return LatentPath(base, loc, scale)
        output = self.flow(base)
        return LatentPath(output.z, loc, scale, base, output.log_scale)

    def log_density(
        self, drawn: LatentPath, z: Float[Tensor, "*draw batch latent"]
    ) -> Float[Tensor, "*draw batch"]:
        """The log-density of `z` under the distribution from which `step` drew, in nats.

        Args:
            drawn: the result of `step`.
            z: states of the same step; they may differ from the drawn ones.
        """
        if self.flow is None:
            return drawn.q.log_prob(z).sum(-1)
        inverted = self.flow.inverse(z)
        return (drawn.q.log_prob(inverted.base) - inverted.log_scale).sum(-1)
