"""The choice of a trained model: a finished run or a bundled model, stored as ?run=."""

from contextlib import suppress

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run, list_runs
from pages.ui import frame
from pages.ui.address import choose

__all__ = [
    "COMPOSE_MODEL",
    "LATENT_MODEL",
    "available_models",
    "bundled_or_first",
    "pick_run",
    "unique_label",
]

COMPOSE_MODEL = "bundled:voices"
"""Id of the bundled model that composes best, as measured by the command `music-report`."""

LATENT_MODEL = "bundled:chorales"
"""Id of the bundled model whose latent path contains the most information about the music. Its
emission is an independent Bernoulli for each note, so z has to explain all dependence between the
notes of a frame."""

_NO_MODEL = "There is no trained model yet. Train one first."
_NO_OTHER_MODEL = (
    "There is no trained model of data other than music yet. Upload a table on the Data page, or "
    "choose a data set such as linear-gssm, and train a model on it."
)


def pick_run(
    label: str = "Model", *, default: str = COMPOSE_MODEL, music: bool | None = None
) -> Run | BundledModel:
    """Draw the choice of a finished run or a bundled model.

    By default a bundled model is selected, because on a shared server the newest run may be of
    another user. A link may name any run, also one that is still running. If there is no model, or
    the address names one that does not exist, a message is shown and the script stops.

    Args:
        label: label of the widget.
        default: id of the bundled model that is selected if the address names no run. If it does
            not exist, another bundled model or the newest run is selected.
        music: True offers models of music only, False models of other data only. A link may name
            any model.
    """
    listed = {
        id: source
        for id, source in available_models().items()
        if music is None or _suits(source, music=music)
    }
    wanted = st.query_params.get("run")
    if wanted is not None and wanted not in listed:
        with suppress(RunError):
            listed[wanted] = find_run(wanted)
    if not listed:
        st.info(_NO_OTHER_MODEL if music is False else _NO_MODEL, icon=":material/model_training:")
        st.stop()
    if wanted is None:  # stored, so that a copied link keeps its meaning
        model = bundled_or_first(default)
        st.query_params["run"] = model.id if model and model.id in listed else next(iter(listed))
        st.session_state[frame.DEFAULT_RUN] = st.query_params["run"]
    chosen = choose(
        label, list(listed), key="run", format_func=lambda run_id: unique_label(listed[run_id])
    )
    if chosen is None:
        st.error("There is no such run. Choose one above.", icon=":material/error:")
        st.stop()
    return listed[chosen]


def bundled_or_first(id: str) -> BundledModel | None:
    """Return the bundled model `id`, or the first one if it is missing; None if there is none."""
    listed = list_bundled()
    return next((model for model in listed if model.id == id), next(iter(listed), None))


def available_models() -> dict[str, Run | BundledModel]:
    """Return all finished runs, the newest first, and all bundled models, by id."""
    finished = [run for run in list_runs() if run.state() == "finished"]
    return {source.id: source for source in [*finished, *list_bundled()]}


def unique_label(source: Run | BundledModel) -> str:
    """Return a label with the id, because several runs may have the same name."""
    if isinstance(source, BundledModel):
        return f"{source.label()} (bundled, {source.folder.name})"
    return f"{source.name()} · {source.id}" if source.name() else source.id


def _suits(source: Run | BundledModel, *, music: bool) -> bool:
    """Whether it is a model of music, or (`music` False) one of other data."""
    try:
        data = source.data()
    except RunError:  # it has no checkpoint yet
        return False
    return (data.is_music or data.is_voices) == music
