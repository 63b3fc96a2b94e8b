"""The Runs page: compare runs, evaluate them on test data, export and import them."""

import streamlit as st

from dmm_core.runs.store import unreadable_runs
from pages.ui import frame
from pages.ui.runs import compare, details, importer, table

frame.begin(
    "Runs",
    ":material/ssid_chart:",
    intro="Compare runs by their learning curves, their settings and their results on test data.",
)
with frame.guard():
    rows = table.read_rows()
    for sentence in unreadable_runs():
        st.warning(frame.escape_markdown(sentence), icon=":material/warning:")
    if not rows:
        st.info("There is no run yet. Train a model first.", icon=":material/model_training:")
        if st.button("Train a model", type="primary", icon=":material/play_arrow:", key="train"):
            st.switch_page("pages/2_Train.py")
        importer.draw()
        st.stop()
    chosen = table.draw(rows)
    importer.draw()
    if not chosen:
        st.caption("Select a run in the table, or several to compare them.")
        st.stop()
    details.draw(chosen)
    compare.draw(chosen)
