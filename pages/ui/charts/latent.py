"""Charts of nll and kl per frame, and of kl per latent dimension."""

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import NEUTRAL, colour, figure, float32, text_annotation, thin_indices

__all__ = ["kl_per_dimension", "per_frame"]


def per_frame(nll: np.ndarray, kl: np.ndarray) -> go.Figure:
    """The nll and the kl of every frame, one above the other.

    Args:
        nll: (T,) nll of each frame in nats.
        kl: (T,) kl of each frame in nats.
    """
    keep = thin_indices(len(nll))
    strips = (("nll", nll, "y"), ("kl", kl, "y2"))
    traces = [
        go.Scatter(
            x=keep.astype(np.int32),
            y=float32(values)[keep],
            name=name,
            yaxis=axis,
            mode="lines",
            line={"color": colour(i), "shape": "hvh", "width": 1.5},
            fill="tozeroy",
            hovertemplate="%{y:.2f} nats",
        )
        for i, (name, values, axis) in enumerate(strips)
    ]
    return figure(
        traces,
        height=260,
        hovermode="x unified",
        showlegend=False,
        xaxis={"title": {"text": "Frame"}, "anchor": "y2"},
        yaxis={"title": {"text": "nll, nats"}, "domain": [0.56, 1], "rangemode": "tozero"},
        yaxis2={"title": {"text": "kl, nats"}, "domain": [0, 0.44], "rangemode": "tozero"},
    )


def kl_per_dimension(kl: np.ndarray, *, threshold: float) -> go.Figure:
    """Bars of the kl of every latent dimension in descending order, with a threshold line.

    Args:
        kl: (z_dim,) mean kl of each dimension in nats per frame.
        threshold: position of the line in nats per frame.
    """
    order = np.argsort(-np.asarray(kl), kind="stable")
    values = float32(kl)[order]
    active = values > threshold
    bars = go.Bar(
        x=np.arange(1, len(values) + 1, dtype=np.int32),
        y=values,
        customdata=order.astype(np.int32),
        marker={
            "color": [colour(0) if is_active else NEUTRAL for is_active in active],
            "pattern": {"shape": ["" if is_active else "/" for is_active in active]},
        },
        hovertemplate="z[%{customdata}]: %{y:.3f} nats per frame<extra></extra>",
    )
    drawn = figure(
        [bars],
        height=300,
        xaxis={"title": {"text": "Latent dimension, by rank"}},
        yaxis={"title": {"text": "kl, nats per frame"}},
    )
    drawn.add_hline(
        y=threshold,
        line={"color": NEUTRAL, "dash": "dash", "width": 1.5},
        annotation=text_annotation(
            f"kl above {threshold:g} nats: {int(active.sum())} of {len(values)}",
            x=1,
            xanchor="right",
            yanchor="bottom",
        ),
    )
    return drawn
