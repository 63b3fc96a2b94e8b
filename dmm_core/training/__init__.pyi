from .building import build_model as build_model, require_fit as require_fit
from .checkpoint import (
    Checkpoint as Checkpoint,
    load_checkpoint as load_checkpoint,
    load_tensors as load_tensors,
    save_checkpoint as save_checkpoint,
    save_tensors as save_tensors,
)
from .events import EpochEnd as EpochEnd, Event as Event, Finished as Finished, Progress as Progress
from .loop import Training as Training, fit as fit
from .verdict import Verdict as Verdict, verdict as verdict
