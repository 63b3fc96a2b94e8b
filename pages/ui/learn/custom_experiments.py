"""The shelf: any experiment of a file, a teacher's own among them, with its trainings compared."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment, list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import ConfigError, DataError
from pages.ui import charts, frame, terms
from pages.ui.address import choose
from pages.ui.learn.lesson import Lesson, Watched, chart, hold_place, last, valid_curve

__all__ = ["LESSON", "ask_experiment"]

_FIRST = "transition"


def ask_experiment() -> str:
    """Let an experiment be chosen by ?experiment= of the address.

    Raises:
        DataError: if the address names none.
    """
    names = sorted(list_experiments(), key=lambda name: (name != _FIRST, name))
    chosen = choose("Experiment", names, key="experiment", format_func=_title, resets=("runs",))
    if chosen is None:
        raise DataError("There is no such experiment; choose one from the list.")
    return chosen


def _title(name: str) -> str:
    try:
        return f"{load_experiment(list_experiments()[name]).title} ({name})"
    except ConfigError:
        return f"{name} (faulty)"


def _ask(experiment: Experiment) -> Mapping[str, RunConfig]:
    if experiment.description:
        st.markdown(frame.escape_markdown(experiment.description, most=600))
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _before(experiment: Experiment) -> None:
    for variant in experiment.variants.values():
        title = frame.escape_markdown(variant.title)
        description = frame.escape_markdown(variant.description, most=600)
        st.markdown(f"- **{title}**: {description}" if description else f"- **{title}**")


def _draw(watched: Sequence[Watched]) -> None:
    curves = [charts.RunCurve(w.title, *valid_curve(w)) for w in watched if len(valid_curve(w)[0])]
    if curves:
        chart(
            charts.runs_overlay(curves, x_title="Update"),
            key="bounds",
            alt="The valid bound of every training over its updates.",
        )
    elif any(w.active for w in watched):
        hold_place("The curves begin with the first valid bound.")
    st.dataframe(
        [
            {
                "Training": w.title,
                "Valid bound": last(w, "valid_bound"),
                "nll": last(w, "train_nll"),
                "kl": last(w, "train_kl"),
                "KL weight": last(w, "kl_weight"),
            }
            for w in watched
        ],
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f", help=f"{says}Nats per frame.")
            for name, says in (
                ("Valid bound", ""),
                ("nll", f"{terms.NLL} "),
                ("kl", f"{terms.KL} "),
            )
        },
        key="table",
        alt="Valid bound, nll, kl and KL weight of every training.",
    )


LESSON = Lesson(
    title="More",
    question="Further experiments, and those that you wrote yourself: their trainings run one "
    "after the other and are compared.",
    experiment="",
    explains="""
Every experiment is a small JSON file: a title, the settings that its trainings share, and what
each of them changes. Those of the app stand in `assets/lessons`; put your own into the folder
`lessons` of `DMM_HOME`, and they appear here. All settings of the Train page can stand in them,
and a faulty file says what is wrong. A link to this page, with or without its runs, brings your
class to the same place.

Lower is better. The **bound** is nll + kl; train nll and train kl are those of the last epoch.
""",
    draw=_draw,
    ask=_ask,
    before=_before,
    parameters=("experiment",),
)
