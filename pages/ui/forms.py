"""A form for a configuration; titles, help texts, limits and options come from the schema.

A value that differs from the form's initial value is stored in the address as a query parameter
such as `model.z_dim=10`, so that a link, a reload or a return to the page restores it.
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

__all__ = ["config_form", "form_parameters", "parse_or_report", "values_from_address"]

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
    """Draw a widget for every setting, with the advanced settings in an expander.

    Args:
        start: initial values of the form.
        key: prefix of the widgets' keys, which are KEY.SECTION.FIELD.
        choices: "section.field" -> options of a setting, if they are not part of the schema.
        sections: sections to draw, out of data, model and train.

    Returns:
        section -> field -> value. The values are not validated; pass them to `parse_or_report`.
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


def form_parameters() -> list[str]:
    """Return the names of all query parameters that store values of a form: SECTION.FIELD."""
    return [f"{section}.{name}" for section, (_, m) in _SECTIONS.items() for name in m.model_fields]


def values_from_address(
    start: RunConfig, *, sections: Sequence[str] = tuple(_SECTIONS)
) -> dict[str, dict[str, Any]]:
    """Return what `config_form` would return, without drawing the form.

    Args:
        start: initial values of the form.
        sections: sections to return, out of data, model and train.
    """
    return {
        section: {
            name: _value(field, section, name, getattr(start, section), None)
            for name, field in _SECTIONS[section][1].model_fields.items()
        }
        for section in sections
    }


def parse_or_report(values: Mapping[str, Mapping[str, Any]]) -> RunConfig | None:
    """Return the configuration of `values`; if it is invalid, show all errors and return None."""
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
            widget, start = f"{key}.{section}.{name}", getattr(starts, name)
            options = _options(field, offered.get(f"{section}.{name}"))
            st.session_state[widget] = _value(field, section, name, starts, options)
            save = partial(_save, widget, f"{section}.{name}", start)
            values[name] = _widget(field, widget, start, options, save)
    return values


def _value(
    field: FieldInfo, section: str, name: str, starts: BaseModel, options: Sequence[str] | None
) -> Any:
    """Return the value in the address if the widget can show it, otherwise the initial value.

    A widget accepts the end of an open interval. `parse_or_report` refuses it with a message.
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
        return value[: _max_length(field)]
    if isinstance(value, bool):
        return value
    low, high = _bounds(field)
    inside = (low is None or value >= low) and (high is None or value <= high)
    return value if inside and math.isfinite(value) else start


def _options(field: FieldInfo, offered: Sequence[str] | None) -> Sequence[str] | None:
    if offered is None and get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    return offered


def _save(widget: str, parameter: str, start: Any) -> None:
    """Store a widget's value in the address, or remove it if it is the initial value."""
    value = st.session_state[widget]
    if value == start or value is None:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = str(value).lower() if isinstance(value, bool) else str(value)


def _widget(
    field: FieldInfo,
    key: str,
    start: Any,
    options: Sequence[str] | None,
    save: Callable[[], None],
) -> Any:
    """Draw one widget, whose value is already in the session state under `key`."""
    shared: Any = {
        "label": field.title or key,
        "help": field.description,
        "key": key,
        "on_change": save,
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
    return st.text_input(max_chars=_max_length(field), **shared)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Return the lowest and highest value of a widget; open intervals are treated as closed."""
    limits: dict[str, float] = {
        name: float(value)
        for rule in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(rule, name, None)) is not None
    }
    return limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))


def _max_length(field: FieldInfo) -> int | None:
    return next((r.max_length for r in field.metadata if hasattr(r, "max_length")), None)


def _step(start: float) -> float:
    """Return the step of a number input: 0.0001 for an initial value of 0.0008, 0.1 for 1."""
    return 10.0 ** (math.floor(math.log10(start)) if 0 < start < 1 else -1)
