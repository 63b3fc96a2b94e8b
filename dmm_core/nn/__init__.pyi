from .combiner import (
    Combiner as Combiner,
    LatentPath as LatentPath,
    MeanFieldCombiner as MeanFieldCombiner,
    PriorCombiner as PriorCombiner,
    StructuredCombiner as StructuredCombiner,
)
from .constraints import Constraint as Constraint, Counts as Counts
from .cost import (
    UpdateCost as UpdateCost,
    evaluation_memory as evaluation_memory,
    update_cost as update_cost,
)
from .distributions import as_frame as as_frame, constrained as constrained
from .dmm import DMM as DMM, InitialState as InitialState
from .emission import (
    EMISSIONS as EMISSIONS,
    BernoulliEmission as BernoulliEmission,
    Emission as Emission,
    GaussianEmission as GaussianEmission,
    NADEEmission as NADEEmission,
    emissions_for as emissions_for,
)
from .flows import (
    InverseAutoregressiveFlow as InverseAutoregressiveFlow,
    InverseAutoregressiveFlows as InverseAutoregressiveFlows,
)
from .frame import DrawnFrame as DrawnFrame, FrameDistribution as FrameDistribution
from .inference import InferenceNetwork as InferenceNetwork
from .known_systems import known_parts as known_parts
from .mlp import initialise as initialise
from .nade import NADE as NADE
from .note_counts import CountedBernoulli as CountedBernoulli, CountedNADE as CountedNADE
from .summary import (
    Summariser as Summariser,
    Summary as Summary,
)
from .transition import GatedTransition as GatedTransition, MLPTransition as MLPTransition
