"""The transition as a vector field on a plane of the latent space."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import NEUTRAL, colour_by_value, figure, float32, thin_indices

__all__ = ["vector_field_chart"]


def vector_field_chart(
    points: np.ndarray,
    steps: np.ndarray,
    residual: np.ndarray,
    *,
    fixed_points: np.ndarray,
    stable: np.ndarray,
    axes: tuple[str, str] = ("PC 1", "PC 2"),
) -> go.Figure:
    """Arrows in a plane from z to the mean of the transition, coloured by the residual.

    All arrows are scaled by the same factor, so that the longest one spans a grid step. The hover
    text has the true length. At most 600 arrows are drawn.

    Args:
        points: (N, 2) start of each arrow, in coordinates of the plane.
        steps: (N, 2) projection of E[z_t given z_{t-1}] - z_{t-1} on the plane.
        residual: (N,) length of the component of the step orthogonal to the plane.
        fixed_points: (M, 2) fixed points of the transition's mean in the plane; M may be 0.
        stable: (M,) whether each fixed point is stable.
        axes: axis titles.
    """
    keep = thin_indices(len(points), 600)
    start, step = np.asarray(points, float)[keep], np.asarray(steps, float)[keep]
    length = np.linalg.norm(step, axis=1)
    extent = np.ptp(start, axis=0).max() if len(start) else 1.0
    spacing = extent / max(np.sqrt(len(start)), 1.0)
    tip = start + step * (spacing / max(float(length.max(initial=0.0)), 1e-12))
    gap = np.full_like(start, np.nan)
    shafts = float32(np.stack([start, tip, gap], axis=1).reshape(-1, 2))
    traces: list[Any] = [
        go.Scatter(
            x=np.ascontiguousarray(shafts[:, 0]),
            y=np.ascontiguousarray(shafts[:, 1]),
            mode="lines",
            line={"color": NEUTRAL, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            x=float32(tip[:, 0]),
            y=float32(tip[:, 1]),
            name="Transition",
            mode="markers",
            marker=colour_by_value(
                float32(residual)[keep],
                "Out of plane",
                symbol="arrow",
                size=9,
                cmin=0.0,
                # If z has two dimensions, the residual is a rounding error only.
                cmax=max(float(np.max(residual, initial=0)), 1e-3 * float(length.max(initial=0))),
                angle=float32(np.degrees(np.arctan2(step[:, 0], step[:, 1]))),
            ),
            customdata=float32(np.column_stack([start, length])),
            hovertemplate=(
                "start %{customdata[0]:.2f}, %{customdata[1]:.2f}<br>"
                "step in the plane %{customdata[2]:.3f}, out of the plane %{marker.color:.3f}"
                "<extra></extra>"
            ),
            showlegend=False,
        ),
    ]
    kinds = (("Stable fixed point", True, "circle"), ("Other fixed point", False, "x"))
    for name, is_stable, symbol in kinds:
        chosen = np.asarray(stable, bool) == is_stable
        if chosen.any():
            x, y = float32(fixed_points)[chosen].T
            traces.append(
                go.Scatter(
                    x=np.ascontiguousarray(x),
                    y=np.ascontiguousarray(y),
                    name=name,
                    mode="markers",
                    marker={
                        "symbol": symbol,
                        "size": 13,
                        "color": "#e76300",
                        "line": {"width": 1.5, "color": NEUTRAL},
                    },
                    hovertemplate="%{x:.2f}, %{y:.2f}",
                )
            )
    return figure(
        traces,
        height=480,
        xaxis={"title": {"text": axes[0]}},
        yaxis={"title": {"text": axes[1]}, "scaleanchor": "x"},
    )
