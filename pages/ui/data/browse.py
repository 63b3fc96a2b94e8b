"""A card for each data set, with its size, its licence and a button that opens it."""

import streamlit as st

from dmm_core.data.spec import UPLOAD_PREFIX, Kind
from dmm_core.data.uploads.reader import delete_upload
from pages.ui import charts, frame
from pages.ui.datasets import DatasetSummary, dataset_summaries, note_value, pitch_range, splits

__all__ = ["draw", "open_dataset"]

_VALUES: dict[Kind, str] = {
    "binary": "Binary values",
    "real": "Real values",
    "count": "Counts",
    "categorical": "Symbols",
}
"""Kind of data that are no piano-rolls -> its description."""

_MAX_NAMES = 6
"""Number of features above which a card does not name them."""


def draw() -> None:
    """Draw the cards of all data sets."""
    with st.grid("auto", min_column_width=240):
        for summary in dataset_summaries().values():
            with st.container(border=True, height="stretch", key=f"card-{summary.name}"):
                _draw_card(summary)


def open_dataset(name: str) -> None:
    """Open the data set called `name` in the view "Listen"."""
    for parameter in ("split", "piece", "part"):
        st.query_params.pop(parameter, None)
    st.query_params.update({"view": "listen", "data": name})
    st.rerun()


def _draw_card(summary: DatasetSummary) -> None:
    st.subheader(frame.escape_markdown(summary.title), anchor=False)
    if summary.ready:
        st.badge("On this machine", icon=":material/check:", color="green")
    elif summary.downloaded:
        st.badge("Not downloaded yet", icon=":material/download:", color="gray")
    else:
        st.badge("Not built yet", icon=":material/build:", color="gray")
    st.markdown(_size(summary))
    st.markdown(frame.escape_markdown(summary.description))
    st.caption(f"Licence: {frame.escape_markdown(summary.licence)}")
    st.space("stretch")
    with st.container(horizontal=True):
        label = "Listen" if summary.spec.grid else "View"
        if not summary.ready:
            label = "Download" if summary.downloaded else "Build"
        if st.button(label, key=f"open-{summary.name}"):
            open_dataset(summary.name)
        if summary.name.startswith(UPLOAD_PREFIX) and not frame.presenting():
            _draw_delete(summary)


def _draw_delete(summary: DatasetSummary) -> None:
    with st.popover("Delete", icon=":material/delete:", key=f"delete-{summary.name}"):
        st.markdown(
            "The data set will be deleted permanently. Runs that were trained on it cannot be "
            "resumed afterwards."
        )
        if st.button("Delete permanently", key=f"really-{summary.name}"):
            delete_upload(summary.name.removeprefix(UPLOAD_PREFIX))
            splits.clear(summary.name)
            st.rerun()


def _size(summary: DatasetSummary) -> str:
    """Return the size, the grid and the pitch range of a data set, one a line."""
    lines = [f"{summary.sequences:,} sequences, {summary.frames:,} frames"]
    if summary.spec.grid is None:
        lines.append(_VALUES[summary.spec.kind])
        spec = summary.spec
        if spec.features and len(spec.features) <= _MAX_NAMES and spec.kind != "categorical":
            named = ", ".join(frame.escape_markdown(name, most=40) for name in spec.features)
            lines.append(f"{'Feature' if spec.x_dim == 1 else 'Features'}: {named}")
        if spec.time is not None:
            lines.append(f"Time: {frame.escape_markdown(spec.time.title, most=60)}")
    else:
        lines.append(f"A frame is {note_value(summary.spec.grid)}")
        pitches = pitch_range(summary.name) if summary.ready else None
        if pitches:
            low, high = map(charts.pitch_name, pitches)
            lines.append(f"Pitches {low} to {high}")
    return "  \n".join(lines)
