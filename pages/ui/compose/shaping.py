"""The controls of what the notes keep to, and of how they are played. All stand in the address."""

import streamlit as st

from dmm_core.errors import DataError
from dmm_core.music.key import tonic_name
from dmm_core.music.pianoroll import HIGHEST, LOWEST
from dmm_core.music.scales import SCALES
from dmm_core.music.swing import STRAIGHT, SWINGS
from pages.ui import charts
from pages.ui.address import choose, choose_range
from pages.ui.compose.performance import INSTRUMENTS, OCTAVES, TEMPOS, Performance
from pages.ui.compose.request import DENSITIES, VOICES, NoteConstraints

__all__ = ["ask_constraints", "ask_performance", "in_words"]

_ANY = "any"


def ask_constraints(to_sound: int) -> NoteConstraints:
    """What the notes keep to.

    Args:
        to_sound: semitones that move the model's notes to where they sound.

    Raises:
        DataError: if the address names voices, a scale, a key note or a register that do not exist.
    """
    voices = choose(
        "Voices",
        list(VOICES),
        key="voices",
        show=lambda name: VOICES[name].title,
        help="How many notes sound at once. All choices but the first also avoid notes a semitone "
        "apart. Of all frames that meet this, each keeps the relative probability that the model "
        "gives it: exactly for a Bernoulli emission, approximately for a NADE.",
    )
    scale = choose("Scale", [_ANY, *SCALES], key="scale", show=_scale)
    tonic = choose(
        "Key note",
        [str(n) for n in range(12)],
        key="tonic",
        show=lambda n: tonic_name(int(n), _is_minor(scale)),
    )
    register = choose_range(
        "Register",
        range(LOWEST, HIGHEST + 1),
        key="register",
        default=(LOWEST, HIGHEST),
        show=charts.pitch_name,
        help="Lowest and highest pitch, as heard.",
    )
    if voices is None or scale is None or tonic is None or register is None:
        raise DataError(
            "There are no such voices, scale, key note or register; choose others under Notes."
        )
    density = st.slider(
        "Density",
        min_value=DENSITIES[0],
        max_value=DENSITIES[1],
        value=0.0,
        step=0.1,
        key="density",
        bind="query-params",
        help="Below 0 fewer notes, above 0 more: this is added to the logit of each note. It has "
        "no effect when the number of voices is fixed.",
    )
    st.caption("Every composed frame meets all of these; music that is given is not changed.")
    return NoteConstraints(
        None if scale == _ANY else scale, int(tonic), *register, density, to_sound, voices
    )


def in_words(keep: NoteConstraints) -> str:
    """The constraints as they stand in a title: "four voices, A minor, C3 to C5"."""
    parts = []
    if keep.voices != "any":
        title = VOICES[keep.voices].title
        parts.append(title[0].lower() + title[1:])
    if keep.scale is not None:
        tonic = tonic_name(keep.tonic, _is_minor(keep.scale))
        parts.append(f"{tonic} {_scale(keep.scale).lower()}")
    if (keep.lowest, keep.highest) != (LOWEST, HIGHEST):
        parts.append(f"{charts.pitch_name(keep.lowest)} to {charts.pitch_name(keep.highest)}")
    if keep.density:
        parts.append("denser" if keep.density > 0 else "sparser")
    return ", ".join(parts)


def ask_performance(grid: int, *, strike: bool, octave: int) -> tuple[Performance, int]:
    """How it is played, and by how many octaves it is moved.

    Args:
        grid: frames of a quarter note.
        strike: whether every frame is struck anew unless somebody says otherwise.
        octave: octaves by which it is moved unless somebody says otherwise.
    """
    octaves = sorted(map(str, OCTAVES), key=lambda text: int(text) != octave)
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
    swing = STRAIGHT
    if grid > 1:
        percent = st.slider(
            "Swing",
            min_value=round(100 * SWINGS[0]),
            max_value=round(100 * SWINGS[1]),
            value=round(100 * STRAIGHT),
            format="%d %%",
            key="swing",
            bind="query-params",
            help="Where a quarter note's second half begins: 50 is straight, 67 a triplet's feel.",
        )
        swing = percent / 100
    moved = choose("Octave", octaves, key="octave", show=_octave)
    articulation = choose(
        "Repeated notes",
        ["strike", "tie"] if strike else ["tie", "strike"],
        key="notes",
        show={"strike": "Strike each", "tie": "Tie"}.__getitem__,
        few=True,
    )
    if grid == 1:
        st.caption("A frame is a quarter note here, so there is nothing to swing.")
    performance = Performance(
        steps_per_quarter=grid,
        tempo=int(tempo),
        rearticulate=articulation == "strike",
        instrument=instrument or "piano",
        swing=swing,
    )
    return performance, octave if moved is None else int(moved)


def _is_minor(scale: str | None) -> bool:
    """Whether a scale has the minor third and not the major one."""
    steps = SCALES.get(scale or "", ())
    return 3 in steps and 4 not in steps


def _scale(name: str) -> str:
    return "Every note" if name == _ANY else name.replace("-", " ").capitalize()


def _octave(text: str) -> str:
    octaves = int(text)
    if octaves == 0:
        return "As written"
    unit = "octave" if abs(octaves) == 1 else "octaves"
    return f"{abs(octaves)} {unit} {'up' if octaves > 0 else 'down'}"
