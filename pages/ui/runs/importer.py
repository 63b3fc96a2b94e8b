"""Someone's exported run, taken in as a run of this machine."""

import streamlit as st

from dmm_core.data.uploads.reader import MAX_BYTES
from dmm_core.errors import DMMError
from dmm_core.runs.imported import import_run
from pages.ui import frame

__all__ = ["draw"]


def draw() -> None:
    """Draw the folded upload; an imported run is chosen at once."""
    taken = st.session_state.setdefault("imported", 0)  # another number is another popover, closed
    with st.popover(
        "Import a run", icon=":material/upload:", type="tertiary", key=f"import-{taken}"
    ):
        file = st.file_uploader(
            "A zip that Export made",
            type="zip",
            key=f"import-file-{taken}",
            max_upload_size=MAX_BYTES // 2**20,
            help="It is checked in a separate, limited process before it is kept. Nothing in it is "
            "executed, and no run is overwritten.",
        )
        st.caption(
            "It comes with its curves and evaluations, composes and can be evaluated. Larger files "
            "are for `python -m dmm_core import FILE.zip`."
        )
        if file is None:
            return
        try:
            with st.spinner("Importing"):
                run = import_run(file.getvalue())
        except DMMError as error:
            st.error(frame.escape_markdown(str(error)), icon=":material/error:")
            return
        st.session_state.imported = taken + 1
        st.query_params["run"] = st.query_params["compare"] = run.id
        st.toast(f"{frame.escape_markdown(run.label())} is imported.", icon=":material/check:")
        st.rerun()
