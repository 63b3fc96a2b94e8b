"""Rerun a page when the theme changes, so that its charts take the new colours."""

from streamlit.components.v2 import component

__all__ = ["rerun_on_change"]

_COMPONENT = component(
    "dmm_theme",
    html="<span></span>",
    js="""
const backgrounds = new WeakMap();

/** Streamlit calls this function when the component is mounted and when the theme changes. */
export default function ({ parentElement, setTriggerValue }) {
  const style = getComputedStyle(parentElement.querySelector("span"));
  const background = style.getPropertyValue("--st-background-color");
  const previous = backgrounds.get(parentElement);
  backgrounds.set(parentElement, background);
  if (previous !== undefined && previous !== background) setTriggerValue("theme", background);
}
""",
)


def rerun_on_change() -> None:
    """Rerun the page when the theme changes between light and dark.

    Streamlit itself does not rerun the script then, and a chart keeps its colours until it does.
    """
    _COMPONENT(key="theme", on_theme_change=lambda: None)
