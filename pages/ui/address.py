"""Choices that stand in the page's address, so that a link brings back what was on the screen."""

from collections.abc import Callable, Sequence

import streamlit as st

__all__ = ["choose"]


def choose(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    show: Callable[[str], str] = str,
    few: bool = False,
    labelled: bool = True,
    resets: Sequence[str] = (),
) -> str | None:
    """A choice whose value is the parameter `key` of the address, and nowhere else.

    Streamlit's own binding writes labels into the address; an id has to stay what it is when a
    label changes. Every choice is a step that the browser's Back takes again.

    Args:
        label: of the widget.
        options: what can stand in the address; the first is taken where it names none.
        key: the parameter's name.
        show: an option's label; no two may be alike.
        few: draw the options side by side instead of in a select box.
        labelled: whether the label is seen; a screen reader always says it.
        resets: parameters that mean nothing once this choice changes.

    Returns:
        The choice, or None where the address names something that is not on offer.
    """
    widget = f"choose.{key}"

    def keep() -> None:
        if st.session_state[widget] is not None:
            st.query_params[key] = st.session_state[widget]
        for name in resets:
            st.query_params.pop(name, None)

    wanted = st.query_params.get(key, options[0] if options else None)
    st.session_state[widget] = wanted if wanted in options else None
    visibility = "visible" if labelled else "collapsed"
    if few:
        return st.segmented_control(
            label,
            options,
            format_func=show,
            key=widget,
            on_change=keep,
            required=True,
            label_visibility=visibility,
        )
    return st.selectbox(
        label,
        options,
        index=0 if wanted in options else None,  # None could be cleared, to no purpose
        format_func=show,
        key=widget,
        on_change=keep,
        placeholder="Choose one",
        label_visibility=visibility,
    )
