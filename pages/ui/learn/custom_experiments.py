"""Further experiments: those of the app and those in a teacher's own files."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import Experiment, list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import ConfigError, DataError
from pages.ui import charts, frame, terms
from pages.ui.address import choose
from pages.ui.learn.lesson import (
    Lesson,
    TrainingSnapshot,
    chart,
    draw_placeholder,
    last,
    valid_curve,
)

__all__ = ["LESSON", "choose_experiment"]

_FIRST = "transition"


def choose_experiment() -> str:
    """Draw the choice of an experiment, which is stored in the address as ?experiment=.

    Raises:
        DataError: if the address names an experiment that does not exist.
    """
    names = sorted(list_experiments(), key=lambda name: (name != _FIRST, name))
    chosen = choose("Experiment", names, key="experiment", format_func=_title, resets=("runs",))
    if chosen is None:
        raise DataError("There is no such experiment. Choose one from the list.")
    return chosen


def _title(name: str) -> str:
    try:
        return f"{load_experiment(list_experiments()[name]).title} ({name})"
    except ConfigError:
        return f"{name} (invalid file)"


def _draw_controls(experiment: Experiment) -> Mapping[str, RunConfig]:
    if experiment.description:
        st.markdown(frame.escape_markdown(experiment.description, most=600))
    return {variant.title: variant.config for variant in experiment.variants.values()}


def _draw_preview(experiment: Experiment) -> None:
    for variant in experiment.variants.values():
        title = frame.escape_markdown(variant.title)
        description = frame.escape_markdown(variant.description, most=600)
        st.markdown(f"- **{title}**: {description}" if description else f"- **{title}**")


def _draw_results(snapshots: Sequence[TrainingSnapshot]) -> None:
    curves = [
        charts.RunCurve(snapshot.title, *valid_curve(snapshot))
        for snapshot in snapshots
        if len(valid_curve(snapshot)[0])
    ]
    if curves:
        chart(
            charts.runs_overlay(curves, x_title="Update"),
            key="bounds",
            alt="The valid bound of every training over the updates.",
        )
    elif any(snapshot.active for snapshot in snapshots):
        draw_placeholder("The curves will appear here after the first validation.")
    st.dataframe(
        [
            {
                "Training": snapshot.title,
                "Valid bound": last(snapshot, "valid_bound"),
                "nll": last(snapshot, "train_nll"),
                "kl": last(snapshot, "train_kl"),
                "KL weight": last(snapshot, "kl_weight"),
            }
            for snapshot in snapshots
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
    question="Run further experiments, or your own ones. The trainings of an experiment run one "
    "after another and are compared here.",
    experiment="",
    explanation="""
An experiment is described by a JSON file with a title, the settings that its trainings share, and
the settings in which they differ. The experiments of the app are in `assets/lessons`. To add your
own, put their files into the folder `lessons` of `DMM_HOME`. A file can contain all settings of
the Train page; if it is invalid, this page shows the errors. To share an experiment with a class,
send a link to this page; the link can include the runs.

The **bound** is nll + kl, and lower is better. The table shows nll and kl on the train split in
the last epoch.
""",
    draw_results=_draw_results,
    draw_controls=_draw_controls,
    draw_preview=_draw_preview,
    parameters=("experiment",),
)
