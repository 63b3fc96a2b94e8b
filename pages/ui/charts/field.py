"""The transition as a vector field on a plane of the latent space."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import NEUTRAL, by_value, figure, float32, thin

__all__ = ["vector_field_chart"]


def vector_field_chart(
    points: np.ndarray,
    moves: np.ndarray,
    residual: np.ndarray,
    *,
    fixed_points: np.ndarray,
    stable: np.ndarray,
    axes: tuple[str, str] = ("PC 1", "PC 2"),
) -> go.Figure:
    """Arrows from z to the transition's mean, on a plane; the colour tells how far it leaves it.

    Arrows are shortened together so that the longest spans a grid step; hovering gives the true
    length. At most 600 are drawn.

    Args:
        points: (N, 2) where the arrows start, in plane coordinates.
        moves: (N, 2) the part of E[z_t given z_{t-1}] - z_{t-1} that stays in the plane.
        residual: (N,) length of the part that leaves the plane, in units of z.
        fixed_points: (M, 2) where the transition's mean stays put; M may be 0.
        stable: (M,) whether each fixed point attracts.
        axes: axis titles.
    """
    keep = thin(len(points), 600)
    start, move = np.asarray(points, float)[keep], np.asarray(moves, float)[keep]
    speed = np.linalg.norm(move, axis=1)
    spread = np.ptp(start, axis=0).max() if len(start) else 1.0
    step = spread / max(np.sqrt(len(start)), 1.0)
    tip = start + move * (step / max(float(speed.max(initial=0.0)), 1e-12))
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
            marker=by_value(
                float32(residual)[keep],
                "Out of plane",
                symbol="arrow",
                size=9,
                cmin=0.0,
                # Where the plane is all there is, what leaves it is rounding.
                cmax=max(float(np.max(residual, initial=0)), 1e-3 * float(speed.max(initial=0))),
                angle=float32(np.degrees(np.arctan2(move[:, 0], move[:, 1]))),
            ),
            customdata=float32(np.column_stack([start, speed])),
            hovertemplate=(
                "from %{customdata[0]:.2f}, %{customdata[1]:.2f}<br>"
                "in the plane %{customdata[2]:.3f}, out of it %{marker.color:.3f}<extra></extra>"
            ),
            showlegend=False,
        ),
    ]
    kinds = (("Attracting fixed point", True, "circle"), ("Other fixed point", False, "x"))
    for name, attracts, symbol in kinds:
        chosen = np.asarray(stable, bool) == attracts
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
