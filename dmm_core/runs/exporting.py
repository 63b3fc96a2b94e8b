"""Exports a run as one zip file, with its settings, weights, metrics, a sample and a README."""

import io
import zipfile
from dataclasses import replace

from dmm_core.config.flags import command_line
from dmm_core.runs.bundled import load_model
from dmm_core.runs.exported import RunCard
from dmm_core.runs.rendering import compose_midi
from dmm_core.runs.run import Run
from dmm_core.training.checkpoint import encode_tensors

__all__ = ["export_run"]

_COPIED = ("config.json", "metrics.jsonl", "evaluations.json")


def export_run(run: Run) -> bytes:
    """Return a zip file with the weights, configuration, metrics, a MIDI sample and a README.

    The weights are in a safetensors file. `dmm_core.runs.imported.import_run` reads it.

    Raises:
        RunError: if the run has no intact checkpoint.
    """
    facts = run.data()
    content: dict[str, bytes | str] = {
        "README.md": _readme(run),
        "run.json": _card(run).model_dump_json(indent=1) + "\n",
        "model.safetensors": encode_tensors(run.weights()),
    }
    for name in _COPIED:
        if (path := run.folder / name).exists():
            content[name] = path.read_bytes()
    if facts.is_music:
        content["sample.mid"] = compose_midi(load_model(run), facts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(f"{run.id}/{name}", data)
    return buffer.getvalue()


def _card(run: Run) -> RunCard:
    return RunCard.model_validate(
        {
            "name": run.name(),
            "notes": run.notes(),
            "data": replace(run.data(), name="", features=(), actions=()).to_json(),
            **run.status().progress.model_dump(exclude={"seconds_left"}),
        }
    )


def _readme(run: Run) -> str:
    record, progress = run.record(), run.status().progress
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    best = (
        f"best valid bound {progress.best_valid_bound:.4f} nats per frame, "
        f"epoch {progress.best_epoch}"
        if progress.best_valid_bound is not None
        else "no valid bound was measured"
    )
    return f"""# {run.label()}

A Deep Markov Model, trained on {record.config.data.name}: {best}.

- `config.json`: data, model and training settings, with the versions used ({versions})
- `run.json`: name, notes, what the model has to know of its data, and how far it was trained
- `model.safetensors`: the weights with the best valid bound
- `metrics.jsonl`: one line an epoch, in nats per frame
- `evaluations.json`, where the run was evaluated
- `sample.mid`, where the data are music: a piece that the model composed

To have the run among yours, import this zip on the Runs page, or:

    python -m dmm_core import {run.id}.zip

To train it again, with the same versions:

    {command_line(record.config)}
"""
