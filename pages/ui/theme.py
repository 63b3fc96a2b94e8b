"""Another theme, noticed: the page is then drawn again, and its charts with it."""

from streamlit.components.v2 import component

__all__ = ["follow"]

_COMPONENT = component(
    "dmm_theme",
    html="<span></span>",
    js="""
const grounds = new WeakMap();

/** Runs at first, and again with every theme. */
export default function ({ parentElement, setTriggerValue }) {
  const style = getComputedStyle(parentElement.querySelector("span"));
  const ground = style.getPropertyValue("--st-background-color");
  const before = grounds.get(parentElement);
  grounds.set(parentElement, ground);
  if (before !== undefined && before !== ground) setTriggerValue("theme", ground);
}
""",
)


def follow() -> None:
    """Run the page again when a person, or their machine, turns from light to dark or back.

    Streamlit tells the page's script of a new theme only with the next run, and a chart keeps the
    colours it began with until then.
    """
    _COMPONENT(key="theme", on_theme_change=lambda: None)
