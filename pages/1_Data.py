"""The Data page: view and play data sets, and upload new ones."""

import streamlit as st

from pages.ui import frame
from pages.ui.address import choose
from pages.ui.data import browse, listen, upload

VIEWS = {"listen": "Browse", "all": "All data sets", "own": "Upload"}

frame.begin(
    "Data",
    ":material/library_music:",
    intro="Choose a data set, view its sequences and listen to them, or upload your own data.",
)
view = choose(
    "View",
    list(VIEWS),
    key="view",
    format_func=VIEWS.__getitem__,
    segmented=True,
    show_label=False,
    default="own" if upload.is_waiting() and "data" not in st.query_params else None,
)
with frame.guard():
    if view == "all":
        browse.draw()
    elif view == "own":
        upload.draw()
    else:
        listen.draw()
