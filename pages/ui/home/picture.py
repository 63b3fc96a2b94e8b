"""A picture of the graphical model, with one of its three parts highlighted."""

from functools import lru_cache
from typing import NamedTuple
from xml.etree import ElementTree

import streamlit as st

from dmm_core.system.files import assets
from pages.ui.address import choose

__all__ = ["draw", "drawing"]

_SVG = "http://www.w3.org/2000/svg"
# An image does not know the theme, so both colours are legible on light and dark backgrounds.
_HIGHLIGHT = "#1e827b"
_MUTED = "#717581"
_ALT = (
    "A chain of latent states z from left to right. Each state emits a frame x below it. Below the "
    "frames, an RNN h reads them backwards, with arrows to the states."
)


class _Part(NamedTuple):
    title: str
    description: str
    equation: str
    groups: tuple[str, ...]


_PARTS = {
    "transition": _Part(
        "Transition",
        "The **latent state** z changes from frame to frame. A neural network gives the mean and "
        "the standard deviation of the next state. The state carries the plan of the music.",
        r"p(z_t \mid z_{t-1}) = \mathcal{N}\bigl(\mathrm{loc}(z_{t-1}),\ \mathrm{scale}(z_{t-1})^2"
        r"\bigr)",
        ("transition", "latent"),
    ),
    "emission": _Part(
        "Emission",
        "Each state **emits** a frame x. A second network gives the probability of every note of "
        "the keyboard, and the notes are sampled from these probabilities.",
        r"p(x_t \mid z_t) = \prod_{k=1}^{88} \mathrm{Bernoulli}\bigl(x_{tk};\ \pi_k(z_t)\bigr)",
        ("emission", "observed", "latent"),
    ),
    "inference": _Part(
        "Inference",
        "To learn from music, an **inference network** q reads the frames, including future ones, "
        "and infers the states that produced them. Both are trained together on one bound.",
        r"\mathrm{bound} = \underbrace{-\mathbb{E}_q \log p(x \mid z)}_{\mathrm{nll}} + "
        r"\underbrace{\mathrm{KL}(q\,\|\,p)}_{\mathrm{kl}}",
        ("inference", "observed", "summary", "latent"),
    ),
}


@st.fragment
def draw() -> None:
    """Draw the picture and the choice of its part; a fragment, so that music keeps playing."""
    picture_place, text_place = st.columns([5, 6], vertical_alignment="center", gap="large")
    with text_place:
        name = choose(
            "Part of the model",
            list(_PARTS),
            key="part",
            format_func=lambda name: _PARTS[name].title,
            segmented=True,
            show_label=False,
        )
        part = _PARTS[name or "transition"]
        st.markdown(part.description)
        st.latex(part.equation)
    with picture_place:
        st.image(
            drawing(name or "transition"),
            width="stretch",
            alt=f"{_ALT} {part.title} is highlighted.",
        )


@lru_cache(maxsize=len(_PARTS))
def drawing(name: str) -> str:
    """The picture as SVG, with one part in the accent colour and thicker lines.

    Args:
        name: transition, emission or inference.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.parse(assets() / "dmm.svg").getroot()
    for group in root.findall(f"{{{_SVG}}}g"):
        highlighted = group.get("id") in _PARTS[name].groups
        group.set("color", _HIGHLIGHT if highlighted else _MUTED)
        group.set("stroke-width", "3.5" if highlighted else "1.5")
    return ElementTree.tostring(root, encoding="unicode")
