"""The frame of every page: `begin` is its first call; errors become one plain sentence."""

import functools
import gc
import logging
import math
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from dmm_core.errors import DMMError
from dmm_core.system.files import assets
from pages.ui import presence, theme

__all__ = ["NOT_CHOSEN", "begin", "chart", "escape_markdown", "guard", "presenting"]

_LOGO = str(assets() / "logo.svg")
_READABLE = """<style>
.stButtonGroup.stButtonGroup button[data-selected]:not([data-disabled]),
.stSlider [data-testid="stSliderThumbValue"] {
  color: inherit;
}
.stApp.stApp.stApp button[data-testid^="stBaseButton-primary"]:hover:not(:disabled) {
  background-color: light-dark(#0c5854, #196b65);
  border-color: light-dark(#0c5854, #196b65);
}
</style>"""
"""The chosen segment and a slider's value in the colour of text, where Streamlit takes the accent.

The dark theme has no accent for both: one that carries white labels at 4.5:1 reaches at most 4.4:1
on its own tint over black. Border and tint still tell which segment is chosen.

Under the pointer the primary button is the accent a sixth darker, where Streamlit makes it near
black.
"""
_PRESENTED = """<style>
html { font-size: 125%; }
.stMain.stMain:focus-visible::before { content: none; }
</style>"""
"""Every size of the app is in rem, so the root's size is the one honest place to scale it.

Keys are the page's own here, and Streamlit would frame all of it after a click beside the controls.
Controls keep their frames.
"""
_CHART = {
    "displaylogo": False,
    "modeBarButtonsToRemove": [
        *("zoomIn2d", "zoomOut2d", "autoScale2d", "select2d", "lasso2d"),
        *("orbitRotation", "tableRotation", "resetCameraLastSave3d"),
    ],
}
"""Of a chart's tools those that a finger or a mouse does not have anyway."""
_CARRIED = ("run",)
"""Parameters of the address that go along to the next page."""

NOT_CHOSEN = "frame.not_chosen"
"""In the session's state: the run that a page began with, which another page need not take over."""


_LESSONS = "Learn"
"""The page on which runs are watched together."""

_ADDRESSES = "frame.addresses"
"""In the session's state: what stood in the address of each page when it was left."""
_ERROR = ":material/error:"
_ADDRESS = re.compile(r"(?:https?|ftp|mailto|xmpp):|://|www(?=\.)|@", re.IGNORECASE)
"""What GitHub's Markdown makes links of, up to a character that the joiner may follow."""


class _Link(NamedTuple):
    file: str
    label: str
    icon: str


_NAVIGATION = (
    ("", (_Link("app.py", "Home", ":material/home:"),)),
    (
        "Explore",
        (
            _Link("pages/1_Data.py", "Data", ":material/library_music:"),
            _Link("pages/2_Train.py", "Train", ":material/model_training:"),
            _Link("pages/3_Runs.py", "Runs", ":material/ssid_chart:"),
            _Link("pages/4_Latent.py", "Latent", ":material/timeline:"),
            _Link("pages/5_Compose.py", "Compose", ":material/piano:"),
        ),
    ),
    ("Understand", (_Link("pages/6_Learn.py", "Learn", ":material/school:"),)),
)


def begin(title: str, icon: str, *, intro: str | None = None) -> None:
    """Draw what every page starts with: browser tab, navigation, title and a line of intro.

    Args:
        title: the page's name, in sentence case.
        icon: Material icon of the title, ":material/name:".
        intro: one sentence that says what the page is for.
    """
    _forget_infinite()
    if st.query_params.get("present") == "1":  # as a person writes it; the widget reads "true"
        st.session_state.setdefault("present", True)
    st.set_page_config(
        page_title=f"{title} · Deep Markov Models",
        page_icon=_LOGO,  # a Material icon would be fetched from an outside host
        layout="wide",
        initial_sidebar_state="collapsed" if presenting() else "auto",
    )
    if title != _LESSONS:
        presence.leave()
    st.html(_READABLE)
    st.logo(_LOGO, size="large")
    with st.sidebar:
        _draw_navigation(title)
        st.toggle(
            "Presenter mode",
            key="present",
            bind="query-params",
            help="Larger text and fewer controls, for a class. The link keeps it.",
        )
        theme.follow()
    if presenting():
        st.html(_PRESENTED)
    if presenting():  # the class knows the page; the charts need the room
        return
    st.title(title, icon=icon)
    if intro:
        st.markdown(intro)


def presenting() -> bool:
    """Whether presenter mode is on: a page then leaves out what a class does not need."""
    return bool(st.session_state.get("present", st.query_params.get("present") in ("true", "1")))


@contextmanager
def guard() -> Iterator[None]:
    """Turn an error of the body into one plain sentence on the page, and stop the script there.

    A `DMMError` is shown unchanged, and of an error of the system its reason. All errors but the
    first kind go to the log with their traceback.
    """
    try:
        yield
    except DMMError as error:
        st.error(escape_markdown(str(error)), icon=_ERROR)
    except OSError as error:
        logging.getLogger(__name__).exception("The system refused a page.")
        reason = escape_markdown(error.strerror or "no reason given")
        st.error(f"The server cannot use its files or its disk: {reason}.", icon=_ERROR)
    except Exception:
        logging.getLogger(__name__).exception("A page failed.")
        st.error(
            "Something went wrong here; the server's log has the details.",
            icon=_ERROR,
        )
    else:
        _spare_modules(len(sys.modules))
        return
    st.stop()


def chart(figure: go.Figure, *, key: str, alt: str, most: int | None = None) -> None:
    """Draw `figure` in the app's theme; larger in presenter mode.

    Args:
        figure: from `pages.ui.charts`.
        key: the element's key, unique on the page.
        alt: what the figure shows, in a sentence, for a screen reader.
        most: pixels that the figure is high at most; by default as high as it is made.
    """
    layout: Any = figure.layout
    height = int((1.2 if presenting() else 1.0) * layout.height)
    figure.update_layout(height=height if most is None else min(height, most))
    if presenting():
        large = {"tickfont": {"size": 17}, "title": {"font": {"size": 19}}}
        figure.update_xaxes(large).update_layout(font={"size": 17})
        rows = any(isinstance(next(iter(t.y), 0), str) for t in figure.data if t.y is not None)
        figure.update_yaxes({"title": large["title"]} if rows else large)  # rows are narrow
    # A chart keeps the colours it began with, so a change of the theme makes another one of it.
    st.plotly_chart(figure, key=f"{key}-{st.context.theme.type}", alt=alt, config=_CHART)


def escape_markdown(text: str, most: int = 300) -> str:
    """`text` so that Markdown shows it letter for letter: escaped, on one line, cut at `most`.

    Control and direction characters are removed, so that a hostile file name can neither draw nor
    hide. Addresses get an invisible word joiner: Markdown makes links of them even if escaped.
    """
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or _shows(c))
    line = " ".join(kept.split())
    cut = line if len(line) <= most else line[: most - 1] + "…"
    cut = _ADDRESS.sub(lambda found: f"{found[0]}\u2060", cut)
    return "".join(f"\\{c}" if c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" else c for c in cut)


@functools.cache
def _spare_modules(number: int) -> None:
    """Keep what `number` modules have built out of garbage collections, until there are more.

    Streamlit collects every generation after each rerun, which with PyTorch loaded takes the
    interpreter 100 ms: twice as long as the script. Frozen objects are not looked at.
    """
    gc.collect()
    gc.freeze()


def _forget_infinite() -> None:
    """Remove parameters of the address that are infinite numbers or none, and begin anew.

    Streamlit makes an `int` of what is bound to a number input, which fails for infinity. It takes
    the address as it was at the start of the script, so the script has to start again.
    """
    unusable = [name for name, text in st.query_params.items() if _is_infinite(text)]
    for name in unusable:
        del st.query_params[name]
    if unusable:
        st.rerun()


def _is_infinite(text: str) -> bool:
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def _shows(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")


def _draw_navigation(title: str) -> None:
    """Links to all pages; each brings back what was chosen on that page before.

    Args:
        title: of the page that is drawn.
    """
    names = [link.label for _, links in _NAVIGATION for link in links]
    here = title if title in names else _NAVIGATION[0][1][0].label
    kept: dict[str, dict[str, str]] = st.session_state.setdefault(_ADDRESSES, {})
    own = (*_CARRIED, "present")
    kept[here] = {name: value for name, value in st.query_params.items() if name not in own}
    carried = {name: st.query_params[name] for name in _CARRIED if name in st.query_params}
    if carried.get("run") == st.session_state.get(NOT_CHOSEN, ""):
        del carried["run"]
    if presenting():
        carried["present"] = "true"
    for group, links in _NAVIGATION:
        if group:
            st.caption(group)
        for link in links:
            st.page_link(
                link.file,
                label=link.label,
                icon=link.icon,
                width="stretch",
                query_params={
                    **(kept.get(link.label, {}) if link.label != here else {}),
                    **carried,
                },
            )
