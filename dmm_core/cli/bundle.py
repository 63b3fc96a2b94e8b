"""The command `bundle`, which adds the model of a finished run to the project."""

import argparse
import sys
from typing import Any

from dmm_core import experiments, training
from dmm_core.cli.arguments import Commands, add_command, add_count, add_json, add_run, add_seed
from dmm_core.config.flags import command_line
from dmm_core.data.catalogue import DATASETS
from dmm_core.errors import RunError
from dmm_core.runs.bundled import BUNDLED_NAME
from dmm_core.runs.documents import write_document
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run
from dmm_core.system.files import assets, json_text

__all__ = ["add_commands", "bundle"]

_OF_THE_RUN = ("run", "split", "best_epoch")


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "bundle",
        bundle,
        "Add the model of a finished run to the models that are part of the project.",
        "Every command then accepts it as bundled:NAME. The model is evaluated on its test split "
        "first, unless the run has the same evaluation already.",
    )
    add_run(parser, bundled=False)
    parser.add_argument(
        "name", metavar="NAME", help="the new name: lower-case letters, digits and hyphens"
    )
    parser.add_argument("--title", required=True, help="the title that the app shows")
    add_count(
        parser, "--samples", 2000, "importance sampling: latent paths drawn for each test sequence"
    )
    parser.add_argument(
        "--half",
        action="store_true",
        help="store the weights in half precision (float16), which halves the file; they are "
        "loaded as float32",
    )
    add_seed(parser)
    add_json(parser)


def bundle(given: argparse.Namespace) -> None:
    """Write the best weights of a run and their model card to assets/models/NAME.

    The card has an evaluation on the test split. An earlier evaluation of the run with the same
    samples and seed is reused.

    Raises:
        RunError: if the run is not finished, or the name is not allowed.
    """
    source = find_run(given.run, allow_path=True)
    if not isinstance(source, Run) or source.status().state != "finished":
        raise RunError(f"Only a finished run can be bundled, and {source.id} is not one.")
    if not BUNDLED_NAME.fullmatch(given.name):
        raise RunError(
            f"The name of a bundled model consists of lower-case letters, digits and hyphens; "
            f"{given.name!r} is not allowed."
        )
    found = experiments.measured(source, samples=given.samples, seed=given.seed, show=_show)
    folder = assets() / "models" / given.name
    folder.mkdir(parents=True, exist_ok=True)
    test = {key: value for key, value in found.items() if key not in _OF_THE_RUN}
    card = _card(source, given) | {"test": test}
    weights = source.weights()
    if given.half:
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()
        }
    training.save_tensors(folder / "model.safetensors", weights)
    write_document(folder / "card.json", card)
    print(json_text(card) if given.json else f"bundled:{given.name} in {folder}")


def _show(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _card(source: Run, given: argparse.Namespace) -> dict[str, Any]:
    record, data, progress = source.record(), source.data(), source.status().progress
    info = DATASETS.get(data.name)
    return {
        "name": given.name,
        "title": given.title,
        "config": record.config.model_dump(mode="json"),
        "seed": record.config.train.seed,
        "data": data.name,
        "data_source": info and info.source,
        "data_licence": info and info.licence,
        **{key: value for key, value in data.to_json().items() if key != "name"},
        "valid": {"bound_per_step": progress.best_valid_bound, "epoch": progress.best_epoch},
        "command": command_line(record.config),
        "created": record.created.isoformat(),
        "versions": record.versions,
        **({"precision": "float16"} if given.half else {}),
    }
