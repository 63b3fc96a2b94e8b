from .bundled import (
    BundledModel as BundledModel,
    list_bundled as list_bundled,
    load_model as load_model,
)
from .evaluations import evaluate_run as evaluate_run
from .exporting import export_run as export_run
from .harmonising import (
    CompletedPieces as CompletedPieces,
    complete_piece as complete_piece,
    harmonise as harmonise,
)
from .imported import import_run as import_run
from .loading import LoadedRun as LoadedRun, load_run as load_run
from .pieces import (
    bach_pieces as bach_pieces,
    bigram_pieces as bigram_pieces,
    compose_pieces as compose_pieces,
    sample_voices as sample_voices,
)
from .rendering import (
    TEMPO as TEMPO,
    compose_midi as compose_midi,
    require_piano as require_piano,
    to_notes as to_notes,
    to_roll as to_roll,
)
from .run import Run as Run
from .runner import Runner as Runner
from .status import ACTIVE as ACTIVE, State as State, Status as Status
from .store import (
    create_run as create_run,
    find_run as find_run,
    list_runs as list_runs,
    unreadable_runs as unreadable_runs,
)
from .worker import execute as execute, follow as follow
