"""The state, the live learning curves, the buttons and the samples of one run."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, State, Status
from pages.ui import charts, frame, terms
from pages.ui.datasets import dataset_label, dataset_summaries
from pages.ui.published import comparable, references
from pages.ui.runner import runner
from pages.ui.runs.labels import STATES, duration
from pages.ui.runs.manage import draw_manage
from pages.ui.runs.verdict import draw_verdict
from pages.ui.train.sample import draw_sample, steps_of

__all__ = ["draw"]

_POLL_SECONDS = 1.0


class _PageState(NamedTuple):
    """What determines the page outside the live fragment. If it changes, the page is redrawn."""

    state: State
    stopping: bool
    samples: int


def draw(run: Run) -> None:
    """Draw the header with the buttons, the live curves, and the samples of a run."""
    status = run.status()
    _announce_end(run, status)
    _draw_header(run, status)
    page_state = _page_state(run, status)
    every = _POLL_SECONDS if page_state.state in ACTIVE else None
    st.fragment(frame.guard()(_draw_live), run_every=every)(run, page_state)
    draw_sample(run, status)


def _page_state(run: Run, status: Status) -> _PageState:
    return _PageState(status.state, run.stop_requested(), len(run.samples()))


def _announce_end(run: Run, status: Status) -> None:
    """Show a toast once when a run ends that this session has shown as active."""
    key = f"monitor.state.{run.id}"
    previous = st.session_state.get(key)
    st.session_state[key] = status.state
    if previous in ACTIVE and status.state not in ACTIVE:
        display = STATES[status.state]
        st.toast(
            f"{frame.escape_markdown(run.label())}: {display.label.lower()}.", icon=display.icon
        )


def _draw_header(run: Run, status: Status) -> None:
    display = STATES[status.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(frame.escape_markdown(run.label()), anchor=False, width="content")
        st.badge(display.label, icon=display.icon, color=display.colour)
    data = dataset_label(dataset_summaries(), run.config().data.name)
    st.caption(f"{frame.escape_markdown(data)} · {run.id}")
    with st.container(horizontal=True):
        if status.state in ACTIVE:
            _draw_stop(run)
        elif status.state == "finished":
            _draw_next_steps(run)
        elif st.button("Resume", type="primary", icon=":material/play_arrow:", key="resume"):
            runner().submit(run)
            st.rerun()
        if st.button("New run", icon=":material/add:", key="new"):
            del st.query_params["run"]
            st.rerun()
        if not frame.presenting():
            draw_manage(run)
    _draw_reason(status)


def _draw_next_steps(run: Run) -> None:
    """Draw buttons that open a finished run on the Compose page and on the Runs page."""
    here = {"run": run.id}
    music = steps_of(run) is not None
    if music and st.button("Compose with it", type="primary", icon=":material/piano:", key="music"):
        st.switch_page("pages/5_Compose.py", query_params=here)
    if music is False and st.button(
        "Forecast with it", type="primary", icon=":material/query_stats:", key="forecast"
    ):
        st.switch_page("pages/6_Forecast.py", query_params=here)
    if st.button("Evaluate and compare", icon=":material/ssid_chart:", key="runs"):
        st.switch_page("pages/3_Runs.py", query_params=here)


def _draw_stop(run: Run) -> None:
    stopping = run.stop_requested()
    if st.button(
        "Stopping" if stopping else "Stop",
        icon=":material/stop:",
        key="stop",
        disabled=stopping,
        help="The run saves a checkpoint before it stops, and can be resumed.",
    ):
        run.request_stop()
        st.rerun()


def _draw_reason(status: Status) -> None:
    reason = frame.escape_markdown(status.reason, most=600)
    if status.state == "failed":
        st.error(reason, icon=":material/error:")
    elif status.state in ("cancelled", "interrupted"):
        st.info(reason, icon=STATES[status.state].icon)
    elif status.state == "finished" and reason:
        st.caption(reason)


def _draw_live(run: Run, page_state: _PageState) -> None:
    """Draw the progress bar and the curves; redraw the whole page if its state has changed."""
    status = run.status()
    if _page_state(run, status) != page_state:
        st.rerun()
    config, metrics = run.config(), run.metrics()
    if status.state in ACTIVE:
        progress = min(max(status.progress.fraction, 0.0), 1.0)
        st.progress(progress, text=_progress(run, status, config.train.epochs))
    _draw_metrics(metrics, status)
    if not metrics:
        if status.state in ACTIVE:
            st.caption("The learning curves will appear here after the first epoch.")
        return
    _draw_curves(metrics, config.data.name, run.references())
    draw_verdict(run)


def _progress(run: Run, status: Status, epochs: int) -> str:
    progress = status.progress
    if status.state == "queued":
        place = runner().position(run)
        return f"Place {place} in the queue" if place else "Waiting to start"
    if not progress.epoch:
        return frame.escape_markdown(status.reason) or "Starting"
    left = progress.seconds_left
    remaining = "" if left is None else f" · {duration(left)} left"
    return f"Epoch {progress.epoch:,} of {epochs:,}{remaining}"


def _draw_metrics(metrics: list[dict], status: Status) -> None:
    last = metrics[-1] if metrics else {}
    best = status.progress
    with st.grid("auto", min_column_width=160):
        # This metric has no help text, because the help icon would truncate the long label.
        st.metric("Negative ELBO (bound)", _number(last.get("train_bound")))
        st.metric(
            "nll",
            _number(last.get("train_nll")),
            help=f"{terms.NLL} The bound is nll + kl. All three are computed on the train split, "
            "in nats per frame. Lower is better.",
        )
        st.metric(
            "kl",
            _number(last.get("train_kl")),
            help=terms.KL,
        )
        st.metric(
            "Best valid bound",
            _number(best.best_valid_bound),
            help="The lowest bound on the valid split, which is not used for training."
            + (f" It was reached in epoch {best.best_epoch:,}." if best.best_epoch else ""),
        )


def _draw_curves(metrics: list[dict], data: str, simple: dict[str, float]) -> None:
    paper = references(data)
    lines = [*(charts.Reference(_capitalised(n), v) for n, v in simple.items()), *paper]
    figure = charts.elbo_curves(
        _column(metrics, "epoch"),
        bound=_column(metrics, "train_bound"),
        nll=_column(metrics, "train_nll"),
        kl=_column(metrics, "train_kl"),
        kl_weight=_column(metrics, "kl_weight"),
        valid_bound=_column(metrics, "valid_bound"),
        references=lines,
    )
    frame.chart(
        figure,
        key="curves",
        alt="Train bound, nll and kl, valid bound and KL weight over the epochs.",
    )
    sentences = []
    if simple:
        sentences.append(
            "The grey lines mark the negative log-likelihood of simple models on the valid split, "
            "which a useful model falls below."
        )
    if paper or data.startswith("jsb-m21"):
        sentences.append(comparable(data))
    if paper:
        sentences.append("The paper's test bounds (table 3) are also drawn.")
    if sentences:
        st.caption(" ".join(sentences))


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]


def _column(metrics: list[dict], name: str) -> np.ndarray:
    """Return the metric called `name` for every epoch; NaN where it was not measured."""
    return np.array([line.get(name) for line in metrics], dtype=np.float32)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # noqa: RUF001
