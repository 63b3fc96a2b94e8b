"""Import a run that was exported on this or another machine."""

import streamlit as st

from dmm_core.data.uploads.reader import MAX_BYTES
from dmm_core.errors import DMMError
from dmm_core.runs.imported import import_run
from pages.ui import frame

__all__ = ["draw"]


def draw() -> None:
    """Draw a popover with a file uploader. An imported run is selected at once."""
    # The number is part of the keys: a new one closes the popover and empties the uploader.
    count = st.session_state.setdefault("imported", 0)
    with st.popover(
        "Import a run", icon=":material/upload:", type="tertiary", key=f"import-{count}"
    ):
        file = st.file_uploader(
            "Zip file of an exported run",
            type="zip",
            key=f"import-file-{count}",
            max_upload_size=MAX_BYTES // 2**20,
            help="The file is checked in a separate process with limits before it is imported. "
            "Nothing in it is executed, and existing runs are not overwritten.",
        )
        st.caption(
            "The imported run has its learning curves and evaluations, and can compose and be "
            "evaluated. To import a larger file, use `python -m dmm_core import FILE.zip`."
        )
        if file is None:
            return
        try:
            with st.spinner("Importing"):
                run = import_run(file.getvalue())
        except DMMError as error:
            st.error(frame.escape_markdown(str(error)), icon=":material/error:")
            return
        st.session_state.imported = count + 1
        st.query_params["run"] = st.query_params["compare"] = run.id
        st.toast(
            f"{frame.escape_markdown(run.label())} has been imported.", icon=":material/check:"
        )
        st.rerun()
