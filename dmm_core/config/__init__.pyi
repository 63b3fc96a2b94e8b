from .flags import (
    add_flags as add_flags,
    command_line as command_line,
    given_settings as given_settings,
    setting_names as setting_names,
)
from .lessons import (
    MAX_VARIANTS as MAX_VARIANTS,
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
