"""The sampling controls: number of alternatives, length, temperatures, seed.

All values are stored in the address.
"""

import secrets

import streamlit as st

from dmm_core.errors import DataError
from pages.ui.address import choose
from pages.ui.compose.inputs import Inputs
from pages.ui.compose.modes import Ask, Mode
from pages.ui.compose.request import MAX_COUNT, MAX_QUARTERS, CompositionRequest

__all__ = ["ORIGINAL", "ask_alternative", "ask_request", "ask_seed", "new_seed_button"]

ORIGINAL = 0
"""Stands for the given piece where the number of an alternative is expected."""

_FIRST_SEED = 1
_SEEDS = 1_000_000


def ask_seed() -> int:
    """Ask for the seed, with a button that chooses a random one."""
    new_seed_button()
    return _seed()


def new_seed_button(*, primary: bool = False) -> None:
    """Draw the button that chooses a random seed.

    Args:
        primary: whether it is the main button of the page.
    """
    st.button(
        "Compose another",
        icon=":material/casino:",
        key="another",
        type="primary" if primary else "secondary",
        on_click=_set_random_seed,
    )


def ask_request(mode: Mode, steps_per_quarter: int, inputs: Inputs) -> CompositionRequest:
    """Ask for the sampling settings that `mode` uses.

    Args:
        mode: how to compose.
        steps_per_quarter: frames per quarter note.
        inputs: the pieces that are given.

    Returns:
        A request without note constraints.
    """
    # Without a control for the length, a piece is as long as the longest piece that is given.
    frames = max([piece.length for piece in (inputs.start, inputs.second) if piece], default=1)
    z_temperature, sweep, arcs = 1.0, False, True
    count = st.number_input(
        "Alternatives",
        min_value=1,
        max_value=MAX_COUNT,
        value=4,
        key="count",
        bind="query-params",
        on_change=_select_first_alternative,
        help="All alternatives are sampled from the same seed.",
    )
    if Ask.FRAMES in mode.asks:
        frames = st.number_input(
            "Frames",
            min_value=4,
            max_value=MAX_QUARTERS * steps_per_quarter,
            value=64 * steps_per_quarter,
            step=4,
            key="frames",
            bind="query-params",
            help="The number of time steps to compose. Frames per quarter note: "
            f"{steps_per_quarter}.",
        )
    if Ask.PATH in mode.asks:
        sweep = st.toggle(
            "Move from the first piece to the second within each alternative",
            key="sweep",
            bind="query-params",
            help="If this is off, each alternative has a constant position between the two pieces.",
        )
        arcs = st.toggle(
            "Spherical interpolation",
            value=True,
            key="arcs",
            bind="query-params",
            help="Spherical interpolation preserves the distance of the latent state from the "
            "origin. Linear interpolation passes closer to the origin, through states that the "
            "model has rarely seen.",
        )
    if Ask.Z_TEMPERATURE in mode.asks:
        z_temperature = _temperature(
            "Temperature of z",
            "zt",
            "Scales the random part of each transition of the latent state. At 0 the state follows "
            "the mean.",
        )
    x_temperature = _temperature(
        "Temperature of x",
        "xt",
        "Scales the randomness with which notes are sampled. At 0 the notes with a probability "
        "above 0.5 are taken.",
    )
    return CompositionRequest(
        mode=mode,
        count=int(count),
        frames=int(frames),
        z_temperature=z_temperature,
        x_temperature=x_temperature,
        seed=_seed(),
        region=inputs.region,
        sweep=sweep,
        arcs=arcs,
    )


def ask_alternative(count: int, mode: Mode) -> int:
    """Ask which alternative to play.

    Args:
        count: number of alternatives.
        mode: how they are composed.

    Returns:
        The number of an alternative, counted from 1, or `ORIGINAL`.

    Raises:
        DataError: if the address names an alternative that does not exist.
    """
    options = [str(number) for number in range(1, min(count, MAX_COUNT) + 1)]
    if mode.has_original:
        options.append(str(ORIGINAL))
    chosen = choose(
        "Alternative",
        options,
        key="hear",
        format_func=lambda text: "Original" if int(text) == ORIGINAL else text,
        segmented=True,
    )
    if chosen is None:
        raise DataError(
            f"The address names an alternative that does not exist; choose one of 1 to {count}."
        )
    return int(chosen)


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
        help="The same seed and settings give the same music.",
        width=150,
    )
    return int(seed)


def _set_random_seed() -> None:
    st.session_state.seed = secrets.randbelow(_SEEDS)


def _select_first_alternative() -> None:
    st.query_params.pop("hear", None)
