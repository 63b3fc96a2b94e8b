from .flags import (
    command_line as command_line,
)
from .lessons import (
    Experiment as Experiment,
    list_experiments as list_experiments,
    load_experiment as load_experiment,
)
from .presets import PRESETS as PRESETS, preset as preset
from .schema import (
    DataConfig as DataConfig,
    ModelConfig as ModelConfig,
    RunConfig as RunConfig,
    TrainConfig as TrainConfig,
    parse_config as parse_config,
)
