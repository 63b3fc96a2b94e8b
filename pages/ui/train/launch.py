"""Start a run: a preset, a data set, one button; every setting stands below for who looks."""

import math
import secrets
from typing import NamedTuple

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, RunConfig
from dmm_core.data.catalogue import DATASETS
from dmm_core.errors import DMMError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import create_run, list_runs
from dmm_core.system.device import choose_device, precision_warning
from dmm_core.training.building import require_fit
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.datasets import SetFacts, data_sets
from pages.ui.forms import asked, config_form, parameters, parsed
from pages.ui.published import comparable
from pages.ui.runner import runner
from pages.ui.runs.words import duration, set_label
from pages.ui.train.estimate import Workload, check_memory, estimate, workload

__all__ = ["draw", "estimate_warning", "launch"]

_FORM = "train"

_SHORT = {"z_dim": "z", "rnn_size": "rnn", "inference": "", "emission": "", "batch_size": "batch"}
"""Settings whose field is not what one calls them; "" where the value says it all."""


class _Words(NamedTuple):
    title: str
    description: str


_PRESETS = {
    "quick": _Words("Quick", "A small model that already makes music: the one to begin with."),
    "classroom": _Words("Classroom", "A tiny model, to watch it learn while everybody waits."),
    "paper-dmm": _Words("Paper", "The paper's model at full size (table 3)."),
    "paper-aug": _Words("Aug", "The paper's model, whose next step also sees the frame before it."),
    "paper-aug-nade": _Words("Aug-NADE", "As Aug, with notes of a frame that know of each other."),
}


class _Chosen(NamedTuple):
    preset: str
    facts: SetFacts
    work: Workload
    data: DataConfig


def draw() -> None:
    """Draw the choice of a preset and a data set, the Train button, and the settings below."""
    top = st.container()
    with top:
        chosen = _draw_choices(data_sets())
    if chosen is None:
        st.stop()
    values = _draw_settings(chosen.preset, chosen.work)
    with top:
        config = _fitting(parsed({"data": chosen.data.model_dump(), **values}), chosen.work)
        estimated = _draw_button(config, chosen)
        _draw_facts(chosen)
        if config is not None and (warning := estimate_warning(config, chosen.work)):
            st.warning(warning, icon=":material/warning:")
    if config is not None:  # last, since the first estimate measures this machine for a moment
        estimated.markdown(_estimate(config, chosen.work))


def _fitting(config: RunConfig | None, work: Workload) -> RunConfig | None:
    """The configuration, or None and the reason on the page.

    It must be able to explain the data, and to be trained in the memory of this machine.
    """
    if config is None:
        return None
    try:
        require_fit(config.model, work.spec)
        check_memory(config, work)
    except DMMError as fault:
        st.error(frame.escape_markdown(str(fault)), icon=":material/error:")
        return None
    return config


def launch(config: RunConfig, name: str) -> Run:
    """Create the run of this session's pending launch, queue it and put it into the address.

    A second click that comes before the page has changed asks for the same launch, and so gets
    the same run.

    Raises:
        RunError: if the program is closing.
        OSError: if the disk refuses.
    """
    token = st.session_state.setdefault("launch.token", secrets.token_hex(16))
    run = create_run(config, name=name, token=token)
    runner().submit(run)
    st.query_params["run"] = run.id
    return run


def _draw_choices(sets: dict[str, SetFacts]) -> _Chosen | None:
    left, right = st.columns([6, 5])
    with left:
        preset = choose(
            "Preset",
            list(PRESETS),
            key="preset",
            show=lambda name: _PRESETS[name].title,
            few=True,
            resets=parameters(),
        )
    with right:
        name = choose("Data set", list(sets), key="data", show=lambda name: set_label(sets, name))
        work = workload(name) if name else None
        seed = _draw_data_seed() if name in DATASETS and DATASETS[name].seeded else 0
    if preset is None or name is None or work is None:
        st.error("There is no such preset or data set; choose one above.", icon=":material/error:")
        return None
    return _Chosen(preset, sets[name], work, DataConfig(name=name, seed=seed))


def _draw_data_seed() -> int:
    return int(
        st.number_input(
            "Data seed",
            0,
            2**31 - 1,
            0,
            key="data_seed",
            bind="query-params",
            help="Decides the synthetic sequences that are drawn.",
        )
    )


def _draw_settings(preset: str, work: Workload) -> dict[str, dict]:
    """The form below the button, which another preset fills anew; presenter mode hides it."""
    start, sections = _start(preset, work), ("model", "train")
    if frame.presenting():
        return asked(start, sections=sections)
    emissions = work.emissions
    choices = {
        "model.emission": emissions,
        "train.device": _devices(),
        "train.precision": _precisions(),
    }
    return config_form(start, key=_FORM, choices=choices, sections=sections)


def _start(preset: str, work: Workload) -> RunConfig:
    """The preset, with an emission that explains such data."""
    start = PRESETS[preset]
    if start.model.emission in work.emissions:
        return start
    model = start.model.model_copy(update={"emission": work.emissions[0]})
    return start.model_copy(update={"model": model})


def _draw_button(config: RunConfig | None, chosen: _Chosen) -> DeltaGenerator:
    """The Train button, and a place beside it for the estimate."""
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            key="launch",
            disabled=config is None,
        )
        estimated = st.empty()
    if asked and config is not None:
        launch(config, _name(config, chosen))
        st.rerun()
    st.session_state.pop("launch.token", None)  # the next click is another launch
    return estimated


def _name(config: RunConfig, chosen: _Chosen) -> str:
    """The preset, the data set where it is another, and every setting that was changed."""
    start = _start(chosen.preset, chosen.work)
    words = [_PRESETS[chosen.preset].title]
    if chosen.data.name != start.data.name:
        words.append(chosen.facts.title)
    if chosen.data.seed != start.data.seed:
        words.append(f"data seed {chosen.data.seed}")
    for section in ("model", "train"):
        for field, value in getattr(config, section):
            if value != getattr(getattr(start, section), field):
                words.append(_changed(field, value))
    return ", ".join(words)


def _changed(field: str, value: object) -> str:
    """A setting in a name, such as "z 10", "lr 0.001" or "no learn initial"."""
    shown = _SHORT.get(field, field.replace("_", " "))
    if isinstance(value, bool):
        return shown if value else f"no {shown}"
    return f"{shown} {value:g}".strip() if isinstance(value, float) else f"{shown} {value}".strip()


def _draw_facts(chosen: _Chosen) -> None:
    sentences = [_PRESETS[chosen.preset].description, comparable(chosen.data.name)]
    if not chosen.facts.ready:
        sentences.append("The data set is not on this machine yet: the run gets it first.")
    if ahead := sum(run.state() in ACTIVE for run in list_runs()):
        sentences.append(f"{ahead} {'run is' if ahead == 1 else 'runs are'} ahead of it.")
    st.caption(" ".join(sentences))


def estimate_warning(config: RunConfig, work: Workload) -> str:
    """What speaks against this training, or ""."""
    updates = config.train.epochs * math.ceil(work.sequences / config.train.batch_size)
    doubts = []
    if updates < config.train.anneal_updates:
        doubts.append(
            f"KL annealing takes {config.train.anneal_updates:,} updates, but this training has "
            f"{updates:,}: the model will not have learned to compose. Train for more epochs, or "
            "lower the KL annealing updates below."
        )
    if slow := precision_warning(config.train.device, config.train.precision):
        doubts.append(slow)
    if work.sequences == 1:
        doubts.append("One sequence alone is also its own valid data, so the bound tells little.")
    return " ".join(doubts)


def _estimate(config: RunConfig, work: Workload) -> str:
    device = choose_device(config.train.device, config.train.precision)
    seconds = estimate(config, work)
    most = " at most" if config.train.patience else ""
    where = "CPU" if device.type == "cpu" else "GPU"
    took = duration(seconds)
    return f"{took[0].upper()}{took[1:]}{most} on this machine's {where}."


def _devices() -> list[str]:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["auto", "cpu", *(name for name, is_there in there.items() if is_there)]


def _precisions() -> list[str]:
    return ["float32", *(["tf32"] if torch.cuda.is_available() else []), "bf16"]
