from .grid_filter import grid_smoother as grid_smoother
from .kalman import (
    kalman_filter as kalman_filter,
    kalman_forecast as kalman_forecast,
    kalman_smoother as kalman_smoother,
)
from .ukf import unscented_smoother as unscented_smoother
