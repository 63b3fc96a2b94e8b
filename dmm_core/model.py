"""The Deep Markov Model: prior, emission and inference network, and how a config builds it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from dmm_core.config import ModelConfig
from dmm_core.data.sequences import Kind
from dmm_core.errors import DataError
from dmm_core.nn.emission import BernoulliEmission, GaussianEmission
from dmm_core.nn.inference import (
    InferenceNetwork,
    LatentPath,
    MeanFieldCombiner,
    StructuredCombiner,
    Summariser,
)
from dmm_core.nn.mlp import initialise, scale_of
from dmm_core.nn.transition import GatedTransition, MLPTransition, Transition

__all__ = ["DMM", "InitialState", "build_model", "count_parameters"]

_UNIT_VARIANCE = 0.5413248546129181
"""softplus of this is 1."""


class InitialState(nn.Module):
    """p(z_1): N(0, I), or a diagonal Gaussian that starts there and is learned.

    Args:
        z_dim: latent dimensions.
        learned: learn its mean and variance.
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

    z_1 ~ initial; z_t ~ transition(z_{t-1}); x_t ~ emission(z_t); q(z given x) by the inference
    network. The parts are those of `dmm_core.nn`, or anything called alike.

    Args:
        initial: () -> distribution of z_1.
        transition: z_{t-1} -> distribution of z_t.
        emission: z_t -> distribution of x_t.
        inference: q(z given x).
    """

    def __init__(
        self,
        *,
        initial: nn.Module,
        transition: nn.Module,
        emission: nn.Module,
        inference: InferenceNetwork,
    ) -> None:
        super().__init__()
        self.initial = initial
        self.transition = transition
        self.emission = emission
        self.inference = inference

    @property
    def z_dim(self) -> int:
        """Dimensions of the latent state."""
        return self.initial().loc.shape[-1]

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.initial().loc.device

    def prior(self, z: Float[Tensor, "*batch time latent"]) -> Normal:
        """p(z_t given z_{t-1}) for every step of a path at once, of the shape of `z`."""
        first = self.initial()
        rest = self.transition(z[..., :-1, :])
        shape = (*z.shape[:-2], 1, z.shape[-1])
        return Normal(
            torch.cat([first.loc.expand(shape), rest.loc], dim=-2),
            torch.cat([first.scale.expand(shape), rest.scale], dim=-2),
            validate_args=False,
        )

    def emit(self, z: Float[Tensor, "*batch latent"]) -> Distribution:
        """p(x_t given z_t), of shape (..., x_dim)."""
        return self.emission(z)

    def posterior(
        self,
        x: Float[Tensor, "batch time feature"],
        lengths: Int[Tensor, " batch"],
        noise: Float[Tensor, "*draw batch time latent"],
        generator: torch.Generator | None = None,
    ) -> LatentPath:
        """A path drawn from q(z given x), or one for each leading index of `noise`.

        Args:
            x: frames, left-aligned.
            lengths: valid steps of each sequence.
            noise: standard normal draws, one for each state.
            generator: source of the dropout's randomness in training mode.
        """
        return self.inference(x, lengths, noise, generator)


def build_model(config: ModelConfig, *, x_dim: int, kind: Kind, seed: int) -> DMM:
    """The model that `config` describes, with weights drawn from `seed`, on the CPU in float32.

    Args:
        config: what to build.
        x_dim: features of a frame.
        kind: what the features are.
        seed: decides every initial weight.

    Raises:
        DataError: if the emission cannot explain data of that kind.
    """
    explains = {"bernoulli": "binary", "gaussian": "real"}[config.emission]
    if explains != kind:
        needed = {"binary": "bernoulli", "real": "gaussian"}[kind]
        raise DataError(
            f"model.emission is {config.emission}, which explains {explains} data, "
            f"but these are {kind}: choose {needed}."
        )
    past = config.inference in ("ST-L", "ST-LR", "MF-L", "MF-LR")
    future = config.inference in ("DKS", "ST-LR", "MF-R", "MF-LR")
    emission = BernoulliEmission if config.emission == "bernoulli" else GaussianEmission
    with torch.random.fork_rng(devices=[]):  # the modules' own first draws leave no trace
        model = DMM(
            initial=InitialState(z_dim=config.z_dim, learned=config.learn_initial),
            transition=_transition(config),
            emission=emission(
                z_dim=config.z_dim,
                x_dim=x_dim,
                hidden=config.emission_hidden,
                layers=config.emission_layers,
                nonlinearity=config.nonlinearity,
            ),
            inference=InferenceNetwork(
                summariser=Summariser(
                    x_dim=x_dim,
                    cell=config.rnn,
                    size=config.rnn_size,
                    layers=config.rnn_layers,
                    dropout=config.rnn_dropout,
                    past=past,
                    future=future,
                    nonlinearity=config.nonlinearity,
                ),
                combiner=StructuredCombiner(
                    z_dim=config.z_dim, size=config.rnn_size, learn_start=config.learn_initial
                )
                if not config.inference.startswith("MF")
                else MeanFieldCombiner(
                    z_dim=config.z_dim, size=config.rnn_size, summaries=past + future
                ),
            ),
        )
    initialise(model, config.init, torch.Generator().manual_seed(seed))
    for part in model.modules():
        if isinstance(part, GatedTransition):
            part.start()
        elif isinstance(part, Summariser):
            part.start(config.forget_bias)
    return model


def _transition(config: ModelConfig) -> Transition:
    if config.transition == "gated":
        return GatedTransition(
            z_dim=config.z_dim,
            hidden=config.transition_hidden,
            layers=config.transition_layers,
            nonlinearity=config.nonlinearity,
        )
    return MLPTransition(
        z_dim=config.z_dim,
        hidden=config.transition_hidden,
        layers=config.transition_layers if config.transition == "mlp" else 0,
        nonlinearity=config.nonlinearity,
    )


def count_parameters(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
