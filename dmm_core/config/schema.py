"""Names, defaults, bounds and help of every setting: the one source for CLI, forms, JSON and docs.

The models are frozen and strict: an unknown field or a value out of bounds is an error, and all
errors of a configuration are reported together.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from dmm_core.errors import ConfigError

__all__ = [
    "DataConfig",
    "ModelConfig",
    "RunConfig",
    "TrainConfig",
    "parse_config",
]

_PARTS = re.compile(r"[A-Za-z0-9_.*^$! ]*[A-Za-z0-9_*][A-Za-z0-9_.*^$! ]*")
_EARLIER_PATTERNS = {"^(?!emission.(read|write))": "* !emission.read !emission.write"}
"""What the presets of version 0.1 had, in the words of today."""

ADVANCED: JsonDict = {"advanced": True}
"""Marks a field that a form folds away."""


_REMOVED = frozenset({"kernels"})
"""Settings of a training that earlier versions had; none of them changed a result."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Section):
    """Which sequences are explained."""

    name: str = Field(
        default="jsb-m21",
        title="Data set",
        description="Name of a data set, or upload:ID for uploaded sequences.",
        min_length=1,
        max_length=80,
    )
    seed: int = Field(
        default=0,
        title="Data seed",
        description="Seed of the generator of a synthetic data set; other data ignore it.",
        ge=0,
        le=2**31 - 1,
        json_schema_extra=ADVANCED,
    )


class ModelConfig(_Section):
    """The generative model p(x, z) and the inference network q(z given x)."""

    z_dim: int = Field(
        default=100,
        title="Latent dimensions",
        description="Dimensions of the latent state z.",
        ge=1,
        le=1024,
    )
    emission: Literal["bernoulli", "gaussian", "nade"] = Field(
        default="bernoulli",
        title="Emission",
        description=(
            "p(x_t given z_t): bernoulli for piano-rolls, gaussian for real values, nade for notes "
            "that depend on each other within a frame."
        ),
    )
    emission_hidden: int = Field(
        default=100,
        title="Emission hidden units",
        description="Width of the emission's MLP.",
        ge=1,
        le=4096,
    )
    emission_layers: int = Field(
        default=2,
        title="Emission layers",
        description="Hidden layers of the emission's MLP; 0 makes it linear.",
        ge=0,
        le=8,
        json_schema_extra=ADVANCED,
    )
    nade_hidden: int = Field(
        default=100,
        title="NADE hidden units",
        description="Hidden units of the nade emission; other emissions ignore it.",
        ge=1,
        le=4096,
        json_schema_extra=ADVANCED,
    )
    transition: Literal["gated", "mlp", "linear"] = Field(
        default="gated",
        title="Transition",
        description="p(z_t given z_{t-1}): the paper's gated transition, a plain MLP, or linear.",
    )
    transition_hidden: int = Field(
        default=200,
        title="Transition hidden units",
        description="Width of the transition's MLPs; linear has none.",
        ge=1,
        le=4096,
    )
    transition_layers: int = Field(
        default=1,
        title="Transition layers",
        description="Hidden layers of each of the transition's MLPs; linear has none.",
        ge=1,
        le=8,
        json_schema_extra=ADVANCED,
    )
    nonlinearity: Literal["relu", "leaky-relu", "tanh", "softplus", "elu"] = Field(
        default="relu",
        title="Nonlinearity",
        description="Between the layers of every MLP.",
        json_schema_extra=ADVANCED,
    )
    x_to_z: bool = Field(
        default=False,
        title="Frame to next state (Aug)",
        description="DMM-Aug: the transition into z_t sees the frame x_{t-1} too.",
        json_schema_extra=ADVANCED,
    )
    x_to_x: bool = Field(
        default=False,
        title="Frame to next frame (Aug)",
        description="DMM-Aug: the emission of x_t sees the frame x_{t-1} too.",
        json_schema_extra=ADVANCED,
    )
    system: Literal[
        "learned",
        "linear-gssm",
        "linear-gssm-10",
        "linear-gssm-100",
        "linear-gssm-250",
        "nonlinear-gssm",
        "nonlinear-ukf",
    ] = Field(
        default="learned",
        title="Generative model",
        description=(
            "learned, or the known system of a synthetic data set, so that q alone is learned (of "
            "nonlinear-gssm, alpha and beta too)."
        ),
        json_schema_extra=ADVANCED,
    )
    inference: Literal["DKS", "ST-L", "ST-LR", "MF-L", "MF-R", "MF-LR"] = Field(
        default="DKS",
        title="Inference network",
        description=(
            "What q sees: the future (DKS, MF-R), the past (ST-L, MF-L) or both (ST-LR, MF-LR); "
            "DKS and ST-* also condition on z_{t-1}."
        ),
    )
    combiner: Literal["network", "prior"] = Field(
        default="network",
        title="Combiner",
        description=(
            "How q merges z_{t-1} with the RNN: a network, or the transition's Gaussian times one "
            "of the RNN (structured networks only)."
        ),
        json_schema_extra=ADVANCED,
    )
    flows: int = Field(
        default=0,
        title="Normalising flows",
        description="Inverse autoregressive flows on each draw of q; 0 leaves it Gaussian.",
        ge=0,
        le=8,
        json_schema_extra=ADVANCED,
    )
    flow_hidden: int = Field(
        default=100,
        title="Flow hidden units",
        description="Width of each flow's autoregressive network.",
        ge=1,
        le=4096,
        json_schema_extra=ADVANCED,
    )
    rnn: Literal["lstm", "gru", "rnn", "rnn-relu"] = Field(
        default="lstm",
        title="RNN cell",
        description="Cell of the inference network's RNN; rnn is the plain one, with tanh.",
    )
    rnn_size: int = Field(
        default=600, title="RNN size", description="Units of each RNN layer.", ge=1, le=4096
    )
    rnn_layers: int = Field(
        default=1,
        title="RNN layers",
        description="Stacked layers of each RNN.",
        ge=1,
        le=4,
        json_schema_extra=ADVANCED,
    )
    rnn_dropout: float = Field(
        default=0.1,
        title="RNN dropout",
        description="Probability of dropping an RNN output while training.",
        ge=0.0,
        lt=1.0,
        json_schema_extra=ADVANCED,
    )
    learn_initial: bool = Field(
        default=False,
        title="Learn the initial state",
        description="Learn the Gaussian of z_1 instead of N(0, I), and the z_0 that q starts from.",
        json_schema_extra=ADVANCED,
    )
    init: Literal["uniform", "normal", "xavier", "he", "orthogonal"] = Field(
        default="xavier",
        title="Initialisation",
        description="Scheme for weight matrices; uniform is the published code's U(-0.1, 0.1).",
        json_schema_extra=ADVANCED,
    )
    forget_bias: float = Field(
        default=1.0,
        title="Forget-gate bias",
        description="Initial bias of an LSTM's forget gate.",
        ge=-10.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )


class TrainConfig(_Section):
    """How the bound is minimised."""

    epochs: int = Field(
        default=200, title="Epochs", description="Passes over the train split.", ge=1, le=100_000
    )
    batch_size: int = Field(
        default=20, title="Batch size", description="Sequences in an update.", ge=1, le=4096
    )
    objective: Literal["elbo", "iwae"] = Field(
        default="elbo",
        title="Objective",
        description=(
            "The bound that is minimised: elbo averages over the samples, iwae weighs them by "
            "importance."
        ),
        json_schema_extra=ADVANCED,
    )
    samples: int = Field(
        default=1,
        title="Samples per update",
        description="Latent paths drawn per sequence in an update; iwae needs 2 or more.",
        ge=1,
        le=1000,
        json_schema_extra=ADVANCED,
    )
    free_bits: float = Field(
        default=0.0,
        title="Free nats",
        description="KL of a frame, in nats, below which it costs no less; elbo only.",
        ge=0.0,
        le=1000.0,
        json_schema_extra=ADVANCED,
    )
    optimizer: Literal["adam", "rmsprop"] = Field(
        default="adam",
        title="Optimiser",
        description="Adam or RMSprop.",
        json_schema_extra=ADVANCED,
    )
    lr: float = Field(default=8e-4, title="Learning rate", description="Step size.", gt=0.0, le=1.0)
    lr_decay: Literal["none", "cosine"] = Field(
        default="none",
        title="Learning-rate decay",
        description="Constant, or a cosine to 1 % of the rate at the last epoch.",
        json_schema_extra=ADVANCED,
    )
    weight_decay: float = Field(
        default=0.0,
        title="Weight decay",
        description="Decoupled weight decay (AdamW); needs optimizer adam.",
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    l1: float = Field(
        default=0.0,
        title="L1 penalty",
        description="Times the sum of absolute penalised parameters, in nats a frame.",
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    l2: float = Field(
        default=0.0,
        title="L2 penalty",
        description="Times the sum of squares of the penalised parameters, in nats a frame.",
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    penalty_pattern: str = Field(
        default="*",
        title="Penalised parameters",
        description=(
            "Parts of the names of the parameters that L1 and L2 act on, separated by spaces: * "
            "stands for any characters, ^ and $ for the beginning and the end of a name, and ! "
            "before a part excludes what it names, as in * !emission.read."
        ),
        max_length=200,
        json_schema_extra=ADVANCED,
    )
    clip_norm: float = Field(
        default=1.0,
        title="Gradient clipping",
        description="Largest norm of the gradient of an update.",
        gt=0.0,
        le=1e6,
        json_schema_extra=ADVANCED,
    )
    anneal_updates: int = Field(
        default=2000,
        title="KL annealing updates",
        description="Updates until the KL weight reaches 1, from 0.01; 0 starts at 1.",
        ge=0,
        le=10_000_000,
    )
    weight_average: float = Field(
        default=0.0,
        title="Weight averaging",
        description="Decay of the moving average of weights that is evaluated and kept; 0 is off.",
        ge=0.0,
        lt=1.0,
        json_schema_extra=ADVANCED,
    )
    eval_every: int = Field(
        default=0,
        title="Epochs between validations",
        description=(
            "The valid bound is measured every so many epochs, and after the last. 0 measures it "
            "at least 20 times: every 20th part of the epochs, and at least every 10th epoch."
        ),
        ge=0,
        le=10_000,
        json_schema_extra=ADVANCED,
    )
    eval_samples: int = Field(
        default=1,
        title="Samples per validation",
        description="Latent paths drawn per sequence for a valid bound.",
        ge=1,
        le=100,
        json_schema_extra=ADVANCED,
    )
    patience: int = Field(
        default=0,
        title="Early-stopping patience",
        description="Validations without a better valid bound before the run ends; 0 never stops.",
        ge=0,
        le=100_000,
        json_schema_extra=ADVANCED,
    )
    seed: int = Field(
        default=0,
        title="Seed",
        description="Decides the initial weights, the order of the data and all noise.",
        ge=0,
        le=2**31 - 1,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", title="Device", description="auto takes a CUDA GPU, else the CPU."
    )
    precision: Literal["float32", "tf32", "bf16"] = Field(
        default="float32",
        title="Precision",
        description=(
            "Of the networks' products in an update: tf32 (CUDA GPUs only) and bf16 are faster and "
            "rounder; all else is float32."
        ),
        json_schema_extra=ADVANCED,
    )
    graphs: bool = Field(
        default=False,
        title="CUDA graphs",
        description=(
            "On a CUDA GPU, record an update once for each of a few lengths and replay it; batches "
            "are filled up to these."
        ),
        json_schema_extra=ADVANCED,
    )
    threads: int = Field(
        default=0,
        title="CPU threads",
        description="Threads of the CPU's matrix products; 0 leaves PyTorch's choice.",
        ge=0,
        le=256,
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="before")
    @classmethod
    def _ignore_removed(cls, values: Any) -> Any:
        """Leave out settings of earlier versions that no longer exist, so that old runs load."""
        if not isinstance(values, Mapping):
            return values
        return {name: value for name, value in values.items() if name not in _REMOVED}

    @field_validator("penalty_pattern", mode="before")
    @classmethod
    def _parts_of_names(cls, value: Any) -> Any:
        """Read the simple regular expressions of earlier versions, and refuse all others.

        A regular expression can take for ever on a short text, and this one is typed by a user.
        """
        if not isinstance(value, str):
            return value
        value = _EARLIER_PATTERNS.get(value, value)
        parts = value.replace("\\.", ".").replace(".*", "*").replace("|", " ")
        if not _PARTS.fullmatch(parts):
            raise ValueError(
                "it should name parts of parameter names: letters, digits, _ . * ^ $ and !"
            )
        return parts

    @property
    def validation_epochs(self) -> int:
        """Epochs from one validation to the next."""
        return self.eval_every or min(max(self.epochs // 20, 1), 10)


class RunConfig(_Section):
    """Everything that defines a run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Build a `RunConfig` from plain values, such as parsed JSON or command-line strings.

    Args:
        values: nested mapping, section -> field -> value.

    Raises:
        ConfigError: with every faulty field, what was given and what is allowed.
    """
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_fault(detail) for detail in error.errors())
        raise ConfigError(f"The configuration has faults: {faults}.") from None
    if conflicts := list(_conflicts(config)):
        raise ConfigError(f"The configuration has faults: {'; '.join(conflicts)}.")
    return config


def _conflicts(config: RunConfig) -> Iterator[str]:
    """Values that are each allowed but do not go together, and why."""
    model, train = config.model, config.train
    if train.weight_decay and train.optimizer != "adam":
        yield (
            f"train.weight_decay is {train.weight_decay:g} with optimizer {train.optimizer}, but "
            "decoupled decay needs optimizer adam"
        )
    if train.objective == "iwae" and train.samples < 2:
        yield "train.objective is iwae with 1 sample, but its weights need train.samples >= 2"
    if train.objective == "iwae" and train.free_bits:
        yield (
            f"train.free_bits is {train.free_bits:g} with objective iwae, which has no KL of its "
            "own to bound"
        )
    if train.graphs and train.optimizer != "adam":
        yield f"train.graphs is on with optimizer {train.optimizer}, but it needs optimizer adam"
    if train.precision == "tf32" and train.device in ("cpu", "mps"):
        yield f"train.precision is tf32, which {train.device} has not: choose a CUDA GPU or float32"
    if train.precision == "bf16" and train.device == "mps":
        yield "train.precision is bf16, which is for the CPU and CUDA GPUs, not for mps"
    if model.combiner == "prior" and model.inference.startswith("MF"):
        yield (
            f"model.combiner is prior with the inference network {model.inference}, which does not "
            "look at z_{t-1}: choose DKS, ST-L or ST-LR"
        )
    if model.system != "learned":
        if model.emission != "gaussian":
            yield f"model.system {model.system} has a gaussian emission, not {model.emission}"
        if model.x_to_z or model.x_to_x:
            yield f"model.system {model.system} is known, so it cannot have x_to_z or x_to_x"
        if model.learn_initial:
            yield f"model.system {model.system} is known, so its initial state is not learned"


def _fault(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{where} is not a setting"
    message = detail["msg"].removeprefix("Value error, ")
    allowed = message.replace("Input should be", "it should be").split(", unable")[0]
    return f"{where} is {detail['input']!r:.60}, but {allowed[0].lower()}{allowed[1:]}"
