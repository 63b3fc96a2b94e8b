from .device import (
    choose_device as choose_device,
    cores as cores,
    keep_freed_memory as keep_freed_memory,
    own_stream as own_stream,
    require_memory as require_memory,
    slow_precision as slow_precision,
    tf32_products as tf32_products,
)
from .files import (
    assets as assets,
    home as home,
    json_text as json_text,
    require_room as require_room,
    sweep_temporaries as sweep_temporaries,
    write_atomic as write_atomic,
)
from .limited_child import Limits as Limits, read_in_child as read_in_child, serve as serve
from .processes import (
    ALONE as ALONE,
    Dismissed as Dismissed,
    Shard as Shard,
    World as World,
    joined as joined,
)
from .threads import own_threads as own_threads, spread as spread
