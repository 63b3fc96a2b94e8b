"""A run as one zip: what it was, what it learned, how it sounds, and how to make it again."""

import io
import zipfile

import safetensors.torch

from dmm_core.flags import command_line
from dmm_core.runs.run import Run
from pages.ui.train.sample import compose, steps_of

__all__ = ["export_zip"]

_COPIED = ("config.json", "metrics.jsonl", "evaluations.json")


def export_zip(run: Run) -> bytes:
    """The zip: weights as safetensors, configuration, metrics, a MIDI sample, and a README.

    Raises:
        RunError: if the run has no sound checkpoint.
    """
    content: dict[str, bytes | str] = {
        "model.safetensors": safetensors.torch.save(run.weights()),
        "README.md": _readme(run),
    }
    for name in _COPIED:
        if (path := run.folder / name).exists():
            content[name] = path.read_bytes()
    if steps_of(run.config().data.name):
        content["sample.mid"] = compose(run)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(f"{run.id}/{name}", data)
    return buffer.getvalue()


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
- `model.safetensors`: the weights with the best valid bound
- `metrics.jsonl`: one line an epoch, in nats per frame
- `evaluations.json`, where the run was evaluated
- `sample.mid`, where the data are music: a piece that the model composed

To train it again, with the same versions:

    {command_line(record.config)}
"""
