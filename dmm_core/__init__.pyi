from . import (
    cli as cli,
    config as config,
    data as data,
    errors as errors,
    exact as exact,
    experiments as experiments,
    inference as inference,
    music as music,
    nn as nn,
    runs as runs,
    system as system,
    training as training,
)
from .config import (
    PRESETS as PRESETS,
    DataConfig as DataConfig,
    ModelConfig as ModelConfig,
    RunConfig as RunConfig,
    TrainConfig as TrainConfig,
    parse_config as parse_config,
    preset as preset,
)
from .data import (
    DataSpec as DataSpec,
    Sequences as Sequences,
    Splits as Splits,
    load_dataset as load_dataset,
    split_by_seed as split_by_seed,
)
from .errors import DMMError as DMMError
from .inference import (
    backtest as backtest,
    complete as complete,
    continuation as continuation,
    evaluate as evaluate,
    forecast as forecast,
    impute as impute,
    infill as infill,
    morph as morph,
    particle_filter as particle_filter,
    posterior_moments as posterior_moments,
    reconstruct as reconstruct,
    sample as sample,
)
from .music import (
    midi_from_notes as midi_from_notes,
    notes_from_roll as notes_from_roll,
    pretty_midi_from_roll as pretty_midi_from_roll,
    read_midi as read_midi,
    roll_from_notes as roll_from_notes,
)
from .nn import DMM as DMM
from .runs import (
    LoadedRun as LoadedRun,
    Run as Run,
    create_run as create_run,
    execute as execute,
    harmonise as harmonise,
    list_runs as list_runs,
    load_run as load_run,
)
from .training import (
    EpochEnd as EpochEnd,
    Finished as Finished,
    Progress as Progress,
    build_model as build_model,
    fit as fit,
)

__version__: str
