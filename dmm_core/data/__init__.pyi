from .batching import (
    SequenceBatch as SequenceBatch,
    batch_indices as batch_indices,
)
from .catalogue import (
    DATASETS as DATASETS,
    DatasetInfo as DatasetInfo,
    dataset_info as dataset_info,
)
from .chorales import chorale_paths as chorale_paths, read_chorale as read_chorale
from .medical import (
    DRUGS as DRUGS,
    FEATURES as FEATURES,
    Patients as Patients,
    emission_probability as emission_probability,
    load_medical as load_medical,
    simulate_patients as simulate_patients,
)
from .registry import exists as exists, load_dataset as load_dataset, on_disk as on_disk
from .sequences import Sequences as Sequences, Splits as Splits, split_by_seed as split_by_seed
from .spec import UPLOAD_PREFIX as UPLOAD_PREFIX, DataSpec as DataSpec, Kind as Kind
from .synthetic import (
    Simulation as Simulation,
    simulate as simulate,
    simulate_splits as simulate_splits,
)
from .systems import (
    ALPHA as ALPHA,
    BETA as BETA,
    SYSTEMS as SYSTEMS,
    LinearGaussian as LinearGaussian,
    NonlinearGaussian as NonlinearGaussian,
    System as System,
)
from .treatment import Effect as Effect, drug_effect as drug_effect
