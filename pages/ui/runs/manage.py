"""Rename and delete a run.

In popovers: a dialog would close whenever the page is drawn anew, as it is while a run goes on.
"""

import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE

__all__ = ["draw_manage"]


def draw_manage(run: Run) -> None:
    """Draw the two buttons; a deleted run leaves the address."""
    name, notes = run.name(), run.notes()
    saved = hash((run.id, name, notes))  # what is saved closes the popover: it is another one
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
        st.markdown("Its weights, curves and samples are gone for good then.")
        if st.button("Delete it", icon=":material/delete:", key=f"really-{run.id}"):
            run.delete()
            if st.query_params.get("run") == run.id:
                del st.query_params["run"]
            st.rerun()
