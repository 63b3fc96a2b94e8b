"""Print docs/settings.md from the config schema: `python -m docs.settings > docs/settings.md`."""

from typing import Any, get_args

from pydantic.fields import FieldInfo

from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import RunConfig


def allowed(field: FieldInfo) -> str:
    """Return the values that a field accepts, as Markdown."""
    if choices := get_args(field.annotation):
        return ", ".join(f"`{choice}`" for choice in choices)
    if field.annotation is bool:
        return "`true`, `false`"
    limits: dict[str, Any] = {}
    for rule in field.metadata:
        limits |= {k: getattr(rule, k) for k in ("gt", "ge", "lt", "le") if hasattr(rule, k)}
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
    return " ".join(f"{words[key]} {value:,}" for key, value in limits.items()) or "text"


print("# Settings")
print()
print("This page lists every setting of a run. It is generated from the schema in")
print("`dmm_core/config/schema.py`. On the command line a setting is a flag, such as")
print("`--model.z-dim 32`. In the app it is a field of the form. In a run's `config.json` it is a")
print("value of its section.")
for section, sub in RunConfig():
    print(f"\n## {section}\n\n| setting | default | allowed | description |\n|---|---|---|---|")
    for name, field in type(sub).model_fields.items():
        flag = f"{section}.{name.replace('_', '-')}"
        print(f"| `{flag}` | `{field.default}` | {allowed(field)} | {field.description} |")
print("\n## Presets\n")
for name, config in PRESETS.items():
    differences = [
        f"`{section}.{field.replace('_', '-')}` {value}"
        for section, sub in config
        for field, value in sub
        if value != type(sub).model_fields[field].default
    ]
    print(f"- `{name}`: {', '.join(differences)}")
