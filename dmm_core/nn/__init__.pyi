from .combiner import (
    Combiner as Combiner,
    LatentPath as LatentPath,
    MeanFieldCombiner as MeanFieldCombiner,
    PriorCombiner as PriorCombiner,
    StructuredCombiner as StructuredCombiner,
)
from .cost import (
    UpdateCost as UpdateCost,
    evaluation_memory as evaluation_memory,
    update_cost as update_cost,
)
from .dmm import DMM as DMM, InitialState as InitialState
from .emission import (
    BernoulliEmission as BernoulliEmission,
    GaussianEmission as GaussianEmission,
    NADEEmission as NADEEmission,
)
from .flows import (
    InverseAutoregressiveFlow as InverseAutoregressiveFlow,
    InverseAutoregressiveFlows as InverseAutoregressiveFlows,
)
from .inference import InferenceNetwork as InferenceNetwork
from .known_systems import known_parts as known_parts
from .mlp import initialise as initialise
from .nade import NADE as NADE, DrawnFrame as DrawnFrame
from .note_counts import (
    CountedBernoulli as CountedBernoulli,
    CountedNADE as CountedNADE,
    Counts as Counts,
    room as room,
)
from .summary import (
    SequenceRows as SequenceRows,
    Summariser as Summariser,
    Summary as Summary,
    reversal as reversal,
)
from .transition import GatedTransition as GatedTransition, MLPTransition as MLPTransition
