from .device import (
    choose_device as choose_device,
    cores as cores,
    keep_freed_memory as keep_freed_memory,
    precision_warning as precision_warning,
    require_memory as require_memory,
    separate_stream as separate_stream,
    tf32_matmul as tf32_matmul,
)
from .files import (
    app_folder as app_folder,
    assets as assets,
    delete_temporaries as delete_temporaries,
    home as home,
    json_text as json_text,
    require_disk_space as require_disk_space,
    write_atomic as write_atomic,
)
from .limited_child import Limits as Limits, read_in_child as read_in_child, serve as serve
from .processes import (
    SINGLE_PROCESS as SINGLE_PROCESS,
    Shard as Shard,
    TrainingEnded as TrainingEnded,
    World as World,
    process_group as process_group,
)
from .threads import (
    parallel_map as parallel_map,
    set_num_threads_locally as set_num_threads_locally,
)
