"""The controls of the note constraints and of the performance.

All values are stored in the address.
"""

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


def ask_constraints(sounding_shift: int) -> NoteConstraints:
    """Ask for the constraints on the composed notes.

    Args:
        sounding_shift: semitones from the model's pitch to the sounding pitch.

    Raises:
        DataError: if the address names voices, a scale, a tonic or a register that do not exist.
    """
    voices = choose(
        "Voices",
        list(VOICES),
        key="voices",
        format_func=lambda name: VOICES[name].title,
        help="The number of notes that sound at the same time. All choices but the first also "
        "exclude notes a semitone apart. Frames that meet the constraint keep their relative "
        "probabilities under the model: exactly with a Bernoulli emission, approximately with a "
        "NADE.",
    )
    scale = choose("Scale", [_ANY, *SCALES], key="scale", format_func=_scale_title)
    tonic = choose(
        "Tonic",
        [str(n) for n in range(12)],
        key="tonic",
        format_func=lambda n: tonic_name(int(n), _is_minor(scale)),
    )
    register = choose_range(
        "Register",
        range(LOWEST, HIGHEST + 1),
        key="register",
        default=(LOWEST, HIGHEST),
        format_func=charts.pitch_name,
        help="The lowest and the highest pitch as they sound, after the octave is applied.",
    )
    if voices is None or scale is None or tonic is None or register is None:
        raise DataError(
            "The address names voices, a scale, a tonic or a register that do not exist; choose "
            "others under Notes."
        )
    density = st.slider(
        "Density",
        min_value=DENSITIES[0],
        max_value=DENSITIES[1],
        value=0.0,
        step=0.1,
        key="density",
        bind="query-params",
        help="This number is added to the logit of every note: negative values give fewer notes, "
        "positive values more. It has no effect when the number of voices is fixed.",
    )
    st.caption("Every composed frame meets these constraints. Given music is not changed.")
    return NoteConstraints(
        None if scale == _ANY else scale, int(tonic), *register, density, sounding_shift, voices
    )


def in_words(constraints: NoteConstraints) -> str:
    """The constraints as part of a title, such as "four voices, A minor, C3 to C5"."""
    parts = []
    if constraints.voices != "any":
        title = VOICES[constraints.voices].title
        parts.append(title[0].lower() + title[1:])
    if constraints.scale is not None:
        tonic = tonic_name(constraints.tonic, _is_minor(constraints.scale))
        parts.append(f"{tonic} {_scale_title(constraints.scale).lower()}")
    if (constraints.lowest, constraints.highest) != (LOWEST, HIGHEST):
        parts.append(
            f"{charts.pitch_name(constraints.lowest)} to {charts.pitch_name(constraints.highest)}"
        )
    if constraints.density:
        parts.append("denser" if constraints.density > 0 else "sparser")
    return ", ".join(parts)


def ask_performance(
    steps_per_quarter: int, *, strike: bool, octave: int
) -> tuple[Performance, int]:
    """Ask how the music is played, and by how many octaves it is transposed.

    Args:
        steps_per_quarter: frames per quarter note.
        strike: whether repeated notes are struck again by default.
        octave: default number of octaves.
    """
    octaves = sorted(map(str, OCTAVES), key=lambda text: int(text) != octave)
    instrument = choose(
        "Instrument",
        list(INSTRUMENTS),
        key="instrument",
        format_func=lambda name: INSTRUMENTS[name].title,
    )
    tempo = st.slider(
        "Tempo",
        min_value=TEMPOS[0],
        max_value=TEMPOS[1],
        value=90,
        step=5,
        key="tempo",
        bind="query-params",
        help="Quarter notes per minute.",
    )
    swing = STRAIGHT
    if steps_per_quarter > 1:
        percent = st.slider(
            "Swing",
            min_value=round(100 * SWINGS[0]),
            max_value=round(100 * SWINGS[1]),
            value=round(100 * STRAIGHT),
            format="%d %%",
            key="swing",
            bind="query-params",
            help="The part of a quarter note after which its second half begins: 50 % is straight, "
            "67 % is a triplet rhythm.",
        )
        swing = percent / 100
    chosen_octave = choose("Octave", octaves, key="octave", format_func=_octave_title)
    articulation = choose(
        "Repeated notes",
        ["strike", "tie"] if strike else ["tie", "strike"],
        key="notes",
        format_func={"strike": "Strike each", "tie": "Tie"}.__getitem__,
        segmented=True,
    )
    if steps_per_quarter == 1:
        st.caption("Swing is not available, because a frame of this model is a whole quarter note.")
    performance = Performance(
        steps_per_quarter=steps_per_quarter,
        tempo=int(tempo),
        rearticulate=articulation == "strike",
        instrument=instrument or "piano",
        swing=swing,
    )
    return performance, octave if chosen_octave is None else int(chosen_octave)


def _is_minor(scale: str | None) -> bool:
    """Whether a scale contains the minor third but not the major third."""
    steps = SCALES.get(scale or "", ())
    return 3 in steps and 4 not in steps


def _scale_title(name: str) -> str:
    return "All notes" if name == _ANY else name.replace("-", " ").capitalize()


def _octave_title(text: str) -> str:
    octaves = int(text)
    if octaves == 0:
        return "As written"
    unit = "octave" if abs(octaves) == 1 else "octaves"
    return f"{abs(octaves)} {unit} {'up' if octaves > 0 else 'down'}"
