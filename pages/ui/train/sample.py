"""What a run composes: after some epochs while it trains, and in the end; played and downloaded."""

import numpy as np
import streamlit as st

from dmm_core.data.catalogue import DATASETS
from dmm_core.data.uploads.reader import list_uploads
from dmm_core.errors import DMMError, RunError
from dmm_core.music.midi import midi_from_notes, read_midi
from dmm_core.music.pianoroll import PITCHES, rearticulates_by_default, roll_from_notes
from dmm_core.music.transposition import transposed
from dmm_core.runs.bundled import load_model
from dmm_core.runs.rendering import TEMPO, compose_midi, to_notes
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, Status
from dmm_core.runs.store import find_run
from pages.ui import frame
from pages.ui.datasets import sound
from pages.ui.pitch import sounding_shift_of
from pages.ui.player import player

__all__ = ["draw_sample", "steps_of"]

_TRAINED = "trained"
_SILENCE = np.zeros((1, PITCHES), bool)


def draw_sample(run: Run, status: Status) -> None:
    """Draw a player with a choice of the run's samples; nothing for data that are no music.

    A newer sample joins the choice, and does not cut off the one that is being heard.
    """
    steps = steps_of(run)
    if steps is None:
        return
    heard = {path.stem: path for path in reversed(run.samples())}
    trained = (
        [_TRAINED] if status.state not in ACTIVE and any(run.checkpoints.glob("*.json")) else []
    )
    options = [*trained, *heard]
    if not options:
        if status.state in ACTIVE:
            st.caption("Some twenty seconds into the training, here is its first music.")
        return
    st.subheader("Listen", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"sample.{run.id}"
        if st.session_state.get(key) not in options:
            st.session_state[key] = options[0]
        chosen = st.selectbox("Composed", options, format_func=_when, key=key, width=300)
        try:
            midi = heard[chosen].read_bytes() if chosen in heard else _piece(run.id, _version(run))
            roll = _heard(midi, steps, run.config().data.name)
        except DMMError as error:
            st.error(frame.escape_markdown(str(error)), icon=":material/error:")
            return
        st.download_button(
            "MIDI",
            midi_from_notes(to_notes(roll, steps_per_quarter=steps), tempo=TEMPO),
            file_name=f"{run.id}-{chosen}.mid",
            mime="audio/midi",
            icon=":material/download:",
            on_click="ignore",
            key="midi",
        )
    _draw_player(roll, steps, _when(chosen))


def steps_of(run: Run) -> int | None:
    """Frames of a quarter note of the data that `run` learns from, or None where it is no music."""
    data = run.config().data.name
    if data in DATASETS:
        return DATASETS[data].spec.steps_per_quarter
    grids = {info.spec.name: info.spec.steps_per_quarter for info in list_uploads()}
    if data in grids:
        return grids[data]
    try:  # not on this machine: the checkpoint knows
        return run.data().steps_per_quarter
    except RunError:
        return None


@st.cache_data(max_entries=32, show_spinner="Composing")
def _piece(run_id: str, version: str) -> bytes:
    """A short piece by the run's best weights, as MIDI, kept for the same run and version.

    Raises:
        RunError: if the run is gone, or has no sound checkpoint.
    """
    source = find_run(run_id)
    return compose_midi(load_model(source), source.data())


def _heard(midi: bytes, steps: int, data: str) -> np.ndarray:
    """The roll of a sample, in the octave in which music like its data is heard."""
    notes = read_midi(midi).notes
    roll = roll_from_notes(notes, tempo=60.0, steps_per_quarter=steps) if notes else _SILENCE
    return transposed(roll, sounding_shift_of(data))


def _draw_player(roll: np.ndarray, steps: int, title: str) -> None:
    if not roll.any():
        st.caption("It composed silence: the model has not learned any notes yet.")
        return
    strike = rearticulates_by_default(steps)
    player(
        roll=roll,
        wav=sound(roll, tempo=TEMPO, steps_per_quarter=steps, rearticulate=strike),
        steps_per_quarter=steps,
        tempo=TEMPO,
        rearticulate=strike,
        key="sample",
        title=title,
        height=340,
    )


def _version(run: Run) -> str:
    """Another one whenever the run has trained further."""
    return max(path.name for path in run.checkpoints.glob("*.json"))


def _when(choice: str) -> str:
    if choice == _TRAINED:
        return "By the trained model"
    return f"After epoch {int(choice.removeprefix('epoch-')):,}"
