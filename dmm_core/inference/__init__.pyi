from .backtest import (
    Backtest as Backtest,
    backtest as backtest,
    fit_widening as fit_widening,
    held_out as held_out,
)
from .baselines import fit_baselines as fit_baselines
from .calibration import (
    spread_factor as spread_factor,
    widen as widen,
    widening_sentence as widening_sentence,
)
from .completing import Completed as Completed, complete as complete, fixed as fixed
from .evaluation import (
    EffectiveSamples as EffectiveSamples,
    evaluate as evaluate,
    few_paths as few_paths,
    frame_accuracy as frame_accuracy,
    valid_bound as valid_bound,
)
from .filtering import FilteredMoments as FilteredMoments, particle_filter as particle_filter
from .fixed_points import FixedPoints as FixedPoints, fixed_points as fixed_points
from .forecasting import (
    QUANTILES as QUANTILES,
    Forecast as Forecast,
    Origin as Origin,
    forecast as forecast,
    forecast_from as forecast_from,
)
from .imputation import hide as hide, impute as impute
from .infilling import infill as infill
from .intervention import means_under as means_under
from .latent import (
    ACTIVE_VARIANCE as ACTIVE_VARIANCE,
    PosteriorMoments as PosteriorMoments,
    PosteriorOfMany as PosteriorOfMany,
    Projection as Projection,
    active_units as active_units,
    count_active_units as count_active_units,
    fit_projection as fit_projection,
    posterior_moments as posterior_moments,
    posterior_of_many as posterior_of_many,
    vector_field as vector_field,
)
from .morphing import morph as morph
from .objective import (
    Bound as Bound,
    bound_of as bound_of,
    importance_bound as importance_bound,
    kl_weight as kl_weight,
)
from .predictive import (
    Predictive as Predictive,
    imputed_frames as imputed_frames,
    reconstructed_frames as reconstructed_frames,
)
from .references import reference_nlls as reference_nlls
from .sampling import (
    Sample as Sample,
    continuation as continuation,
    reconstruct as reconstruct,
    sample as sample,
)
from .scores import Scores as Scores
from .smc import smc_nll as smc_nll
