"""Paths of the latent state in two or three dimensions, with their uncertainty."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    ACCENT,
    DASHES,
    NEUTRAL,
    SYMBOLS,
    colour,
    colour_by_value,
    figure,
    float32,
    label,
    text_colour,
    thin_indices,
)

__all__ = ["ProjectedPath", "latent_path_2d", "latent_path_3d"]

_RINGS = 60
_CORNERS = 24
_TUBE = 240
_SIDES = 8


class ProjectedPath(NamedTuple):
    """A projected path of the latent state.

    Attributes:
        name: name of the sequence or of the distribution.
        loc: (T, k) projected means.
        covariance: (T, k, k) projected covariances, or None to draw no uncertainty.
    """

    name: str
    loc: np.ndarray
    covariance: np.ndarray | None = None


def latent_path_2d(
    paths: Sequence[ProjectedPath],
    *,
    axes: tuple[str, str] = ("PC 1", "PC 2"),
    deviations: float = 1,
) -> go.Figure:
    """Paths in a plane with ellipses of their uncertainty, and marks at start and end.

    A single path is coloured by time. Several paths have different colours, dashes and symbols.

    Args:
        paths: paths with k = 2.
        axes: axis titles.
        deviations: radius of the ellipses in standard deviations.
    """
    traces: list[Any] = [
        _ellipses(path, deviations, _ink(i, len(paths)))
        for i, path in enumerate(paths)
        if path.covariance is not None
    ]
    for i, path in enumerate(paths):
        keep = thin_indices(len(path.loc))
        x, y = float32(path.loc)[keep].T
        one = len(paths) == 1
        traces.append(
            go.Scatter(
                x=np.ascontiguousarray(x),
                y=np.ascontiguousarray(y),
                name=label(path.name),
                mode="lines+markers",
                line={
                    "color": NEUTRAL if one else colour(i),
                    "width": 1.5,
                    "dash": DASHES[i % len(DASHES)],
                },
                marker=colour_by_value(keep.astype(np.int32), "Frame", size=6)
                if one
                else {"size": 5, "symbol": SYMBOLS[i % len(SYMBOLS)]},
                customdata=keep.astype(np.int32),
                hovertemplate="frame %{customdata}: %{x:.2f}, %{y:.2f}",
            )
        )
        traces.extend(_ends(path, go.Scatter))
    return figure(
        traces,
        height=480,
        xaxis={"title": {"text": axes[0]}},
        yaxis={"title": {"text": axes[1]}, "scaleanchor": "x"},
    )


def latent_path_3d(
    paths: Sequence[ProjectedPath],
    *,
    axes: tuple[str, str, str] = ("PC 1", "PC 2", "PC 3"),
    deviations: float = 1,
) -> go.Figure:
    """Paths in three dimensions with tubes of their uncertainty, and marks at start and end.

    The cross-section of a tube is a circle. Its radius is `deviations` times the square root of the
    mean variance of the three axes.

    Args:
        paths: paths with k = 3.
        axes: axis titles.
        deviations: radius of the tubes in standard deviations.
    """
    traces: list[Any] = []
    for i, path in enumerate(paths):
        if path.covariance is not None and len(path.loc) > 1:
            traces.append(_tube(path, deviations, _ink(i, len(paths))))
        keep = thin_indices(len(path.loc))
        x, y, z = (np.ascontiguousarray(axis) for axis in float32(path.loc)[keep].T)
        one = len(paths) == 1
        marker = {"size": 3, "symbol": "circle"}
        traces.append(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                name=label(path.name),
                mode="lines+markers",
                line={"color": NEUTRAL if one else colour(i), "width": 3},
                marker=colour_by_value(keep.astype(np.int32), "Frame", size=3) if one else marker,
                customdata=keep.astype(np.int32),
                hovertemplate="frame %{customdata}: %{x:.2f}, %{y:.2f}, %{z:.2f}",
            )
        )
        traces.extend(_ends(path, go.Scatter3d))
    scene = {
        f"{letter}axis": {"title": {"text": title}, "backgroundcolor": "rgba(0,0,0,0)"}
        for letter, title in zip("xyz", axes, strict=True)
    }
    return figure(traces, height=560, scene=scene | {"aspectmode": "data"})


def _ends(path: ProjectedPath, kind: type) -> list[Any]:
    marks = (("start", 0, "circle-open"), ("end", -1, "square"))
    letters = "xyz"[: path.loc.shape[1]]
    return [
        kind(
            **{
                letter: float32(path.loc[where : where + 1 or None, d])
                for d, letter in enumerate(letters)
            },
            mode="markers+text",
            text=[name],
            textfont={"color": text_colour()},
            textposition="top center",
            marker={"symbol": symbol, "size": 9 if kind is go.Scatter else 5, "color": NEUTRAL},
            showlegend=False,
            hovertext=f"{name} of {label(path.name)}",
            hovertemplate="%{hovertext}<extra></extra>",
        )
        for name, where, symbol in marks
    ]


def _ink(index: int, count: int) -> str:
    """Return the colour of a path's uncertainty, which is that of the path if there are several."""
    return colour(index) if count > 1 else ACCENT


def _ellipses(path: ProjectedPath, deviations: float, ink: str) -> go.Scatter:
    keep = thin_indices(len(path.loc), _RINGS)
    angle = np.linspace(0, 2 * np.pi, _CORNERS)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    variances, directions = np.linalg.eigh(np.asarray(path.covariance)[keep])
    reach = directions * (deviations * np.sqrt(np.clip(variances, 0, None)))[:, None, :]
    rings = path.loc[keep][:, None, :] + np.swapaxes(reach @ circle, 1, 2)
    gaps = np.full((len(keep), 1, 2), np.nan)
    outline = float32(np.concatenate([rings, gaps], axis=1).reshape(-1, 2))
    return go.Scatter(
        x=np.ascontiguousarray(outline[:, 0]),
        y=np.ascontiguousarray(outline[:, 1]),
        mode="lines",
        fill="toself",
        # Template colours may be names that only the browser resolves, so no alpha can be added.
        fillcolor=ink,
        line={"color": ink, "width": 0},
        opacity=0.18,
        hoverinfo="skip",
        showlegend=False,
    )


def _tube(path: ProjectedPath, deviations: float, ink: str) -> go.Mesh3d:
    keep = thin_indices(len(path.loc), _TUBE)
    centre = np.asarray(path.loc, dtype=float)[keep]
    variance = np.trace(np.asarray(path.covariance)[keep], axis1=1, axis2=2) / 3
    tangent = np.gradient(centre, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    # Two vectors orthogonal to the tangent span the plane of each cross-section.
    helper = np.eye(3)[np.argmin(np.abs(tangent), axis=1)]
    first = np.cross(tangent, helper)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    second = np.cross(tangent, first)
    angle = np.linspace(0, 2 * np.pi, _SIDES, endpoint=False)[None, :, None]
    radius = deviations * np.sqrt(np.clip(variance, 0, None))[:, None, None]
    ring = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    corners = float32(centre[:, None] + radius * ring).reshape(-1, 3)
    start = (np.arange(len(keep) - 1)[:, None] * _SIDES + np.arange(_SIDES)).ravel()
    neighbour = start - start % _SIDES + (start + 1) % _SIDES
    return go.Mesh3d(
        **{letter: np.ascontiguousarray(corners[:, d]) for d, letter in enumerate("xyz")},
        i=np.concatenate([start, neighbour]).astype(np.int32),
        j=np.concatenate([neighbour, neighbour + _SIDES]).astype(np.int32),
        k=np.concatenate([start + _SIDES, start + _SIDES]).astype(np.int32),
        color=ink,
        opacity=0.18 if ink == ACCENT else 0.08,  # several tubes overlap
        hoverinfo="skip",
        showlegend=False,
    )
