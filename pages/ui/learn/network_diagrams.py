"""A diagram of each inference network that shows its inputs."""

from functools import lru_cache

__all__ = ["INPUTS", "diagram"]

# An image does not depend on the theme, so both colours are legible on light and dark backgrounds.
_LIT = "#1e827b"
_DIM = "#717581"
_STEPS = 5
_NOW = 2
_GAP, _RADIUS = 46, 15
_TOP, _BOTTOM = 26, 100

INPUTS = {
    "MF-L": "the past",
    "MF-R": "the future",
    "MF-LR": "past and future",
    "ST-L": "the previous state and the past",
    "DKS": "the previous state and the future",
    "ST-LR": "the previous state, past and future",
}
"""The inputs from which each network infers a state."""


@lru_cache(maxsize=len(INPUTS))
def diagram(name: str) -> str:
    """Return the diagram of one network as SVG; its inputs are filled circles with arrows to z_t.

    Args:
        name: one of `INPUTS`.
    """
    past, future = name.endswith(("-L", "-LR")), name.endswith(("R", "DKS"))
    marks = [
        _arrow(_x(i), _BOTTOM, _x(_NOW), _TOP)
        for i in range(_STEPS)
        if _seen(i, past=past, future=future)
    ]
    if not name.startswith("MF"):
        marks.append(_arrow(_x(_NOW - 1), _TOP, _x(_NOW), _TOP))
    for i in range(_STEPS):
        before = i == _NOW - 1 and not name.startswith("MF")
        marks.append(_circle(_x(i), _TOP, f"z{_sub(i)}", filled=before, lit=before or i == _NOW))
        seen = _seen(i, past=past, future=future)
        marks.append(_circle(_x(i), _BOTTOM, f"x{_sub(i)}", filled=seen, lit=seen))
    width = _x(_STEPS - 1) + 26
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_BOTTOM + 26}" '
        f'font-family="sans-serif" font-size="11" text-anchor="middle">{"".join(marks)}</svg>'
    )


def _x(step: int) -> int:
    return 26 + _GAP * step


def _seen(step: int, *, past: bool, future: bool) -> bool:
    return (past and step <= _NOW) or (future and step >= _NOW)


def _sub(step: int) -> str:
    offset = step - _NOW
    shown = "t" if not offset else f"t{offset:+d}".replace("-", "−")  # noqa: RUF001
    return f'<tspan baseline-shift="sub" font-size="8">{shown}</tspan>'


def _circle(x: int, y: int, label: str, *, filled: bool, lit: bool) -> str:
    colour = _LIT if lit else _DIM
    fill, text = (colour, "#ffffff") if filled else ("none", colour)
    return (
        f'<circle cx="{x}" cy="{y}" r="{_RADIUS}" fill="{fill}" stroke="{colour}" '
        f'stroke-width="{2.5 if lit else 1.2}"/><text x="{x}" y="{y + 3}" fill="{text}">{label}'
        "</text>"
    )


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    """Return an arrow from the edge of one circle to the edge of another."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / length, (y2 - y1) / length
    start = (x1 + dx * _RADIUS, y1 + dy * _RADIUS)
    tip = (x2 - dx * (_RADIUS + 2), y2 - dy * (_RADIUS + 2))
    base = (tip[0] - dx * 7, tip[1] - dy * 7)
    left = (base[0] - dy * 3, base[1] + dx * 3)
    right = (base[0] + dy * 3, base[1] - dx * 3)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, left, right))
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{base[0]:.1f}" y2="{base[1]:.1f}" '
        f'stroke="{_LIT}" stroke-width="1.6"/><polygon points="{points}" fill="{_LIT}"/>'
    )
