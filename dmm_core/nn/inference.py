"""Inference networks q(z given x): an RNN's summary of the frames, a combiner, and maybe flows.

The names are those of the paper's table 1.

| name | q | combiner |
|---|---|---|
| DKS (= ST-R) | z_t given z_{t-1}, x_{t:T} | `StructuredCombiner` or `PriorCombiner` |
| ST-L | z_t given z_{t-1}, x_{1:t} | the same |
| ST-LR | z_t given z_{t-1}, x_{1:T} | the same |
| MF-L, MF-R | z_t given x_{1:t}, x_{t:T} | `MeanFieldCombiner` |
| MF-LR | z_t given x_{1:T} | `MeanFieldCombiner`, the product of two Gaussians |
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
"""From a step t (0 is the first) and the states before it to p(z_t given them)."""


class InferenceNetwork(nn.Module):
    """q(z given x): a summariser, a combiner and maybe flows, or anything called alike.

    It reads the frame of a step, the action before it, and which features were observed.

    Args:
        summariser: what is read of each step, lengths, a generator -> `Summary`.
        combiner: one of `dmm_core.nn.combiner`.
        flow: bends a Gaussian's draws; None leaves them.
        missing: whether an indicator of the observed features is read beside the frame.
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
        """(batch, time, input), what the RNNs read of each step."""
        seen = [batch.x]
        if self.missing:
            observed = batch.observed
            seen.append(torch.ones_like(batch.x) if observed is None else observed)
        if batch.u is not None:
            seen.append(batch.u_before)
        return seen[0] if len(seen) == 1 else torch.cat(seen, dim=-1)

    def summarise(self, batch: SequenceBatch, generator: RandomSource = None) -> Summary:
        """What the RNNs say of each step of `batch`.

        Args:
            batch: the sequences.
            generator: source of the dropout's randomness in training mode.
        """
        return self.summariser(self.read(batch), batch.lengths, generator)

    def draw(
        self,
        summary: Summary,
        noise: Float[Tensor, "*draw batch time latent"],
        prior: PriorOfStep,
    ) -> LatentPath:
        """Draw a path, or one for each leading index of `noise`, by reparameterisation.

        Args:
            summary: what the RNNs say of each step.
            noise: standard normal draws, one for each state.
            prior: of a step, given the states before.
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
        """Draw the states of one step, given those of the step before.

        Args:
            summary: of that step.
            before: the states of the step before; None at the first.
            prior: of this step given them; only some combiners look at it.
            noise: standard normal draws.

        Returns:
            A `LatentPath` without an axis of time.
        """
        q = self.combiner.step(summary, before, prior)
        base = torch.addcmul(q.loc, q.scale, noise)
        loc, scale = q.loc.expand_as(base), q.scale.expand_as(base)
        if self.flow is None:
            return LatentPath(base, loc, scale)
        bent = self.flow(base)
        return LatentPath(bent.z, loc, scale, base, bent.log_scale)

    def log_density(
        self, drawn: LatentPath, z: Float[Tensor, "*draw batch latent"]
    ) -> Float[Tensor, "*draw batch"]:
        """Log q of any states under the conditionals that `step` drew from, in nats.

        Args:
            drawn: from `step`.
            z: states of that step.
        """
        if self.flow is None:
            return drawn.q.log_prob(z).sum(-1)
        unbent = self.flow.unbend(z)
        return (drawn.q.log_prob(unbent.base) - unbent.log_scale).sum(-1)
