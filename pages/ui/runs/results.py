"""A run on its test split, beside what was published on the same data."""

from typing import Any

import streamlit as st

from dmm_core.experiments.published import published
from dmm_core.inference.evaluation import EffectiveSamples, few_paths
from dmm_core.runs.run import Run
from pages.ui import frame
from pages.ui.published import comparable
from pages.ui.runs.evaluator import SAMPLES, evaluator

__all__ = ["draw_evaluation", "newest"]

_POLL_SECONDS = 1.0
_COLUMNS = {
    "importance_nll": "Importance NLL",
    "smc_nll": "Particle-filter NLL",
    "bound_per_step": "Bound per step",
    "bound_per_sequence": "Bound per sequence",
}


def draw_evaluation(run: Run) -> None:
    """Draw the newest evaluation on test, the one going on, or why the last one failed."""
    pending = evaluator().is_pending(run)
    every = _POLL_SECONDS if pending else None
    st.fragment(frame.guard()(_draw), run_every=every)(run, pending)


def newest(run: Run) -> dict[str, Any] | None:
    """The newest evaluation on the test split."""
    found = [entry for entry in run.evaluations() if entry.get("split") == "test"]
    return found[-1] if found else None


def _draw(run: Run, pending: bool) -> None:
    if evaluator().is_pending(run) != pending:
        st.rerun()
    if pending:
        st.status(f"Evaluating on the test split, {SAMPLES} samples a sequence", state="running")
        return
    if fault := evaluator().fault(run):
        st.error(frame.escape_markdown(fault), icon=":material/error:")
    if found := newest(run):
        _draw_table(run, found)


def _draw_table(run: Run, found: dict[str, Any]) -> None:
    data = run.config().data.name
    found = _told(found)
    own = {"Model": f"**{frame.escape_markdown(run.label())}**", "Source": "This run, test split"}
    rows = [own | {title: _bold(found.get(key)) for key, title in _COLUMNS.items()}]
    for row in published(data):
        rows.append(
            {"Model": row.title, "Source": row.source}
            | {title: _number(getattr(row, key, None)) for key, title in _COLUMNS.items()}
        )
    st.table(
        rows,
        border="horizontal",
        hide_index=True,
        alt="Estimates of the NLL and bounds of this run and of published models.",
    )
    if warning := _warning(found):
        st.warning(warning, icon=":material/warning:")
    st.caption(
        f"Nats per frame, lower is better: the paper's a (b) {{c}}. {_how(found)} "
        f"{comparable(data)}"
    )


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """An evaluation by today's names; earlier versions put a filter's estimate elsewhere."""
    if found.get("estimator") != "smc":
        return found
    moved = {"importance_nll": None, "smc_nll": found.get("importance_nll")}
    return found | moved | {"smc_standard_error": found.get("standard_error")}


def _warning(found: dict[str, Any]) -> str:
    ess, samples = found.get("ess"), found.get("samples")
    if not isinstance(ess, dict) or found.get("importance_nll") is None:
        return ""
    try:
        return few_paths(EffectiveSamples(**ess), int(samples or 0))
    except (TypeError, ValueError):  # a file that was edited by hand
        return ""


def _how(found: dict[str, Any]) -> str:
    """How both estimates were obtained, and how sure they are."""
    said, replicates = [], _count(found, "replicates")
    if found.get("importance_nll") is not None:
        line = f"The importance NLL has {_count(found, 'samples')} samples a sequence"
        if replicates:
            line += f" and {replicates} replicates" + _error(found.get("standard_error"))
        else:
            line += "; it was found by an earlier version, without replicates: evaluate again for "
            line += "its error"
        said.append(line + ".")
    if found.get("smc_nll") is not None:
        line = "The particle-filter NLL"
        if replicates and (particles := _count(found, "particles")):
            line += f" has {particles} particles and {replicates} replicates"
            line += _error(found.get("smc_standard_error")) + "; it"
        said.append(f"{line} is an upper bound of the NLL in expectation.")
    return " ".join(said)


def _count(found: dict[str, Any], key: str) -> int:
    """A whole number of an evaluation, 0 where an imported or edited file has anything else."""
    value = found.get(key)
    return value if isinstance(value, int) else 0


def _error(error: Any) -> str:
    return f", standard error {error:.4f}" if isinstance(error, float) else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bold(value: Any) -> str:
    return f"**{value:.3f}**" if isinstance(value, float) else ""
