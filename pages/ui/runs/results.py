"""The evaluation of a run on its test split, with published results on the same data."""

from typing import Any

import streamlit as st

from dmm_core.experiments.published import published
from dmm_core.inference.evaluation import EffectiveSamples, few_paths
from dmm_core.runs.run import Run
from pages.ui import frame
from pages.ui.published import comparable
from pages.ui.runs.evaluator import SAMPLES, evaluator

__all__ = ["draw_evaluation", "latest_evaluation"]

_POLL_SECONDS = 1.0
_COLUMNS = {
    "importance_nll": "Importance NLL",
    "smc_nll": "Particle-filter NLL",
    "bound_per_step": "Bound per step",
    "bound_per_sequence": "Bound per sequence",
}


def draw_evaluation(run: Run) -> None:
    """Draw the latest evaluation on test, its progress, or the reason of its failure."""
    pending = evaluator().is_pending(run)
    every = _POLL_SECONDS if pending else None
    st.fragment(frame.guard()(_draw), run_every=every)(run, pending)


def latest_evaluation(run: Run) -> dict[str, Any] | None:
    """Return the latest evaluation on the test split, or None."""
    found = [entry for entry in run.evaluations() if entry.get("split") == "test"]
    return found[-1] if found else None


def _draw(run: Run, pending: bool) -> None:
    if evaluator().is_pending(run) != pending:
        st.rerun()
    if pending:
        st.status(
            f"Evaluating on the test split with {SAMPLES} samples per sequence", state="running"
        )
        return
    if failure := evaluator().failure(run):
        st.error(frame.escape_markdown(failure), icon=":material/error:")
    if found := latest_evaluation(run):
        _draw_table(run, found)


def _draw_table(run: Run, found: dict[str, Any]) -> None:
    data = run.config().data.name
    found = _with_current_names(found)
    this = {"Model": f"**{frame.escape_markdown(run.label())}**", "Source": "This run, test split"}
    rows = [this | {title: _bold(found.get(key)) for key, title in _COLUMNS.items()}]
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
        "All values are in nats per frame; lower is better. The paper writes the importance NLL "
        "and the two bounds as a (b) {c}. "
        f"{_estimation_details(found)} {comparable(data)}"
    )


def _with_current_names(found: dict[str, Any]) -> dict[str, Any]:
    """Rename the particle-filter estimate of an evaluation by an earlier version."""
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
    except (TypeError, ValueError):  # the file was edited by hand
        return ""


def _estimation_details(found: dict[str, Any]) -> str:
    """Return sentences on the samples and standard errors of both estimates of the NLL."""
    sentences, replicates = [], _count(found, "replicates")
    if found.get("importance_nll") is not None:
        sentence = f"The importance NLL uses {_count(found, 'samples')} samples per sequence"
        if replicates:
            sentence += f" and {replicates} replicates" + _error(found.get("standard_error"))
        sentences.append(f"{sentence}.")
        if not replicates:
            sentences.append(
                "It was computed by an earlier version without replicates. Evaluate again to "
                "obtain its standard error."
            )
    if found.get("smc_nll") is not None:
        if replicates and (particles := _count(found, "particles")):
            sentences.append(
                f"The particle-filter NLL uses {particles} particles and {replicates} replicates"
                f"{_error(found.get('smc_standard_error'))}."
            )
        sentences.append("The particle-filter NLL is an upper bound of the NLL in expectation.")
    return " ".join(sentences)


def _count(found: dict[str, Any], key: str) -> int:
    """Return an integer of an evaluation, or 0 if an imported or edited file has none."""
    value = found.get(key)
    return value if isinstance(value, int) else 0


def _error(error: Any) -> str:
    return f" (standard error {error:.4f})" if isinstance(error, float) else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bold(value: Any) -> str:
    return f"**{value:.3f}**" if isinstance(value, float) else ""
