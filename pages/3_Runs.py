"""Runs: find them, compare them, measure them on test data, take them along."""

import streamlit as st

from dmm_core.runs.store import unreadable_runs
from pages.ui import frame
from pages.ui.runs import compare, importer, one, table

frame.begin(
    "Runs",
    ":material/ssid_chart:",
    intro="Every training, to compare by its curves, its settings and its test data.",
)
with frame.guard():
    rows = table.read_rows()
    for sentence in unreadable_runs():
        st.warning(frame.escape_markdown(sentence), icon=":material/warning:")
    if not rows:
        st.info("There is no run yet: train one first.", icon=":material/model_training:")
        if st.button("Train a model", type="primary", icon=":material/play_arrow:", key="train"):
            st.switch_page("pages/2_Train.py")
        importer.draw()
        st.stop()
    chosen = table.draw(rows)
    importer.draw()
    if not chosen:
        st.caption("Choose a run in the table, or several to compare them.")
        st.stop()
    one.draw(chosen)
    compare.draw(chosen)
