"""Builds a model from a configuration and a description of the data."""

import torch
from torch import nn

from dmm_core.config.schema import ModelConfig
from dmm_core.data.spec import DataSpec
from dmm_core.data.systems import SYSTEMS
from dmm_core.errors import ConfigError, DataError
from dmm_core.nn.categorical import SlotScores
from dmm_core.nn.combiner import Combiner, MeanFieldCombiner, PriorCombiner, StructuredCombiner
from dmm_core.nn.dmm import DMM, InitialState
from dmm_core.nn.emission import EMISSIONS, emissions_for
from dmm_core.nn.encoding import FrameEncoder, LogCounts, OneHot, Standardised
from dmm_core.nn.flows import InverseAutoregressiveFlows
from dmm_core.nn.inference import InferenceNetwork
from dmm_core.nn.known_systems import known_parts
from dmm_core.nn.mlp import initialise
from dmm_core.nn.summary import Summariser
from dmm_core.nn.transition import BoundedTransition, GatedTransition, MLPTransition

__all__ = ["build_model", "require_fit"]

_OWN_SETTINGS = {
    "nade": {"units": "nade_hidden"},
    "categorical": {
        "units": "nade_hidden",
        "intervals": "intervals",
        "dropout": "emission_dropout",
    },
}
"""Emission -> {additional argument: the field of `ModelConfig` that sets it}."""

_TRANSITIONS = {"bounded": BoundedTransition, "gated": GatedTransition}
"""Transition -> its class; the others are MLPs."""


def build_model(
    config: ModelConfig, data: DataSpec, *, seed: int, emission: nn.Module | None = None
) -> DMM:
    """Build the model that `config` describes, on the CPU in float32.

    Args:
        config: the settings of the model.
        data: the description of the data, such as `splits.spec`.
        seed: seed of the initial weights.
        emission: an emission to use in place of `config.emission`: a module that maps z_t, and
            x_{t-1} if `config.x_to_x` is set, to a distribution with `log_prob` and `sample`.

    Raises:
        DataError: if the emission cannot explain the data.
        ConfigError: if `config.system` names a known system whose dimensions differ from those of
            the data.

    Example:
        >>> from dmm_core import DataSpec, ModelConfig, build_model
        >>> config = ModelConfig(z_dim=4, rnn_size=8)
        >>> model = build_model(config, DataSpec("binary", 88), seed=0)
        >>> model.z_dim, model.x_dim
        (4, 88)
    """
    if emission is None:
        require_fit(config, data)
    missing = data.missing
    encoder = _encoder(config, data, own_emission=emission is not None)
    past = config.inference in ("ST-L", "ST-LR", "MF-L", "MF-LR")
    future = config.inference in ("DKS", "ST-LR", "MF-R", "MF-LR")
    with torch.random.fork_rng(devices=[]):  # keep PyTorch's global random state unchanged
        generative = (
            _learned(config, data, encoder, emission)
            if config.system == "learned"
            else known_parts(config.system, SYSTEMS[config.system])
        )
        model = DMM(
            **generative,
            inference=InferenceNetwork(
                summariser=Summariser(
                    inputs=encoder.width + data.x_dim * missing + data.u_dim + data.c_dim,
                    cell=config.rnn,
                    size=config.rnn_size,
                    layers=config.rnn_layers,
                    dropout=config.rnn_dropout,
                    past=past,
                    future=future,
                    nonlinearity=config.nonlinearity,
                ),
                combiner=_combiner(config, summaries=past + future),
                flow=InverseAutoregressiveFlows(
                    z_dim=config.z_dim, hidden=config.flow_hidden, count=config.flows
                )
                if config.flows
                else None,
                missing=missing,
            ),
            x_dim=data.x_dim,
            u_dim=data.u_dim,
            x_to_z=config.x_to_z,
            x_to_x=config.x_to_x,
            c_dim=data.c_dim,
            encoder=encoder,
        )
    generator = torch.Generator().manual_seed(seed)
    initialise(model, config.init, generator)
    for part in model.modules():
        if isinstance(part, GatedTransition):
            part.set_identity()
        elif isinstance(part, BoundedTransition):
            part.set_time_scales()
        elif isinstance(part, SlotScores):
            part.reset(generator)
        elif isinstance(part, Summariser):
            part.set_forget_bias(config.forget_bias)
        _set_variance(part, config.variance_start)
    return model


@torch.no_grad()
def _set_variance(part: nn.Module, bias: float) -> None:
    """Set the bias of the variances of a part, if it is a transition or gives q(z_t) itself.

    A `PriorCombiner` multiplies the transition's Gaussian by one of its own, which stays as wide as
    it is, so that q starts near the transition.
    """
    if isinstance(part, BoundedTransition | GatedTransition | MLPTransition | StructuredCombiner):
        part.variance.bias.fill_(bias)
    elif isinstance(part, MeanFieldCombiner):
        for head in part.variance:
            assert isinstance(head, nn.Linear), "made by MeanFieldCombiner"
            head.bias.fill_(bias)
    elif isinstance(part, InitialState) and part.learned and bias:
        part.variance.fill_(bias)


def require_fit(config: ModelConfig, data: DataSpec) -> None:
    """Check that a model with these settings can explain the data.

    Args:
        config: the settings of the model.
        data: the description of the data.

    Raises:
        DataError: if the emission cannot explain data of this kind, or data with missing features.
        ConfigError: if `config.system` names a known system whose dimensions differ from those of
            the data.
    """
    kind, x_dim, u_dim, missing = data.kind, data.x_dim, data.u_dim, data.missing
    emission = EMISSIONS[config.emission]
    fitting = " or ".join(emissions_for(kind, missing=missing))
    if kind not in emission.explains:
        raise DataError(
            f"model.emission is {config.emission}, which explains "
            f"{' and '.join(emission.explains)} data, but these are {kind}: choose {fitting}."
        )
    if config.intervals and not data.is_voices:
        raise DataError(
            f"model.intervals is on, but only music in four voices has intervals, and these data "
            f"are {x_dim} {kind} features: turn it off."
        )
    if missing and not emission.distribution.marginalises:
        raise DataError(
            f"model.emission is {config.emission}, which cannot leave a feature out, but these "
            f"data have missing features: choose {fitting}."
        )
    if missing and (config.x_to_z or config.x_to_x):
        raise DataError(
            "model.x_to_z and model.x_to_x let the next step see the frame before, but these data "
            "have missing features: leave both off."
        )
    if config.system != "learned":
        features, states = SYSTEMS[config.system].emission.shape
        if (config.z_dim, x_dim, u_dim, data.c_dim) != (states, features, 0, 0):
            raise ConfigError(
                f"model.system is {config.system}, which has {states} latent dimensions, "
                f"{features} features, no actions and no covariates, but model.z_dim is "
                f"{config.z_dim} and the data have {x_dim} features, {u_dim} actions and "
                f"{data.c_dim} covariates."
            )


def _encoder(config: ModelConfig, data: DataSpec, *, own_emission: bool) -> FrameEncoder:
    """How frames enter the networks; an emission from outside explains the data as they are."""
    if data.kind == "categorical":
        assert data.categories is not None, "a DataSpec of this kind has them"
        return OneHot(data.x_dim, data.categories)
    if config.standardise and config.system == "learned" and not own_emission:
        if data.kind == "real":
            return Standardised(data.x_dim)
        if data.kind == "count":
            return LogCounts(data.x_dim)
    return FrameEncoder(data.x_dim)


def _learned(
    config: ModelConfig, data: DataSpec, encoder: FrameEncoder, emission: nn.Module | None
) -> dict[str, nn.Module]:
    transition = {
        "z_dim": config.z_dim,
        "hidden": config.transition_hidden,
        "layers": 0 if config.transition == "linear" else config.transition_layers,
        "nonlinearity": config.nonlinearity,
        "context_dim": encoder.width * config.x_to_z + data.u_dim + data.c_dim,
    }
    context = encoder.width * config.x_to_x + data.c_dim
    return {
        "initial": InitialState(
            z_dim=config.z_dim, learned=config.learn_initial, context_dim=data.c_dim
        ),
        "transition": _TRANSITIONS.get(config.transition, MLPTransition)(**transition),
        "emission": emission or _emission(config, data, context),
    }


def _emission(config: ModelConfig, data: DataSpec, context_dim: int) -> nn.Module:
    own = _OWN_SETTINGS.get(config.emission, {})
    of_the_data = {"categories": data.categories} if data.kind == "categorical" else {}
    return EMISSIONS[config.emission](
        z_dim=config.z_dim,
        x_dim=data.x_dim,
        hidden=config.emission_hidden,
        layers=config.emission_layers,
        nonlinearity=config.nonlinearity,
        context_dim=context_dim,
        **{argument: getattr(config, setting) for argument, setting in own.items()},
        **of_the_data,
    )


def _combiner(config: ModelConfig, *, summaries: int) -> Combiner:
    if config.inference.startswith("MF"):
        return MeanFieldCombiner(z_dim=config.z_dim, size=config.rnn_size, summaries=summaries)
    if config.combiner == "prior":
        return PriorCombiner(z_dim=config.z_dim, size=config.rnn_size)
    return StructuredCombiner(
        z_dim=config.z_dim, size=config.rnn_size, learn_start=config.learn_initial
    )
