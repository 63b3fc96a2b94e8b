"""A player with the samples that a run composes during training, and by the trained model."""

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
from pages.ui.datasets import roll_to_wav
from pages.ui.pitch import sounding_shift_of
from pages.ui.player import player

__all__ = ["draw_sample", "steps_of"]

_TRAINED = "trained"
_SILENCE = np.zeros((1, PITCHES), bool)


def draw_sample(run: Run, status: Status) -> None:
    """Draw a player with a choice of the run's samples; nothing if its data are not music.

    A new sample is added to the choice without interrupting the one that is playing.
    """
    steps = steps_of(run)
    if steps is None:
        return
    samples = {path.stem: path for path in reversed(run.samples())}
    trained = (
        [_TRAINED] if status.state not in ACTIVE and any(run.checkpoints.glob("*.json")) else []
    )
    options = [*trained, *samples]
    if not options:
        if status.state in ACTIVE:
            st.caption("The first sample will appear here after about 20 seconds of training.")
        return
    st.subheader("Listen", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"sample.{run.id}"
        if st.session_state.get(key) not in options:
            st.session_state[key] = options[0]
        chosen = st.selectbox("Sample", options, format_func=_sample_label, key=key, width=300)
        try:
            if chosen in samples:
                midi = samples[chosen].read_bytes()
            else:
                midi = _compose(run.id, _version(run))
            roll = _sounding_roll(midi, steps, run.config().data.name)
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
    _draw_player(roll, steps, _sample_label(chosen))


def steps_of(run: Run) -> int | None:
    """Return the frames per quarter note of the data of `run`, or None if they are not music."""
    data = run.config().data.name
    if data in DATASETS:
        return DATASETS[data].spec.steps_per_quarter
    grids = {info.spec.name: info.spec.steps_per_quarter for info in list_uploads()}
    if data in grids:
        return grids[data]
    try:  # the data set is not on this machine, but the checkpoint describes it
        return run.data().steps_per_quarter
    except RunError:
        return None


@st.cache_data(max_entries=32, show_spinner="Composing")
def _compose(run_id: str, version: str) -> bytes:
    """Compose a short piece with the run's best weights, once for each version, as MIDI.

    Raises:
        RunError: if the run does not exist, or has no valid checkpoint.
    """
    source = find_run(run_id)
    return compose_midi(load_model(source), source.data())


def _sounding_roll(midi: bytes, steps: int, data: str) -> np.ndarray:
    """Return the piano-roll of a sample, transposed from the data's octave to sounding pitch."""
    notes = read_midi(midi).notes
    roll = roll_from_notes(notes, tempo=60.0, steps_per_quarter=steps) if notes else _SILENCE
    return transposed(roll, sounding_shift_of(data))


def _draw_player(roll: np.ndarray, steps: int, title: str) -> None:
    if not roll.any():
        st.caption("This sample is silent, because the model has not learned to play notes yet.")
        return
    strike = rearticulates_by_default(steps)
    player(
        roll=roll,
        wav=roll_to_wav(roll, tempo=TEMPO, steps_per_quarter=steps, rearticulate=strike),
        steps_per_quarter=steps,
        tempo=TEMPO,
        rearticulate=strike,
        key="sample",
        title=title,
        height=340,
    )


def _version(run: Run) -> str:
    """Return the name of the newest checkpoint, which changes when training continues."""
    return max(path.name for path in run.checkpoints.glob("*.json"))


def _sample_label(choice: str) -> str:
    if choice == _TRAINED:
        return "Trained model"
    return f"After epoch {int(choice.removeprefix('epoch-')):,}"
