"""Charts: pure functions from arrays to plotly figures, deterministic to the byte.

Values are in nats per frame unless a docstring says otherwise. No module here imports streamlit.
"""

from pages.ui.charts.field import vector_field_chart
from pages.ui.charts.forecast import (
    Fan,
    calibration,
    fan_chart,
    scores_by_horizon,
    simulations,
    symbol_shares,
)
from pages.ui.charts.latent import kl_per_dimension, per_frame
from pages.ui.charts.learning import Reference, RunCurve, elbo_curves, runs_overlay
from pages.ui.charts.music import (
    length_histogram,
    pianoroll,
    pitch_class_histogram,
    pitch_histogram,
    pitch_name,
    polyphony_histogram,
)
from pages.ui.charts.paths import ProjectedPath, latent_path_2d, latent_path_3d
from pages.ui.charts.records import ShareCurve, feature_shares, record, shares_over_time
from pages.ui.charts.series import real_sequence, split_series

__all__ = [
    "Fan",
    "ProjectedPath",
    "Reference",
    "RunCurve",
    "ShareCurve",
    "calibration",
    "elbo_curves",
    "fan_chart",
    "feature_shares",
    "kl_per_dimension",
    "latent_path_2d",
    "latent_path_3d",
    "length_histogram",
    "per_frame",
    "pianoroll",
    "pitch_class_histogram",
    "pitch_histogram",
    "pitch_name",
    "polyphony_histogram",
    "real_sequence",
    "record",
    "runs_overlay",
    "scores_by_horizon",
    "shares_over_time",
    "simulations",
    "split_series",
    "symbol_shares",
    "vector_field_chart",
]
