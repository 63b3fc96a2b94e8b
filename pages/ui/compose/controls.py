"""The controls of drawing: which alternative, how many, how warm. All stand in the address."""

import secrets

import streamlit as st

from dmm_core.errors import DataError
from pages.ui.address import choose
from pages.ui.compose.request import (
    MOST_COUNT,
    MOST_QUARTERS,
    CompositionRequest,
    Mode,
    NoteConstraints,
)
from pages.ui.compose.start import Inputs

__all__ = ["ORIGINAL", "ask_another", "ask_heard", "ask_plan", "ask_seed"]

ORIGINAL = 0
"""In the place of an alternative's number: the piece that was given."""

_FIRST_SEED = 1
_SEEDS = 1_000_000
_WITH_ORIGINAL = ("infill", "reconstruct")


def ask_seed(label: str = "Compose another") -> int:
    """The seed, and a button that takes another one."""
    ask_another(label)
    return _seed()


def ask_another(label: str = "Compose another", *, primary: bool = False) -> None:
    """The button that takes another seed."""
    st.button(
        label,
        icon=":material/casino:",
        key="another",
        type="primary" if primary else "secondary",
        on_click=_another,
    )


def ask_plan(mode: Mode, grid: int, given: Inputs) -> CompositionRequest:
    """What is drawn; nothing is kept to yet.

    Args:
        mode: what is drawn given what.
        grid: frames of a quarter note.
        given: what is given.
    """
    frames = given.start.length if given.start else 1
    if given.start and given.other:
        frames = max(frames, given.other.length)
    z_temperature, sweep, arcs = 1.0, False, True
    count = st.number_input(
        "Alternatives",
        min_value=1,
        max_value=MOST_COUNT,
        value=4,
        key="count",
        bind="query-params",
        on_change=_hear_the_first,
        help="Drawn together from one seed.",
    )
    if mode in ("new", "continue"):
        frames = st.number_input(
            "Frames",
            min_value=4,
            max_value=MOST_QUARTERS * grid,
            value=64 * grid,
            step=4,
            key="frames",
            bind="query-params",
            help=f"Time steps to compose; {grid} make a quarter note.",
        )
    if mode == "morph":
        sweep = st.toggle(
            "Go from one to the other within the piece",
            key="sweep",
            bind="query-params",
            help="Otherwise each alternative stands still, one step further from the first piece "
            "to the second.",
        )
        arcs = st.toggle(
            "Along arcs",
            value=True,
            key="arcs",
            bind="query-params",
            help="Arcs keep a state as far from the origin as the two it lies between; straight "
            "lines cut across, where the model has seldom been.",
        )
    if mode != "reconstruct":
        z_temperature = _temperature(
            "Temperature of z",
            "zt",
            "How far the latent state strays at each step; 0 follows the mean.",
        )
    x_temperature = _temperature(
        "Temperature of x",
        "xt",
        "How freely notes are drawn from their probabilities; "
        "0 is the threshold: the notes that are more likely than not.",
    )
    return CompositionRequest(
        mode,
        int(count),
        int(frames),
        z_temperature,
        x_temperature,
        _seed(),
        NoteConstraints(),
        given.region,
        sweep,
        arcs,
    )


def ask_heard(count: int, mode: Mode) -> int:
    """Which alternative is heard, or the `ORIGINAL`.

    Raises:
        DataError: if the address names an alternative that there is not.
    """
    options = [str(number) for number in range(1, min(count, MOST_COUNT) + 1)]
    if mode in _WITH_ORIGINAL:
        options.append(str(ORIGINAL))
    hear = choose(
        "Alternative",
        options,
        key="hear",
        show=lambda text: "Original" if int(text) == ORIGINAL else text,
        few=True,
    )
    if hear is None:
        raise DataError("There is no such alternative; choose one of those above.")
    return int(hear)


def _temperature(label: str, key: str, help: str) -> float:
    return st.slider(
        label,
        min_value=0.0,
        max_value=2.0,
        value=1.0,
        step=0.05,
        key=key,
        bind="query-params",
        help=help,
    )


def _seed() -> int:
    seed = st.number_input(
        "Seed",
        min_value=0,
        max_value=_SEEDS - 1,
        value=_FIRST_SEED,
        key="seed",
        bind="query-params",
        help="The same seed gives the same music.",
        width=150,
    )
    return int(seed)


def _another() -> None:
    st.session_state.seed = secrets.randbelow(_SEEDS)


def _hear_the_first() -> None:
    st.query_params.pop("hear", None)
