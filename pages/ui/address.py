"""Widgets whose value is stored in the page's address, so that a link restores the page."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitAPIException

__all__ = ["choose", "choose_range", "forget", "range_from_address"]


def choose(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    format_func: Callable[[str], str] = str,
    segmented: bool = False,
    show_label: bool = True,
    default: str | None = None,
    help: str | None = None,
    resets: Sequence[str] = (),
    on_change: Callable[[], None] | None = None,
) -> str | None:
    """Draw a select box or a segmented control that is bound to the query parameter `key`.

    Streamlit's own binding writes the labels of the options into the address. This function writes
    the options themselves, which stay valid when a label changes. Each choice adds an entry to the
    browser's history, so that the browser's Back button undoes it.

    Args:
        label: label of the widget.
        options: allowed values of the parameter.
        key: name of the query parameter.
        format_func: returns the label of an option; the labels must be unique.
        segmented: draw a segmented control instead of a select box.
        show_label: whether the label is visible; screen readers read it in any case.
        default: option to use if the address has no such parameter; by default the first.
        help: help text of the widget.
        resets: query parameters to remove when the choice changes.
        on_change: called afterwards; the address has the new choice.

    Returns:
        The chosen option, or None if the address has a value that is not among the options.
    """
    widget = f"choose.{key}"

    def save() -> None:
        if st.session_state[widget] is not None:
            st.query_params[key] = st.session_state[widget]
        for name in resets:
            forget(name)
        if on_change is not None:
            on_change()

    wanted = st.query_params.get(key, default or next(iter(options), None))
    st.session_state[widget] = wanted if wanted in options else None
    visibility = "visible" if show_label else "collapsed"
    if segmented:
        return st.segmented_control(
            label,
            options,
            format_func=format_func,
            key=widget,
            on_change=save,
            required=True,
            help=help,
            label_visibility=visibility,
            wrap=True,
        )
    return st.selectbox(
        label,
        options,
        index=0 if wanted in options else None,  # with None, the widget could be cleared
        format_func=format_func,
        key=widget,
        on_change=save,
        placeholder="Choose one",
        help=help,
        label_visibility=visibility,
    )


def forget(name: str) -> None:
    """Remove a query parameter, unless a widget is bound to it.

    Streamlit refuses to remove a bound parameter. It removes the parameter itself once the widget
    is no longer drawn, or has its default value.
    """
    with suppress(StreamlitAPIException):
        st.query_params.pop(name, None)


def choose_range(
    label: str,
    options: Sequence[int],
    *,
    key: str,
    default: tuple[int, int],
    format_func: Callable[[int], str] = str,
    help: str | None = None,
    resets: Sequence[str] = (),
) -> tuple[int, int] | None:
    """Draw a range slider that is bound to the query parameter `key`, as "first-last".

    Args:
        label: label of the slider.
        options: non-negative integers in ascending order.
        key: name of the query parameter.
        default: range to use if the address has no such parameter.
        format_func: returns the label of an option; the labels must be unique.
        help: help text of the slider.
        resets: query parameters to remove when the range changes.

    Returns:
        The range, both ends included and clipped to the options, or None if the parameter is not a
        range.
    """
    widget = f"choose.{key}"

    def save() -> None:
        first, last = st.session_state[widget]
        st.query_params[key] = f"{first}-{last}"
        for name in resets:
            forget(name)

    wanted = st.query_params.get(key)
    chosen = default if wanted is None else _range(wanted)
    if chosen is None:
        return None
    first, last = (min(max(end, options[0]), options[-1]) for end in chosen)
    if len(options) > 1:  # a slider has two ends
        st.session_state[widget] = (first, last)
        st.select_slider(
            label,
            options,
            value=(options[0], options[-1]),  # makes it a range; the session state has the value
            format_func=format_func,
            key=widget,
            on_change=save,
            help=help,
        )
    return first, last


def range_from_address(key: str, length: int) -> tuple[int, int] | None:
    """Return the range in the query parameter `key`, or None if it has none below `length`."""
    found = _range(st.query_params.get(key, ""))
    return found if found and found[1] < length else None


def _range(text: str) -> tuple[int, int] | None:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and len(text) < 20):
        return None
    return (int(first), int(last)) if int(first) <= int(last) else None
