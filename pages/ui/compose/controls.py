"""The controls of composing: what is drawn, and how it is played. All stand in the address."""

import secrets

import streamlit as st

from dmm_core.errors import DataError
from pages.ui.address import choose
from pages.ui.compose.drawing import MOST_COUNT, MOST_QUARTERS, Mode, Plan
from pages.ui.compose.performance import INSTRUMENTS, OCTAVES, TEMPOS, Performance

__all__ = ["ORIGINAL", "ask_performance", "ask_plan", "ask_seed"]

ORIGINAL = 0
"""In the place of an alternative's number: the piece that was reconstructed."""

_FIRST_SEED = 1
_SEEDS = 1_000_000


def ask_seed(label: str = "Compose another") -> int:
    """The seed, and a button that takes another one."""
    st.button(label, icon=":material/casino:", key="another", on_click=_another)
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


def ask_plan(mode: Mode, grid: int, *, given: int) -> tuple[Plan, int]:
    """What is drawn, and which alternative of it is heard; it may be the `ORIGINAL`.

    Args:
        mode: from nothing, after a start, or through the posterior.
        grid: frames of a quarter note.
        given: frames of the piece that is continued or reconstructed.

    Raises:
        DataError: if the address names an alternative that there is not.
    """
    frames, z_temperature = given, 1.0
    with st.grid("auto", min_column_width=150, vertical_alignment="bottom"):
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
        if mode != "reconstruct":
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
            z_temperature = st.slider(
                "Temperature of z",
                min_value=0.0,
                max_value=2.0,
                value=1.0,
                step=0.05,
                key="zt",
                bind="query-params",
                help="How far the latent state strays at each step; 0 follows the mean.",
            )
        x_temperature = st.slider(
            "Temperature of x",
            min_value=0.0,
            max_value=2.0,
            value=1.0,
            step=0.05,
            key="xt",
            bind="query-params",
            help="How freely notes are drawn from their probabilities; "
            "0 is the threshold: the notes that are more likely than not.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hear = _ask_heard(int(count), with_original=mode == "reconstruct")
        st.space("stretch")
        seed = ask_seed()
    return Plan(mode, int(count), int(frames), z_temperature, x_temperature, seed), hear


def ask_performance(grid: int, *, strike: bool, octave: int) -> tuple[Performance, int]:
    """How it is played, and by how many octaves it is moved.

    Args:
        grid: frames of a quarter note.
        strike: whether every frame is struck anew unless somebody says otherwise.
        octave: octaves by which it is moved unless somebody says otherwise.
    """
    octaves = sorted(map(str, OCTAVES), key=lambda text: int(text) != octave)
    with st.grid("auto", min_column_width=170, vertical_alignment="bottom"):
        instrument = choose(
            "Instrument",
            list(INSTRUMENTS),
            key="instrument",
            show=lambda name: INSTRUMENTS[name].title,
        )
        tempo = st.slider(
            "Tempo",
            min_value=TEMPOS[0],
            max_value=TEMPOS[1],
            value=90,
            step=5,
            key="tempo",
            bind="query-params",
            help="Quarter notes a minute.",
        )
        moved = choose("Octave", octaves, key="octave", show=_octave)
        articulation = choose(
            "Repeated notes",
            ["strike", "tie"] if strike else ["tie", "strike"],
            key="notes",
            show={"strike": "Strike each", "tie": "Tie"}.__getitem__,
            few=True,
        )
    performance = Performance(
        steps_per_quarter=grid,
        tempo=int(tempo),
        rearticulate=articulation == "strike",
        instrument=instrument or "piano",
    )
    return performance, int(moved or octave)


def _ask_heard(count: int, *, with_original: bool) -> int:
    options = [str(number) for number in range(1, min(count, MOST_COUNT) + 1)]
    if with_original:
        options.append(str(ORIGINAL))
    hear = choose(
        "Alternative",
        options,
        key="hear",
        show=lambda text: "The original" if int(text) == ORIGINAL else text,
        few=True,
    )
    if hear is None:
        raise DataError("There is no such alternative; choose one of those above.")
    return int(hear)


def _octave(text: str) -> str:
    octaves = int(text)
    if octaves == 0:
        return "As written"
    unit = "octave" if abs(octaves) == 1 else "octaves"
    return f"{abs(octaves)} {unit} {'up' if octaves > 0 else 'down'}"


def _another() -> None:
    st.session_state.seed = secrets.randbelow(_SEEDS)


def _hear_the_first() -> None:
    st.query_params.pop("hear", None)
