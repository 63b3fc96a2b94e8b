"""Charts: pure functions from arrays to plotly figures, deterministic to the byte.

Values are in nats per frame unless a docstring says otherwise. No module here imports streamlit.
"""

from pages.ui.charts.field import vector_field_chart
from pages.ui.charts.latent import kl_per_dimension, per_frame
from pages.ui.charts.learning import Reference, RunCurve, elbo_curves, runs_overlay
from pages.ui.charts.music import (
    length_histogram,
    pianoroll,
    pitch_class_histogram,
    pitch_histogram,
    pitch_name,
    polyphony_histogram,
    real_sequence,
)
from pages.ui.charts.paths import ProjectedPath, latent_path_2d, latent_path_3d
from pages.ui.charts.records import ShareCurve, feature_shares, record, shares_over_time

__all__ = [
    "ProjectedPath",
    "Reference",
    "RunCurve",
    "ShareCurve",
    "elbo_curves",
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
    "shares_over_time",
    "vector_field_chart",
]
