"""The picker of a trained model: a run or a bundled model, named by ?run= in the address."""

from contextlib import suppress

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run, list_runs
from pages.ui.address import choose

__all__ = ["label_of", "pick_run", "sources"]

_NOTHING = "There is no trained model yet: train one first."


def pick_run(label: str = "Model") -> Run | BundledModel:
    """Let a finished run or a bundled model be chosen; unless told which, it is a bundled one.

    On a shared server the newest run is somebody's first try. A link may name any run, such as one
    that is still running. Where there is nothing to choose, or the address names nothing that
    exists, the page says so and stops.
    """
    listed = sources()
    wanted = st.query_params.get("run")
    if wanted is not None and wanted not in listed:
        with suppress(RunError):
            listed[wanted] = find_run(wanted)
    if not listed:
        st.info(_NOTHING, icon=":material/model_training:")
        st.stop()
    usual = [id for id, source in listed.items() if isinstance(source, BundledModel)]
    st.query_params.setdefault("run", next(iter([*usual, *listed])))  # a link means it tomorrow too
    chosen = choose(label, list(listed), key="run", show=lambda run_id: label_of(listed[run_id]))
    if chosen is None:
        st.error("There is no such run; choose one above.", icon=":material/error:")
        st.stop()
    return listed[chosen]


def sources() -> dict[str, Run | BundledModel]:
    """Every finished run, the newest first, and every bundled model, by id."""
    finished = [run for run in list_runs() if run.state() == "finished"]
    return {source.id: source for source in [*finished, *list_bundled()]}


def label_of(source: Run | BundledModel) -> str:
    """A label that no other source has: names may be alike, ids are not."""
    if isinstance(source, BundledModel):
        return f"{source.label()} (bundled, {source.folder.name})"
    return f"{source.name()} · {source.id}" if source.name() else source.id
