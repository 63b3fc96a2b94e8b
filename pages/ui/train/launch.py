"""Start a run: the choice of a preset and a data set, the Train button, and all settings."""

import math
import secrets
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, RunConfig
from dmm_core.data.catalogue import DATASETS
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DMMError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import create_run, list_runs
from dmm_core.system.device import choose_device, precision_warning
from dmm_core.training.building import require_fit
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.datasets import DatasetSummary, dataset_label, dataset_summaries
from pages.ui.forms import (
    config_form,
    form_parameters,
    parse_or_report,
    values_from_address,
)
from pages.ui.published import comparable
from pages.ui.runner import runner
from pages.ui.runs.labels import duration
from pages.ui.train.estimate import Workload, check_memory, estimate, workload

__all__ = ["draw", "estimate_warning", "launch"]

_FORM = "train"

_SHORT = {"z_dim": "z", "rnn_size": "rnn", "inference": "", "emission": "", "batch_size": "batch"}
"""Short names of settings in the name of a run; "" if the value alone is clear enough."""


class _PresetText(NamedTuple):
    """How a preset is shown, and the data for which it is offered."""

    title: str
    description: str
    suits: Callable[[DataSpec], bool]


def _is_no_music(data: DataSpec) -> bool:
    return not data.is_music and not data.is_voices


_PRESETS = {
    "series": _PresetText(
        "Series",
        "A small model for one or a few series, which forecasts them. Start with this preset.",
        _is_no_music,
    ),
    "quick": _PresetText(
        "Quick", "A small model that trains in a minute or two.", lambda data: not data.is_voices
    ),
    "classroom": _PresetText(
        "Classroom", "A tiny model that trains within a lecture.", lambda data: not data.is_voices
    ),
    "paper-dmm": _PresetText(
        "Paper", "The DMM of the paper at full size (table 3).", lambda data: not data.is_voices
    ),
    "paper-aug": _PresetText(
        "Aug",
        "The paper's DMM-Aug: transition and emission also see the previous frame.",
        lambda data: not data.is_voices and not data.missing,
    ),
    "paper-aug-nade": _PresetText(
        "Aug-NADE",
        "DMM-Aug with a NADE emission, which models the notes of a frame jointly.",
        lambda data: data.kind == "binary" and not data.missing,
    ),
    "voices": _PresetText(
        "Voices",
        "Four voices in sixteenths, drawn slot after slot. It trains for an hour or more on a CPU.",
        lambda data: data.is_voices,
    ),
    "voices-first-order": _PresetText(
        "Voices, first order",
        "The same emission without latent states that remember, for comparison.",
        lambda data: data.is_voices,
    ),
}
"""The presets in the order in which they are shown; the first one that suits is the default."""


class _Selection(NamedTuple):
    preset: str
    summary: DatasetSummary
    work: Workload
    data: DataConfig


def draw() -> None:
    """Draw the choice of a preset and a data set, the Train button, and the settings below."""
    top = st.container()
    with top:
        selection = _draw_choices(dataset_summaries())
    if selection is None:
        st.stop()
    values = _draw_settings(selection.preset, selection.work)
    with top:
        parsed = parse_or_report({"data": selection.data.model_dump(), **values})
        config = _check_config(parsed, selection.work)
        estimate_place = _draw_button(config, selection)
        _draw_description(selection)
        if config is not None and (warning := estimate_warning(config, selection.work)):
            st.warning(warning, icon=":material/warning:")
    if config is not None:  # last, because the first estimate takes a moment to measure the speed
        estimate_place.markdown(_estimate(config, selection.work))


def _check_config(config: RunConfig | None, work: Workload) -> RunConfig | None:
    """Return the configuration, or show an error and return None.

    The model must support the data, and training must fit into the memory of this machine.
    """
    if config is None:
        return None
    try:
        require_fit(config.model, work.spec)
        check_memory(config, work)
    except DMMError as error:
        st.error(frame.escape_markdown(str(error)), icon=":material/error:")
        return None
    return config


def launch(config: RunConfig, name: str) -> Run:
    """Create a run, queue it and store its id in the address.

    A double click creates one run only: until the page is drawn again, the session uses the same
    launch token, and a token belongs to one run.

    Raises:
        RunError: if the program is closing.
        OSError: if the run folder cannot be written.
    """
    token = st.session_state.setdefault("launch.token", secrets.token_hex(16))
    run = create_run(config, name=name, token=token)
    runner().submit(run)
    st.query_params["run"] = run.id
    return run


def _draw_choices(sets: dict[str, DatasetSummary]) -> _Selection | None:
    left, right = st.columns([6, 5])
    with right:
        name = choose(
            "Data set", list(sets), key="data", format_func=lambda name: dataset_label(sets, name)
        )
        work = workload(name) if name else None
        seed = _draw_data_seed() if name in DATASETS and DATASETS[name].seeded else 0
    suited = [key for key, text in _PRESETS.items() if work is None or text.suits(work.spec)]
    if st.query_params.get("preset") in PRESETS and st.query_params["preset"] not in suited:
        del st.query_params["preset"]  # it was chosen for another data set
    with left:
        preset = choose(
            "Preset",
            suited,
            key="preset",
            format_func=lambda name: _PRESETS[name].title,
            segmented=True,
            resets=form_parameters(),
        )
    if preset is None or name is None or work is None:
        st.error("There is no such preset or data set. Choose one above.", icon=":material/error:")
        return None
    return _Selection(preset, sets[name], work, DataConfig(name=name, seed=seed))


def _draw_data_seed() -> int:
    return int(
        st.number_input(
            "Data seed",
            0,
            2**31 - 1,
            0,
            key="data_seed",
            bind="query-params",
            help="Seed of the random numbers with which the synthetic sequences are sampled.",
        )
    )


def _draw_settings(preset: str, work: Workload) -> dict[str, dict]:
    """Draw the settings and return their values; in presenter mode they are not drawn."""
    start, sections = _start(preset, work), ("model", "train")
    if frame.presenting():
        return values_from_address(start, sections=sections)
    emissions = work.emissions
    choices = {
        "model.emission": emissions,
        "train.device": _devices(),
        "train.precision": _precisions(),
    }
    return config_form(start, key=_FORM, choices=choices, sections=sections)


def _start(preset: str, work: Workload) -> RunConfig:
    """Return the preset, with another emission if its own does not support the data."""
    start = PRESETS[preset]
    if start.model.emission in work.emissions:
        return start
    model = start.model.model_copy(update={"emission": work.emissions[0]})
    return start.model_copy(update={"model": model})


def _draw_button(config: RunConfig | None, selection: _Selection) -> DeltaGenerator:
    """Draw the Train button, and return the empty element beside it for the estimate."""
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            key="launch",
            disabled=config is None,
        )
        estimate_place = st.empty()
    if clicked and config is not None:
        launch(config, _name(config, selection))
        st.rerun()
    st.session_state.pop("launch.token", None)  # the next click starts another run
    return estimate_place


def _name(config: RunConfig, selection: _Selection) -> str:
    """Return the name of the run: the preset and everything that differs from it."""
    start = _start(selection.preset, selection.work)
    parts = [_PRESETS[selection.preset].title]
    if selection.data.name != start.data.name:
        parts.append(selection.summary.title)
    if selection.data.seed != start.data.seed:
        parts.append(f"data seed {selection.data.seed}")
    for section in ("model", "train"):
        for field, value in getattr(config, section):
            if value != getattr(getattr(start, section), field):
                parts.append(_setting_label(field, value))
    return ", ".join(parts)


def _setting_label(field: str, value: object) -> str:
    """Return a changed setting for the name of a run, such as "z 10" or "no learn initial"."""
    shown = _SHORT.get(field, field.replace("_", " "))
    if isinstance(value, bool):
        return shown if value else f"no {shown}"
    return f"{shown} {value:g}".strip() if isinstance(value, float) else f"{shown} {value}".strip()


def _draw_description(selection: _Selection) -> None:
    sentences = [_PRESETS[selection.preset].description]
    if selection.work.spec.is_music:
        sentences.append(comparable(selection.data.name))
    if not selection.summary.ready:
        verb = "downloads" if selection.summary.downloaded else "builds"
        sentences.append(f"The data set is not on this machine yet. The run {verb} it first.")
    if ahead := sum(run.state() in ACTIVE for run in list_runs()):
        sentences.append(f"The queue has {ahead} {'run' if ahead == 1 else 'runs'}.")
    st.caption(" ".join(sentences))


def estimate_warning(config: RunConfig, work: Workload) -> str:
    """Return warnings about this configuration, or ""."""
    updates = config.train.epochs * math.ceil(work.sequences / config.train.batch_size)
    warnings = []
    if updates < config.train.anneal_updates:
        warnings.append(
            f"KL annealing takes {config.train.anneal_updates:,} updates, but this training has "
            f"{updates:,} only, so the KL never has its full weight. Increase the number of "
            "epochs, or reduce the KL annealing updates below."
        )
    if precision := precision_warning(config.train.device, config.train.precision):
        warnings.append(precision)
    if work.sequences == 1 and work.frames == work.valid_frames:
        warnings.append(
            "The only sequence is used for train and valid, so the valid bound does not show how "
            "well the model generalises."
        )
    return " ".join(warnings)


def _estimate(config: RunConfig, work: Workload) -> str:
    device = choose_device(config.train.device, config.train.precision)
    seconds = estimate(config, work)
    most = " at most" if config.train.patience else ""
    kind = "CPU" if device.type == "cpu" else "GPU"
    text = duration(seconds)
    return f"{text[0].upper()}{text[1:]}{most} on this machine's {kind}."


def _devices() -> list[str]:
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["auto", "cpu", *(name for name, is_available in available.items() if is_available)]


def _precisions() -> list[str]:
    return ["float32", *(["tf32"] if torch.cuda.is_available() else []), "bf16"]
