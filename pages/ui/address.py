"""Choices that stand in the page's address, so that a link brings back what was on the screen."""

from collections.abc import Callable, Sequence

import streamlit as st

__all__ = ["asked_range", "choose", "choose_range"]


def choose(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    show: Callable[[str], str] = str,
    few: bool = False,
    labelled: bool = True,
    default: str | None = None,
    help: str | None = None,
    resets: Sequence[str] = (),
) -> str | None:
    """A choice whose value is the parameter `key` of the address, and nowhere else.

    Streamlit's own binding writes labels into the address; an id has to stay what it is when a
    label changes. Every choice is a step that the browser's Back takes again.

    Args:
        label: of the widget.
        options: what can stand in the address.
        key: the parameter's name.
        show: an option's label; no two may be alike.
        few: draw the options side by side instead of in a select box.
        labelled: whether the label is seen; a screen reader always says it.
        default: taken where the address names none; otherwise the first.
        help: a sentence about it.
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

    wanted = st.query_params.get(key, default or next(iter(options), None))
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
            help=help,
            label_visibility=visibility,
            wrap=True,
        )
    return st.selectbox(
        label,
        options,
        index=0 if wanted in options else None,  # None could be cleared, to no purpose
        format_func=show,
        key=widget,
        on_change=keep,
        placeholder="Choose one",
        help=help,
        label_visibility=visibility,
    )


def choose_range(
    label: str,
    options: Sequence[int],
    *,
    key: str,
    default: tuple[int, int],
    show: Callable[[int], str] = str,
    help: str | None = None,
    resets: Sequence[str] = (),
) -> tuple[int, int] | None:
    """A range of `options`, both ends included, as "first-last" in the parameter `key`.

    Args:
        label: of the slider.
        options: whole numbers from 0 on, ascending.
        key: the parameter's name.
        default: taken where the address names none.
        show: an option's label; no two may be alike.
        help: a sentence about it.
        resets: parameters that mean nothing once this choice changes.

    Returns:
        The range; one that reaches beyond the options ends with them. None where the address holds
        no range at all.
    """
    widget = f"choose.{key}"

    def keep() -> None:
        first, last = st.session_state[widget]
        st.query_params[key] = f"{first}-{last}"
        for name in resets:
            st.query_params.pop(name, None)

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
            value=(options[0], options[-1]),  # makes it a range; the state above has the value
            format_func=show,
            key=widget,
            on_change=keep,
            help=help,
        )
    return first, last


def asked_range(key: str, length: int) -> tuple[int, int] | None:
    """The range "first-last" of the parameter `key`, or None where it names none below `length`."""
    found = _range(st.query_params.get(key, ""))
    return found if found and found[1] < length else None


def _range(text: str) -> tuple[int, int] | None:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and len(text) < 20):
        return None
    return (int(first), int(last)) if int(first) <= int(last) else None
