"""The configuration's schema as widgets: titles, help, bounds and choices come from its fields.

A value that differs from where the form starts is a parameter of the address, by the setting's id,
such as `model.z_dim=10`: a link, a reload and a return to the page all bring it back.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig, TrainConfig, parse_config
from dmm_core.errors import ConfigError
from pages.ui.frame import escape_markdown

__all__ = ["asked", "config_form", "parameters", "parsed"]

_SECTIONS: dict[str, tuple[str, type[BaseModel]]] = {
    "data": ("Data", DataConfig),
    "model": ("Model", ModelConfig),
    "train": ("Training", TrainConfig),
}
_COLUMN_PIXELS = 210


def config_form(
    start: RunConfig,
    *,
    key: str,
    choices: Mapping[str, Sequence[str]] | None = None,
    sections: Sequence[str] = tuple(_SECTIONS),
) -> dict[str, dict[str, Any]]:
    """Draw a widget for every setting, the advanced ones folded away, and return their values.

    Args:
        start: what the widgets show until someone changes them, or the address names another
            value.
        key: begins the key of every widget: KEY.SECTION.FIELD.
        choices: "section.field" -> the values on offer, where the schema does not know them.
        sections: those to draw: data, model, train.

    Returns:
        section -> field -> plain value, unchecked: hand them to `parsed`.
    """
    offered = choices or {}
    values: dict[str, dict[str, Any]] = {}
    for section in sections:
        heading, model = _SECTIONS[section]
        st.subheader(heading)
        plain_fields, advanced = {}, {}
        for name, field in model.model_fields.items():
            (advanced if _is_advanced(field) else plain_fields)[name] = field
        starts = getattr(start, section)
        values[section] = _widgets(plain_fields, section, starts, key, offered)
        if advanced:
            with st.expander(f"More {heading.lower()} settings"):
                values[section] |= _widgets(advanced, section, starts, key, offered)
    return values


def parameters() -> list[str]:
    """The parameters of the address that hold values of a form: SECTION.FIELD."""
    return [f"{section}.{name}" for section, (_, m) in _SECTIONS.items() for name in m.model_fields]


def asked(
    start: RunConfig, *, sections: Sequence[str] = tuple(_SECTIONS)
) -> dict[str, dict[str, Any]]:
    """The values of a form that is not drawn: those of `start`, and those that the address names.

    Args:
        start: where the form starts.
        sections: those wanted: data, model, train.

    Returns:
        As `config_form` does.
    """
    return {
        section: {
            name: _value(field, section, name, getattr(start, section), None)
            for name, field in _SECTIONS[section][1].model_fields.items()
        }
        for section in sections
    }


def parsed(values: Mapping[str, Mapping[str, Any]]) -> RunConfig | None:
    """The configuration of `values`, or None once all faults are shown, in one message."""
    try:
        return parse_config(values)
    except ConfigError as error:
        st.error(escape_markdown(str(error), most=2000), icon=":material/error:")
        return None


def _is_advanced(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(
        field.json_schema_extra.get("advanced")
    )


def _widgets(
    fields: Mapping[str, FieldInfo],
    section: str,
    starts: BaseModel,
    key: str,
    offered: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    values = {}
    with st.grid("auto", min_column_width=_COLUMN_PIXELS, vertical_alignment="bottom"):
        for name, field in fields.items():
            place, start = f"{key}.{section}.{name}", getattr(starts, name)
            options = _options(field, offered.get(f"{section}.{name}"))
            st.session_state[place] = _value(field, section, name, starts, options)
            keep = partial(_keep, place, f"{section}.{name}", start)
            values[name] = _widget(field, place, start, options, keep)
    return values


def _value(
    field: FieldInfo, section: str, name: str, starts: BaseModel, options: Sequence[str] | None
) -> Any:
    """The value that the address names, or where it names none that the widget can show, `start`.

    A value that no widget refuses, such as an open bound, is refused with all faults once parsed.
    """
    start, text = getattr(starts, name), st.query_params.get(f"{section}.{name}")
    if text is None:
        return start
    options = _options(field, options)
    if options is not None:
        return text if text in options else start
    try:
        value = TypeAdapter[Any](field.annotation or str).validate_python(text)
    except ValidationError:
        return start
    if isinstance(value, str):
        return value[: _longest(field)]
    if isinstance(value, bool):
        return value
    low, high = _bounds(field)
    inside = (low is None or value >= low) and (high is None or value <= high)
    return value if inside and math.isfinite(value) else start


def _options(field: FieldInfo, offered: Sequence[str] | None) -> Sequence[str] | None:
    if offered is None and get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    return offered


def _keep(place: str, parameter: str, start: Any) -> None:
    """Put what a widget shows into the address, or take it out where it is what it started with."""
    value = st.session_state[place]
    if value == start or value is None:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = str(value).lower() if isinstance(value, bool) else str(value)


def _widget(
    field: FieldInfo,
    key: str,
    start: Any,
    options: Sequence[str] | None,
    keep: Callable[[], None],
) -> Any:
    """One widget; its value stands in the session's state under `key` before it is drawn."""
    shared: Any = {
        "label": field.title or key,
        "help": field.description,
        "key": key,
        "on_change": keep,
    }
    if options is not None:
        return st.selectbox(options=list(options), **shared)
    if field.annotation is bool:
        return st.checkbox(**shared)
    if field.annotation is int:
        low, high = _bounds(field)
        return st.number_input(
            min_value=None if low is None else int(low),
            max_value=None if high is None else int(high),
            step=1,
            **shared,
        )
    if field.annotation is float:
        low, high = _bounds(field)
        return st.number_input(
            min_value=low, max_value=high, step=_step(start), format="%g", **shared
        )
    return st.text_input(max_chars=_longest(field), **shared)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Lowest and highest value of a widget; an open bound is refused later, when parsed."""
    limits: dict[str, float] = {
        name: float(value)
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(rule, name, None)) is not None
    }
    return limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))


def _longest(field: FieldInfo) -> int | None:
    return next((r.max_length for r in field.metadata if hasattr(r, "max_length")), None)


def _step(start: float) -> float:
    """A tenth of the starting value's decade: 0.0008 moves by 0.0001, 1 by 0.1."""
    return 10.0 ** (math.floor(math.log10(start)) if 0 < start < 1 else -1)
