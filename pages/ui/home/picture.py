"""The graphical model as a picture, one of its three parts at a time in the light."""

from functools import lru_cache
from typing import NamedTuple
from xml.etree import ElementTree

import streamlit as st

from dmm_core.system.files import assets
from pages.ui.address import choose

__all__ = ["draw", "drawing"]

_SVG = "http://www.w3.org/2000/svg"
# A picture knows no theme: both colours read on the light ground and on the dark one.
_LIT = "#1e827b"
_DIM = "#717581"
_ALT = (
    "A chain of latent states z from left to right; each emits a frame x below it; below, an RNN h "
    "reads the frames backwards and points at the states."
)


class _Part(NamedTuple):
    title: str
    says: str
    equation: str
    groups: tuple[str, ...]


_PARTS = {
    "transition": _Part(
        "Transition",
        "The **latent state** z moves from frame to frame: a neural network says where the next "
        "one is expected, and how far it may stray. That is the music's plan.",
        r"p(z_t \mid z_{t-1}) = \mathcal{N}\bigl(\mathrm{loc}(z_{t-1}),\ \mathrm{scale}(z_{t-1})^2"
        r"\bigr)",
        ("transition", "latent"),
    ),
    "emission": _Part(
        "Emission",
        "Each state **emits** a frame x: a second network gives every note of the keyboard its "
        "probability, and the notes are drawn from them.",
        r"p(x_t \mid z_t) = \prod_{k=1}^{88} \mathrm{Bernoulli}\bigl(x_{tk};\ \pi_k(z_t)\bigr)",
        ("emission", "observed", "latent"),
    ),
    "inference": _Part(
        "Inference",
        "To learn from music, an **inference network** q looks at what is heard, the future "
        "included, and infers the states behind it; both are trained together on one bound.",
        r"\mathrm{bound} = \underbrace{-\mathbb{E}_q \log p(x \mid z)}_{\mathrm{nll}} + "
        r"\underbrace{\mathrm{KL}(q\,\|\,p)}_{\mathrm{kl}}",
        ("inference", "observed", "summary", "latent"),
    ),
}


@st.fragment
def draw() -> None:
    """Draw the picture with the choice of its part; music that plays goes on meanwhile."""
    picture_place, words_place = st.columns([5, 6], vertical_alignment="center", gap="large")
    with words_place:
        name = choose(
            "Part of the model",
            list(_PARTS),
            key="part",
            show=lambda name: _PARTS[name].title,
            few=True,
            labelled=False,
        )
        part = _PARTS[name or "transition"]
        st.markdown(part.says)
        st.latex(part.equation)
    with picture_place:
        st.image(
            drawing(name or "transition"), width="stretch", alt=f"{_ALT} {part.title} stands out."
        )


@lru_cache(maxsize=len(_PARTS))
def drawing(name: str) -> str:
    """The picture as SVG, one part in the accent and in stronger lines.

    Args:
        name: transition, emission or inference.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.parse(assets() / "dmm.svg").getroot()
    for group in root.findall(f"{{{_SVG}}}g"):
        lit = group.get("id") in _PARTS[name].groups
        group.set("color", _LIT if lit else _DIM)
        group.set("stroke-width", "3.5" if lit else "1.5")
    return ElementTree.tostring(root, encoding="unicode")
