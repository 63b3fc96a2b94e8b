"""The picker of a trained model: a run or a bundled model, named by ?run= in the address."""

from contextlib import suppress

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run, list_runs
from pages.ui import frame
from pages.ui.address import choose

__all__ = ["TO_HEAR", "TO_SEE", "bundled", "label_of", "pick_run", "sources"]

TO_HEAR = "bundled:jsb-aug-nade"
"""The bundled model that composes best; `python -m benchmarks music` measures all of them."""

TO_SEE = "bundled:chorales"
"""The bundled model whose latent path says most about the music: its emission is a Bernoulli, so
that everything the notes of a frame have in common has to go through z."""

_NOTHING = "There is no trained model yet: train one first."


def pick_run(label: str = "Model", *, first: str = TO_HEAR) -> Run | BundledModel:
    """Let a finished run or a bundled model be chosen.

    Where the address names none, it is the bundled model `first`, since on a shared server the
    newest run is somebody's first try. A link may name any run, such as one that is still running.
    Where there is nothing to choose, or the address names nothing that exists, the page says so and
    stops.

    Args:
        label: of the widget.
        first: id of the bundled model to begin with; another bundled one, or the newest run, where
            it is missing.
    """
    listed = sources()
    wanted = st.query_params.get("run")
    if wanted is not None and wanted not in listed:
        with suppress(RunError):
            listed[wanted] = find_run(wanted)
    if not listed:
        st.info(_NOTHING, icon=":material/model_training:")
        st.stop()
    if wanted is None:  # written down, so that a link keeps its meaning
        usual = bundled(first)
        st.query_params["run"] = usual.id if usual else next(iter(listed))
        st.session_state[frame.NOT_CHOSEN] = st.query_params["run"]
    chosen = choose(label, list(listed), key="run", show=lambda run_id: label_of(listed[run_id]))
    if chosen is None:
        st.error("There is no such run; choose one above.", icon=":material/error:")
        st.stop()
    return listed[chosen]


def bundled(id: str) -> BundledModel | None:
    """The bundled model called `id`, or another where it is missing; None where there is none."""
    listed = list_bundled()
    return next((model for model in listed if model.id == id), next(iter(listed), None))


def sources() -> dict[str, Run | BundledModel]:
    """Every finished run, the newest first, and every bundled model, by id."""
    finished = [run for run in list_runs() if run.state() == "finished"]
    return {source.id: source for source in [*finished, *list_bundled()]}


def label_of(source: Run | BundledModel) -> str:
    """A label that no other source has: names may be alike, ids are not."""
    if isinstance(source, BundledModel):
        return f"{source.label()} (bundled, {source.folder.name})"
    return f"{source.name()} · {source.id}" if source.name() else source.id
