"""The frame of every page: `begin` draws title and navigation, `guard` reports errors."""

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

__all__ = ["DEFAULT_RUN", "begin", "chart", "escape_markdown", "guard", "presenting"]

_LOGO = str(assets() / "logo.svg")
_CSS = """<style>
.stButtonGroup.stButtonGroup button[data-selected]:not([data-disabled]),
.stSlider [data-testid="stSliderThumbValue"] {
  color: inherit;
}
.stApp.stApp.stApp button[data-testid^="stBaseButton-primary"]:hover:not(:disabled) {
  background-color: light-dark(#0c5854, #196b65);
  border-color: light-dark(#0c5854, #196b65);
}
</style>"""
"""Corrections of Streamlit's colours.

The selected segment of a segmented control and the value of a slider have the text colour, because
Streamlit's accent colour has too little contrast there: an accent on which white labels have a
contrast of 4.5:1 reaches at most 4.4:1 on its own tint over black. The border and the tint still
show which segment is selected.

A primary button under the pointer is one sixth darker than the accent; Streamlit makes it almost
black.
"""
_PRESENTER_CSS = """<style>
html { font-size: 125%; }
.stMain.stMain:focus-visible::before { content: none; }
</style>"""
"""Presenter mode enlarges the root font size, because all sizes of the app are in rem.

It also removes the outline that Streamlit draws around the whole page when the page has the
keyboard focus. Controls keep their outlines.
"""
_CHART = {
    "displaylogo": False,
    "modeBarButtonsToRemove": [
        *("zoomIn2d", "zoomOut2d", "autoScale2d", "select2d", "lasso2d"),
        *("orbitRotation", "tableRotation", "resetCameraLastSave3d"),
    ],
}
"""The chart toolbar without the tools that mouse and touch gestures replace."""
_SHARED_PARAMETERS = ("run",)
"""Query parameters that the links to other pages keep."""

DEFAULT_RUN = "frame.default_run"
"""Session state key of the run that a page selected by default. Links to other pages omit it."""

_LESSONS = "Learn"
"""Title of the page whose runs may be shared by several viewers."""

_ADDRESSES = "frame.addresses"
"""Session state key of the query parameters that each page had when the user left it."""
_ERROR = ":material/error:"
_ADDRESS = re.compile(r"(?:https?|ftp|mailto|xmpp):|://|www(?=\.)|@", re.IGNORECASE)
"""The start of text that GitHub's Markdown turns into a link."""


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
            _Link("pages/6_Forecast.py", "Forecast", ":material/query_stats:"),
        ),
    ),
    ("Understand", (_Link("pages/6_Learn.py", "Learn", ":material/school:"),)),
)


def begin(title: str, icon: str, *, intro: str | None = None) -> None:
    """Set the title of the browser tab, and draw the navigation, the title and the introduction.

    Args:
        title: name of the page, in sentence case.
        icon: Material icon of the title, ":material/name:".
        intro: one sentence on the purpose of the page.
    """
    _remove_infinite_parameters()
    if st.query_params.get("present") == "1":  # the widget itself accepts "true" only
        st.session_state.setdefault("present", True)
    st.set_page_config(
        page_title=f"{title} · Deep Markov Models",
        page_icon=_LOGO,  # the browser would load a Material icon from another host
        layout="wide",
        initial_sidebar_state="collapsed" if presenting() else "auto",
    )
    if title != _LESSONS:
        presence.clear_watched_runs()
    st.html(_CSS)
    st.logo(_LOGO, size="large")
    with st.sidebar:
        _draw_navigation(title)
        st.toggle(
            "Presenter mode",
            key="present",
            bind="query-params",
            help="Shows larger text and fewer controls, for a lecture. The setting is part of the "
            "page's address.",
        )
        theme.rerun_on_change()
    if presenting():  # without title and introduction, charts fit on a projected screen
        st.html(_PRESENTER_CSS)
        return
    st.title(title, icon=icon)
    if intro:
        st.markdown(intro)


def presenting() -> bool:
    """Whether presenter mode is on, in which pages draw fewer controls."""
    return bool(st.session_state.get("present", st.query_params.get("present") in ("true", "1")))


@contextmanager
def guard() -> Iterator[None]:
    """Report an error of the body as one sentence on the page, and stop the script.

    The message of a `DMMError` is shown unchanged. Of an `OSError`, the system's reason is shown.
    All errors other than a `DMMError` are logged with their traceback.
    """
    try:
        yield
    except DMMError as error:
        st.error(escape_markdown(str(error)), icon=_ERROR)
    except OSError as error:
        logging.getLogger(__name__).exception("The operating system reported an error on a page.")
        reason = escape_markdown(error.strerror or "no reason given")
        st.error(f"The server cannot use its files or its disk: {reason}.", icon=_ERROR)
    except Exception:
        logging.getLogger(__name__).exception("A page failed.")
        st.error(
            "An unexpected error occurred. The server's log has the details.",
            icon=_ERROR,
        )
    else:
        _freeze_modules(len(sys.modules))
        return
    st.stop()


def chart(figure: go.Figure, *, key: str, alt: str, most: int | None = None) -> None:
    """Draw `figure` in the app's theme, and 20 % higher in presenter mode.

    Args:
        figure: a figure of `pages.ui.charts`.
        key: key of the element, unique on the page.
        alt: one sentence for screen readers that describes the figure.
        most: maximum height in pixels; by default the height of the figure.
    """
    layout: Any = figure.layout
    height = int((1.2 if presenting() else 1.0) * layout.height)
    figure.update_layout(height=height if most is None else min(height, most))
    if presenting():
        large = {"tickfont": {"size": 17}, "title": {"font": {"size": 19}}}
        figure.update_xaxes(large).update_layout(font={"size": 17})
        rows = any(isinstance(next(iter(t.y), 0), str) for t in figure.data if t.y is not None)
        # Large labels of rows would overlap.
        figure.update_yaxes({"title": large["title"]} if rows else large)
    # The key contains the theme, because Streamlit does not recolour an existing chart.
    st.plotly_chart(figure, key=f"{key}-{st.context.theme.type}", alt=alt, config=_CHART)


def escape_markdown(text: str, most: int = 300) -> str:
    """Escape `text` so that Markdown shows it literally, on one line of at most `most` characters.

    Control and direction characters are removed, because a malicious file name could use them to
    disguise itself. A word joiner, which is invisible, is inserted into addresses, because Markdown
    turns them into links even if they are escaped.
    """
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or _is_printable(c))
    line = " ".join(kept.split())
    cut = line if len(line) <= most else line[: most - 1] + "…"
    cut = _ADDRESS.sub(lambda found: f"{found[0]}\u2060", cut)
    return "".join(f"\\{c}" if c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" else c for c in cut)


@functools.cache
def _freeze_modules(number: int) -> None:
    """Exclude all present objects from garbage collection, once for each `number` of modules.

    Streamlit runs a full garbage collection after each rerun. With PyTorch imported, it takes
    100 ms, twice as long as the script itself. The collector skips frozen objects.
    """
    gc.collect()
    gc.freeze()


def _remove_infinite_parameters() -> None:
    """Remove query parameters that are infinite or NaN, and rerun the script.

    Streamlit converts a parameter that is bound to a number input to `int`, which fails for these
    values. It reads the address at the start of the script, so the script must run again.
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


def _is_printable(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")


def _draw_navigation(title: str) -> None:
    """Draw links to all pages; each link restores the page's previous query parameters.

    Args:
        title: title of the present page.
    """
    names = [link.label for _, links in _NAVIGATION for link in links]
    here = title if title in names else _NAVIGATION[0][1][0].label
    saved: dict[str, dict[str, str]] = st.session_state.setdefault(_ADDRESSES, {})
    shared_names = (*_SHARED_PARAMETERS, "present")
    saved[here] = {
        name: value for name, value in st.query_params.items() if name not in shared_names
    }
    shared = {name: st.query_params[name] for name in _SHARED_PARAMETERS if name in st.query_params}
    if shared.get("run") == st.session_state.get(DEFAULT_RUN, ""):
        del shared["run"]
    if presenting():
        shared["present"] = "true"
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
                    **(saved.get(link.label, {}) if link.label != here else {}),
                    **shared,
                },
            )
