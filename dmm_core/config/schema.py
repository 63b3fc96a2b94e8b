"""Schema of all settings: names, defaults, bounds and help texts for CLI, forms, JSON and docs.

The models are frozen and reject unknown fields and values out of bounds. All errors of a
configuration are reported together.
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
    "stored_values",
]

_NAME_PARTS = re.compile(r"[A-Za-z0-9_.*^$! ]*[A-Za-z0-9_*][A-Za-z0-9_.*^$! ]*")
_EARLIER_PATTERNS = {"^(?!emission.(read|write))": "* !emission.read !emission.write"}
"""Patterns in the presets of version 0.1 -> the same patterns in the current syntax."""

ADVANCED: JsonDict = {"advanced": True}
"""Marks a field that the forms show under advanced settings."""

_REMOVED = frozenset({"kernels"})
"""Settings of earlier versions that no longer exist; none of them changed a result."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(_Section):
    """The data set.

    docs/settings.md lists all fields.

    Example:
        >>> from dmm_core import DataConfig
        >>> DataConfig(name="linear-gssm")
        DataConfig(name='linear-gssm', seed=0)
    """

    name: str = Field(
        default="jsb-m21",
        title="Data set",
        description="Name of the data set, or upload:ID for uploaded sequences.",
        min_length=1,
        max_length=80,
    )
    seed: int = Field(
        default=0,
        title="Data seed",
        description="Seed from which a synthetic data set is drawn; other data sets ignore it.",
        ge=0,
        le=2**31 - 1,
        json_schema_extra=ADVANCED,
    )


class ModelConfig(_Section):
    """The generative model p(x, z) and the inference network q(z given x).

    docs/settings.md lists all fields.

    Example:
        >>> from dmm_core import ModelConfig
        >>> config = ModelConfig(z_dim=32, inference="ST-LR")
        >>> config.z_dim, config.transition
        (32, 'gated')
    """

    z_dim: int = Field(
        default=100,
        title="Latent dimensions",
        description="Number of dimensions of the latent state z.",
        ge=1,
        le=1024,
    )
    emission: Literal[
        "bernoulli",
        "nade",
        "gaussian",
        "student-t",
        "poisson",
        "negative-binomial",
        "categorical",
    ] = Field(
        default="bernoulli",
        title="Emission",
        description=(
            "Distribution p(x_t given z_t). bernoulli: independent binary features, such as the "
            "notes of a piano-roll. nade: binary features that depend on each other within a "
            "frame. gaussian: real values. student-t: real values with outliers. poisson: counts. "
            "negative-binomial: counts whose variance exceeds their mean. categorical: symbols, "
            "one slot after another."
        ),
    )
    standardise: bool = Field(
        default=True,
        title="Standardise features",
        description=(
            "Real features enter the networks minus their mean and divided by their standard "
            "deviation in the train split, and counts as logarithms. Everything is reported in the "
            "units of the data. Other kinds of data, and known systems, ignore it."
        ),
        json_schema_extra=ADVANCED,
    )
    emission_hidden: int = Field(
        default=100,
        title="Emission hidden units",
        description="Units of each hidden layer of the emission's MLP.",
        ge=1,
        le=4096,
    )
    emission_layers: int = Field(
        default=2,
        title="Emission layers",
        description="Number of hidden layers of the emission's MLP; with 0 it is linear.",
        ge=0,
        le=8,
        json_schema_extra=ADVANCED,
    )
    nade_hidden: int = Field(
        default=100,
        title="NADE hidden units",
        description=(
            "Number of hidden units of the nade and categorical emissions; others ignore it."
        ),
        ge=1,
        le=4096,
        json_schema_extra=ADVANCED,
    )
    emission_dropout: float = Field(
        default=0.0,
        title="Emission dropout",
        description=(
            "Dropout probability of the categorical emission's hidden units during training; "
            "other emissions ignore it."
        ),
        ge=0.0,
        lt=1.0,
        json_schema_extra=ADVANCED,
    )
    intervals: bool = Field(
        default=False,
        title="Intervals between voices",
        description=(
            "The categorical emission scores a pitch by its intervals to the other voices and to "
            "the last pitch of its own; needs music in four voices, and x_to_x."
        ),
        json_schema_extra=ADVANCED,
    )
    transition: Literal["gated", "bounded", "mlp", "linear"] = Field(
        default="gated",
        title="Transition",
        description=(
            "Distribution p(z_t given z_{t-1}). gated: the paper's gated transition. bounded: a "
            "gated transition whose mean cannot grow, for long memories. mlp: an MLP without "
            "gates. linear: a linear function."
        ),
    )
    transition_hidden: int = Field(
        default=200,
        title="Transition hidden units",
        description="Units of each hidden layer of the transition's MLPs; linear ignores it.",
        ge=1,
        le=4096,
    )
    transition_layers: int = Field(
        default=1,
        title="Transition layers",
        description="Number of hidden layers of each of the transition's MLPs; linear ignores it.",
        ge=1,
        le=8,
        json_schema_extra=ADVANCED,
    )
    nonlinearity: Literal["relu", "leaky-relu", "tanh", "softplus", "elu"] = Field(
        default="relu",
        title="Nonlinearity",
        description="Activation function between the layers of every MLP.",
        json_schema_extra=ADVANCED,
    )
    x_to_z: bool = Field(
        default=False,
        title="Frame to next state (Aug)",
        description="DMM-Aug: the transition to z_t also takes the frame x_{t-1} as input.",
        json_schema_extra=ADVANCED,
    )
    x_to_x: bool = Field(
        default=False,
        title="Frame to next frame (Aug)",
        description="DMM-Aug: the emission of x_t also takes the frame x_{t-1} as input.",
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
            "learned: transition and emission are networks. Otherwise they are those of the named "
            "synthetic data set, and only q is learned (and alpha and beta of nonlinear-gssm)."
        ),
        json_schema_extra=ADVANCED,
    )
    inference: Literal["DKS", "ST-L", "ST-LR", "MF-L", "MF-R", "MF-LR"] = Field(
        default="DKS",
        title="Inference network",
        description=(
            "Frames on which q(z_t) depends: x_t and the future (DKS, MF-R), x_t and the past "
            "(ST-L, MF-L), or all (ST-LR, MF-LR). DKS and ST-* also condition on z_{t-1}."
        ),
    )
    combiner: Literal["network", "prior"] = Field(
        default="network",
        title="Combiner",
        description=(
            "How q combines z_{t-1} with the RNN's output. network: a learned network. prior: the "
            "product of the transition's Gaussian and a Gaussian of the RNN (DKS and ST-* only)."
        ),
        json_schema_extra=ADVANCED,
    )
    flows: int = Field(
        default=0,
        title="Normalising flows",
        description=(
            "Number of inverse autoregressive flows applied to samples of q; with 0, q is Gaussian."
        ),
        ge=0,
        le=8,
        json_schema_extra=ADVANCED,
    )
    flow_hidden: int = Field(
        default=100,
        title="Flow hidden units",
        description="Hidden units of each flow's autoregressive network.",
        ge=1,
        le=4096,
        json_schema_extra=ADVANCED,
    )
    rnn: Literal["lstm", "gru", "rnn", "rnn-relu"] = Field(
        default="lstm",
        title="RNN cell",
        description=(
            "Cell of the inference network's RNN; rnn is an Elman RNN with tanh, rnn-relu one with "
            "ReLU."
        ),
    )
    rnn_size: int = Field(
        default=600, title="RNN size", description="Hidden units of each RNN layer.", ge=1, le=4096
    )
    rnn_layers: int = Field(
        default=1,
        title="RNN layers",
        description="Number of stacked layers of each RNN.",
        ge=1,
        le=4,
        json_schema_extra=ADVANCED,
    )
    rnn_dropout: float = Field(
        default=0.1,
        title="RNN dropout",
        description="Dropout probability of the RNN's outputs during training.",
        ge=0.0,
        lt=1.0,
        json_schema_extra=ADVANCED,
    )
    learn_initial: bool = Field(
        default=False,
        title="Learn the initial state",
        description=(
            "Learn mean and variance of p(z_1), otherwise N(0, I), and the state z_0 from which q "
            "starts."
        ),
        json_schema_extra=ADVANCED,
    )
    variance_start: float = Field(
        default=0.0,
        title="Initial variance",
        description=(
            "Initial bias of the variances of transition and inference network, before softplus: 0 "
            "gives 0.7, and -4 gives 0.02. The smaller, the more an untrained state remembers."
        ),
        ge=-10.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    init: Literal["uniform", "normal", "xavier", "he", "orthogonal"] = Field(
        default="xavier",
        title="Initialisation",
        description=(
            "Initialisation of weight matrices; uniform is U(-0.1, 0.1), as in the published code."
        ),
        json_schema_extra=ADVANCED,
    )
    forget_bias: float = Field(
        default=1.0,
        title="Forget-gate bias",
        description="Initial bias of the LSTM's forget gates; other cells ignore it.",
        ge=-10.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )


class TrainConfig(_Section):
    """Objective, optimiser and schedule of the training.

    docs/settings.md lists all fields.

    Example:
        >>> from dmm_core import TrainConfig
        >>> config = TrainConfig(epochs=40, lr=3e-3)
        >>> config.validation_epochs
        2
    """

    epochs: int = Field(
        default=200,
        title="Epochs",
        description="Number of passes over the train split.",
        ge=1,
        le=100_000,
    )
    batch_size: int = Field(
        default=20, title="Batch size", description="Sequences per update.", ge=1, le=4096
    )
    transpose: bool = Field(
        default=False,
        title="Transpose at random",
        description=(
            "In every update, transpose each piece by a random number of semitones, from 5 down to "
            "6 up, by which all voices stay in their ranges; only for music in four voices."
        ),
        json_schema_extra=ADVANCED,
    )
    objective: Literal["elbo", "iwae"] = Field(
        default="elbo",
        title="Objective",
        description=(
            "Bound that is minimised. elbo: the negative ELBO, averaged over the samples. iwae: "
            "the importance-weighted bound (IWAE)."
        ),
        json_schema_extra=ADVANCED,
    )
    samples: int = Field(
        default=1,
        title="Samples per update",
        description="Latent paths sampled per sequence in an update; iwae needs at least 2.",
        ge=1,
        le=1000,
        json_schema_extra=ADVANCED,
    )
    free_bits: float = Field(
        default=0.0,
        title="Free nats",
        description=(
            "Free bits: KL of a frame below this threshold, in nats, is not penalised; elbo only."
        ),
        ge=0.0,
        le=1000.0,
        json_schema_extra=ADVANCED,
    )
    optimizer: Literal["adam", "rmsprop"] = Field(
        default="adam",
        title="Optimiser",
        description="Algorithm that updates the parameters: Adam or RMSprop.",
        json_schema_extra=ADVANCED,
    )
    lr: float = Field(
        default=8e-4,
        title="Learning rate",
        description="Learning rate of the optimiser.",
        gt=0.0,
        le=1.0,
    )
    lr_decay: Literal["none", "cosine"] = Field(
        default="none",
        title="Learning-rate decay",
        description=(
            "none: constant. cosine: cosine decay to 1 % of the learning rate at the last epoch."
        ),
        json_schema_extra=ADVANCED,
    )
    weight_decay: float = Field(
        default=0.0,
        title="Weight decay",
        description="Coefficient of decoupled weight decay (AdamW); needs optimizer adam.",
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    l1: float = Field(
        default=0.0,
        title="L1 penalty",
        description=(
            "Factor of the sum of absolute penalised parameters, added to the loss (nats per "
            "frame)."
        ),
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    l2: float = Field(
        default=0.0,
        title="L2 penalty",
        description=(
            "Factor of the sum of squared penalised parameters, added to the loss (nats per frame)."
        ),
        ge=0.0,
        le=10.0,
        json_schema_extra=ADVANCED,
    )
    penalty_pattern: str = Field(
        default="*",
        title="Penalised parameters",
        description=(
            "Parameters to which the L1 and L2 penalties apply, as parts of their names separated "
            "by spaces. * matches any characters, ^ and $ the start and the end of a name; a part "
            "after ! excludes the names that it matches, as in * !emission.read."
        ),
        max_length=200,
        json_schema_extra=ADVANCED,
    )
    clip_norm: float = Field(
        default=1.0,
        title="Gradient clipping",
        description="Gradients with a larger norm are scaled down to this norm.",
        gt=0.0,
        le=1e6,
        json_schema_extra=ADVANCED,
    )
    anneal_updates: int = Field(
        default=2000,
        title="KL annealing updates",
        description="Updates in which the KL weight rises from 0.01 to 1; with 0 it is always 1.",
        ge=0,
        le=10_000_000,
    )
    weight_average: float = Field(
        default=0.0,
        title="Weight averaging",
        description=(
            "Decay of the exponential moving average of the weights, which is evaluated and saved "
            "in their place; 0 turns it off."
        ),
        ge=0.0,
        lt=1.0,
        json_schema_extra=ADVANCED,
    )
    eval_every: int = Field(
        default=0,
        title="Epochs between validations",
        description=(
            "Epochs between two evaluations of the valid bound, which is also evaluated after the "
            "last epoch. 0 chooses a twentieth of the epochs, but at least 1 and at most 10."
        ),
        ge=0,
        le=10_000,
        json_schema_extra=ADVANCED,
    )
    eval_samples: int = Field(
        default=1,
        title="Samples per validation",
        description="Latent paths sampled per sequence to evaluate the valid bound.",
        ge=1,
        le=100,
        json_schema_extra=ADVANCED,
    )
    patience: int = Field(
        default=0,
        title="Early-stopping patience",
        description=(
            "Number of validations without a lower valid bound after which the training stops; 0 "
            "turns early stopping off."
        ),
        ge=0,
        le=100_000,
        json_schema_extra=ADVANCED,
    )
    seed: int = Field(
        default=0,
        title="Seed",
        description=(
            "Seed of the initial weights, the order of the data and all random numbers of the "
            "training."
        ),
        ge=0,
        le=2**31 - 1,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto",
        title="Device",
        description="auto chooses a CUDA GPU if there is one, otherwise the CPU.",
    )
    precision: Literal["float32", "tf32", "bf16"] = Field(
        default="float32",
        title="Precision",
        description=(
            "Precision of the networks' matrix products in an update. tf32 (CUDA GPUs only) and "
            "bf16 are faster and less accurate; everything else is float32."
        ),
        json_schema_extra=ADVANCED,
    )
    graphs: bool = Field(
        default=False,
        title="CUDA graphs",
        description=(
            "On a CUDA GPU, record the update as a CUDA graph for each of a few sequence lengths "
            "and replay it. Batches are padded to these lengths."
        ),
        json_schema_extra=ADVANCED,
    )
    threads: int = Field(
        default=0,
        title="CPU threads",
        description="CPU threads of PyTorch's operations; 0 keeps PyTorch's default.",
        ge=0,
        le=256,
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="before")
    @classmethod
    def _ignore_removed(cls, values: Any) -> Any:
        """Drop settings of earlier versions that no longer exist, so that old runs load."""
        if not isinstance(values, Mapping):
            return values
        return {name: value for name, value in values.items() if name not in _REMOVED}

    @field_validator("penalty_pattern", mode="before")
    @classmethod
    def _name_parts(cls, value: Any) -> Any:
        """Convert the simple regular expressions of earlier versions and reject all others.

        A regular expression that a user writes could take exponential time on a short name.
        """
        if not isinstance(value, str):
            return value
        value = _EARLIER_PATTERNS.get(value, value)
        names = value.replace("\\.", ".").replace(".*", "*").replace("|", " ")
        if not _NAME_PARTS.fullmatch(names):
            raise ValueError(
                "it should be parts of parameter names: letters, digits, _ . * ^ $ and !"
            )
        return names

    @property
    def validation_epochs(self) -> int:
        """Return the number of epochs between two validations, also if `eval_every` is 0."""
        return self.eval_every or min(max(self.epochs // 20, 1), 10)


class RunConfig(_Section):
    """The complete configuration of a run: its data set, model and training.

    Example:
        >>> from dmm_core import DataConfig, ModelConfig, RunConfig
        >>> config = RunConfig(data=DataConfig(name="jsb"), model=ModelConfig(z_dim=32))
        >>> config.model.z_dim, config.train.batch_size
        (32, 20)
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()


def parse_config(values: Mapping[str, Any]) -> RunConfig:
    """Build a `RunConfig` from plain values, such as parsed JSON or command-line strings.

    Args:
        values: nested mapping, section -> field -> value. Missing fields get their defaults.

    Raises:
        ConfigError: if a field is invalid; the message lists every invalid field, its value and the
            allowed values.

    Example:
        >>> from dmm_core import parse_config
        >>> config = parse_config({"model": {"z_dim": "32"}, "train": {"epochs": 10}})
        >>> config.model.z_dim, config.train.epochs
        (32, 10)
    """
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_fault(detail) for detail in error.errors())
        raise ConfigError(f"The configuration has faults: {faults}.") from None
    if conflicts := list(_conflicts(config)):
        raise ConfigError(f"The configuration has faults: {'; '.join(conflicts)}.")
    return config


def stored_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the configuration that an earlier version stored, so that it means the same now.

    Args:
        values: nested mapping, section -> field -> value, with every setting of its version.
    """
    model = values.get("model")
    if not isinstance(model, Mapping):
        return dict(values)
    return {**values, "model": {"standardise": False, **model}}


def _conflicts(config: RunConfig) -> Iterator[str]:
    """Yield a clause for each combination of valid values that is not allowed."""
    model, train = config.model, config.train
    if train.weight_decay and train.optimizer != "adam":
        yield (
            f"train.weight_decay is {train.weight_decay:g} with optimizer {train.optimizer}, but "
            "decoupled decay needs optimizer adam"
        )
    if train.objective == "iwae" and train.samples < 2:
        yield "train.objective is iwae with train.samples 1, but it needs train.samples >= 2"
    if train.objective == "iwae" and train.free_bits:
        yield (
            f"train.free_bits is {train.free_bits:g} with objective iwae, which has no separate KL "
            "term; use objective elbo or free_bits 0"
        )
    if train.graphs and train.transpose:
        yield "train.graphs replays recorded updates, so it cannot be combined with train.transpose"
    if train.graphs and model.emission_dropout:
        yield (
            "train.graphs replays recorded updates, so it cannot be combined with "
            f"model.emission_dropout {model.emission_dropout:g}"
        )
    if model.intervals and not (model.emission == "categorical" and model.x_to_x):
        yield (
            f"model.intervals is on with emission {model.emission} and x_to_x "
            f"{'on' if model.x_to_x else 'off'}, but it needs emission categorical and x_to_x"
        )
    if train.graphs and train.optimizer != "adam":
        yield f"train.graphs is on with optimizer {train.optimizer}, but it needs optimizer adam"
    if train.precision == "tf32" and train.device in ("cpu", "mps"):
        yield (
            f"train.precision is tf32, which {train.device} does not support: choose a CUDA GPU or "
            "float32"
        )
    if train.precision == "bf16" and train.device == "mps":
        yield "train.precision is bf16, which is supported on the CPU and on CUDA GPUs, not on mps"
    if model.combiner == "prior" and model.inference.startswith("MF"):
        yield (
            f"model.combiner is prior with the inference network {model.inference}, which does not "
            "use z_{t-1}: choose DKS, ST-L or ST-LR"
        )
    if model.system != "learned":
        if model.emission != "gaussian":
            yield f"model.system {model.system} has a gaussian emission, not {model.emission}"
        if model.x_to_z or model.x_to_x:
            yield f"model.system {model.system} is fixed, so it cannot have x_to_z or x_to_x"
        if model.learn_initial:
            yield f"model.system {model.system} is fixed, so learn_initial cannot be on"


def _fault(detail: Any) -> str:
    """Return a clause with the field, its value and what is allowed, from a pydantic error."""
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{where} is not a setting"
    message = detail["msg"].removeprefix("Value error, ")
    allowed = message.replace("Input should be", "it should be").split(", unable")[0]
    return f"{where} is {detail['input']!r:.60}, but {allowed[0].lower()}{allowed[1:]}"
