"""Rename and delete a run.

The forms are popovers. A dialog would close at each rerun of the page, such as during training.
"""

import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE

__all__ = ["draw_manage"]


def draw_manage(run: Run) -> None:
    """Draw the buttons Rename and Delete. A deleted run is removed from the address."""
    name, notes = run.name(), run.notes()
    saved = hash((run.id, name, notes))  # saving changes the keys, which closes the popover
    with st.popover("Rename", icon=":material/edit:", key=f"rename-{saved}"):
        with st.form(f"naming-{saved}", border=False):
            new_name = st.text_input("Name", value=name, max_chars=100)
            new_notes = st.text_area("Notes", value=notes, max_chars=10_000)
            if st.form_submit_button("Save"):
                run.rename(new_name, new_notes)
                st.rerun()
    active = run.state() in ACTIVE
    with st.popover(
        "Delete",
        icon=":material/delete:",
        key=f"delete-{run.id}",
        disabled=active,
        help="Stop the run first." if active else None,
    ):
        st.markdown("The weights, curves and samples of this run will be deleted permanently.")
        if st.button("Delete permanently", icon=":material/delete:", key=f"really-{run.id}"):
            run.delete()
            if st.query_params.get("run") == run.id:
                del st.query_params["run"]
            st.rerun()
