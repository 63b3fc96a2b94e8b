"""Data: choose music, look at it, listen to it, or bring your own."""

import streamlit as st

from pages.ui import frame
from pages.ui.address import choose
from pages.ui.data import browse, listen, upload

VIEWS = {"listen": "Listen", "all": "All data sets", "own": "Your own data"}

frame.begin(
    "Data",
    ":material/library_music:",
    intro="Choose music, look at it and listen to it, or bring data of your own.",
)
view = choose(
    "View",
    list(VIEWS),
    key="view",
    show=VIEWS.__getitem__,
    few=True,
    labelled=False,
    default="own" if upload.is_waiting() and "data" not in st.query_params else None,
)
with frame.guard():
    if view == "all":
        browse.draw()
    elif view == "own":
        upload.draw()
    else:
        listen.draw()
