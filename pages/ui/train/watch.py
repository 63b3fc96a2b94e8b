"""A run that is watched: its state, its curves while it learns, and what can be done with it."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, State, Status
from pages.ui import charts, frame, terms
from pages.ui.datasets import data_sets
from pages.ui.published import comparable, references
from pages.ui.runner import runner
from pages.ui.runs.manage import draw_manage
from pages.ui.runs.words import STATES, duration, set_label
from pages.ui.train.sample import draw_sample, steps_of

__all__ = ["draw"]

_POLL_SECONDS = 1.0


class _Seen(NamedTuple):
    """What the page around the live part shows; when it changes, all is drawn anew."""

    state: State
    stopping: bool
    samples: int


def draw(run: Run) -> None:
    """Draw the run: head and buttons, the live part, and what it composes."""
    status = run.status()
    _announce(run, status)
    _draw_head(run, status)
    seen = _seen(run, status)
    every = _POLL_SECONDS if seen.state in ACTIVE else None
    st.fragment(frame.guard()(_draw_live), run_every=every)(run, seen)
    draw_sample(run, status)


def _seen(run: Run, status: Status) -> _Seen:
    return _Seen(status.state, run.stop_requested(), len(run.samples()))


def _announce(run: Run, status: Status) -> None:
    """Say it once when a run ends that this session saw going on."""
    key = f"watched.{run.id}"
    was = st.session_state.get(key)
    st.session_state[key] = status.state
    if was in ACTIVE and status.state not in ACTIVE:
        words = STATES[status.state]
        st.toast(f"{frame.escape_markdown(run.label())}: {words.label.lower()}.", icon=words.icon)


def _draw_head(run: Run, status: Status) -> None:
    words = STATES[status.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(frame.escape_markdown(run.label()), anchor=False, width="content")
        st.badge(words.label, icon=words.icon, color=words.colour)
    data = set_label(data_sets(), run.config().data.name)
    st.caption(f"{frame.escape_markdown(data)} · {run.id}")
    with st.container(horizontal=True):
        if status.state in ACTIVE:
            _draw_stop(run)
        elif status.state == "finished":
            _draw_next(run)
        elif st.button("Resume", type="primary", icon=":material/play_arrow:", key="resume"):
            runner().submit(run)
            st.rerun()
        if st.button("New run", icon=":material/add:", key="new"):
            del st.query_params["run"]
            st.rerun()
        if not frame.presenting():
            draw_manage(run)
    _draw_reason(status)


def _draw_next(run: Run) -> None:
    """Where a finished run leads: to music where it learned music, and to the other runs."""
    here = {"run": run.id}
    music = steps_of(run) is not None
    if music and st.button("Compose with it", type="primary", icon=":material/piano:", key="music"):
        st.switch_page("pages/5_Compose.py", query_params=here)
    kind = "secondary" if music else "primary"
    if st.button("Evaluate and compare", type=kind, icon=":material/ssid_chart:", key="runs"):
        st.switch_page("pages/3_Runs.py", query_params=here)


def _draw_stop(run: Run) -> None:
    stopping = run.stop_requested()
    if st.button(
        "Stopping" if stopping else "Stop",
        icon=":material/stop:",
        key="stop",
        disabled=stopping,
        help="It saves first, and can be resumed.",
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


def _draw_live(run: Run, seen: _Seen) -> None:
    """What changes every second; a change of anything around it draws the whole page once."""
    status = run.status()
    if _seen(run, status) != seen:
        st.rerun()
    config, metrics = run.config(), run.metrics()
    if status.state in ACTIVE:
        progress = min(max(status.progress.fraction, 0.0), 1.0)
        st.progress(progress, text=_progress(run, status, config.train.epochs))
    _draw_figures(metrics, status)
    if not metrics:
        if status.state in ACTIVE:
            st.caption("The curves begin with the end of the first epoch.")
        return
    _draw_curves(metrics, config.data.name)


def _progress(run: Run, status: Status, epochs: int) -> str:
    progress = status.progress
    if status.state == "queued":
        place = runner().position(run)
        return f"Place {place} in the queue" if place else "Waiting to begin"
    if not progress.epoch:
        return frame.escape_markdown(status.reason) or "Starting"
    left = progress.seconds_left
    ends = "" if left is None else f" · {duration(left)} left"
    return f"Epoch {progress.epoch:,} of {epochs:,}{ends}"


def _draw_figures(metrics: list[dict], status: Status) -> None:
    last = metrics[-1] if metrics else {}
    best = status.progress
    with st.grid("auto", min_column_width=160):
        # Without help: its icon would cut the label off.
        st.metric("Negative ELBO (bound)", _number(last.get("train_bound")))
        st.metric(
            "nll",
            _number(last.get("train_nll")),
            help=f"{terms.NLL} The bound is nll + kl, here of the train split, in nats per frame; "
            "lower is better.",
        )
        st.metric(
            "kl",
            _number(last.get("train_kl")),
            help=terms.KL,
        )
        st.metric(
            "Best valid bound",
            _number(best.best_valid_bound),
            help="On sequences that training does not see"
            + (f"; reached in epoch {best.best_epoch:,}." if best.best_epoch else "."),
        )


def _draw_curves(metrics: list[dict], data: str) -> None:
    lines = references(data)
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
    dotted = " The broken grey lines are its test bounds (table 3)." if lines else ""
    st.caption(comparable(data) + dotted)


def _column(metrics: list[dict], name: str) -> np.ndarray:
    """One value an epoch; NaN where it was not measured."""
    return np.array([line.get(name) for line in metrics], dtype=np.float32)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"  # noqa: RUF001
