"""The picker of a trained model: a run or a bundled model, named by ?run= in the address."""

from contextlib import suppress

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run, list_runs
from pages.ui.address import choose

__all__ = ["pick_run"]

_NOTHING = "There is no trained model yet: train one first."


def pick_run(label: str = "Model") -> Run | BundledModel:
    """Let a finished run or a bundled model be chosen, the newest run first.

    A link may name any run, such as one that is still running. Where there is nothing to choose,
    or the address names nothing that exists, the page says so and stops.
    """
    finished = [run for run in list_runs() if run.state() == "finished"]
    sources = {source.id: source for source in [*finished, *list_bundled()]}
    wanted = st.query_params.get("run")
    if wanted is not None and wanted not in sources:
        with suppress(RunError):
            sources[wanted] = find_run(wanted)
    if not sources:
        st.info(_NOTHING, icon=":material/model_training:")
        st.stop()
    st.query_params.setdefault("run", next(iter(sources)))  # the newest is another one tomorrow
    chosen = choose(label, list(sources), key="run", show=lambda run_id: _show(sources[run_id]))
    if chosen is None:
        st.error("There is no such run; choose one above.", icon=":material/error:")
        st.stop()
    return sources[chosen]


def _show(source: Run | BundledModel) -> str:
    """A label that no other source has: names may be alike, ids are not."""
    if isinstance(source, BundledModel):
        return f"{source.label()} (bundled, {source.folder.name})"
    return f"{source.name()} · {source.id}" if source.name() else source.id
