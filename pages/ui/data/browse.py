"""All data sets, a card each: what they hold, and one button to hear them or to get them."""

import streamlit as st

from dmm_core.data.spec import UPLOAD_PREFIX
from dmm_core.data.uploads.reader import delete_upload
from pages.ui import charts, frame
from pages.ui.datasets import SetFacts, data_sets, note_value, pitch_range, splits

__all__ = ["draw", "open_set"]


def draw() -> None:
    """Draw the cards of all data sets."""
    with st.grid("auto", min_column_width=240):
        for facts in data_sets().values():
            with st.container(border=True, height="stretch", key=f"card-{facts.name}"):
                _draw_card(facts)


def open_set(name: str) -> None:
    """Show the data set called `name` where it can be heard."""
    for parameter in ("split", "piece", "part"):
        st.query_params.pop(parameter, None)
    st.query_params.update({"view": "listen", "data": name})
    st.rerun()


def _draw_card(facts: SetFacts) -> None:
    st.subheader(frame.escape_markdown(facts.title), anchor=False)
    if facts.ready:
        st.badge("On this machine", icon=":material/check:", color="green")
    else:
        st.badge("One click away", icon=":material/download:", color="gray")
    st.markdown(_facts(facts))
    st.markdown(frame.escape_markdown(facts.description))
    st.caption(f"Licence: {frame.escape_markdown(facts.licence)}")
    st.space("stretch")
    with st.container(horizontal=True):
        label = "Listen" if facts.spec.grid else "Look"
        if st.button(label if facts.ready else "Get it", key=f"open-{facts.name}"):
            open_set(facts.name)
        if facts.name.startswith(UPLOAD_PREFIX) and not frame.presenting():
            _draw_delete(facts)


def _draw_delete(facts: SetFacts) -> None:
    with st.popover("Delete", icon=":material/delete:", key=f"delete-{facts.name}"):
        st.markdown("It is gone for good, and runs on it cannot be resumed.")
        if st.button("Delete it", key=f"really-{facts.name}"):
            delete_upload(facts.name.removeprefix(UPLOAD_PREFIX))
            splits.clear(facts.name)
            st.rerun()


def _facts(facts: SetFacts) -> str:
    """The figures of a card, one a line."""
    lines = [f"{facts.sequences:,} sequences, {facts.frames:,} frames"]
    if facts.spec.grid is None:
        kind = "Binary" if facts.spec.kind == "binary" else "Real"
        lines.append(f"{kind} values, no music")
    else:
        lines.append(f"A frame is {note_value(facts.spec.grid)}")
        found = pitch_range(facts.name) if facts.ready else None
        if found:
            low, high = map(charts.pitch_name, found)
            lines.append(f"Pitches {low} to {high}")
    return "  \n".join(lines)
