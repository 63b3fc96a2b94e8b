"""Trained models that ship with the code, in assets/models: read-only, and used like a run."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dmm_core import training
from dmm_core.config.schema import RunConfig
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError, RunError
from dmm_core.runs.documents import read_document
from dmm_core.runs.run import Run
from dmm_core.system.files import assets

if TYPE_CHECKING:  # a list of the models needs no torch
    from torch import Tensor

    from dmm_core.nn.dmm import DMM

__all__ = ["BUNDLED_NAME", "BUNDLED_PREFIX", "BundledModel", "list_bundled", "load_model"]

BUNDLED_PREFIX = "bundled:"
"""Starts the id of a bundled model; its folder's name follows."""

BUNDLED_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True)
class BundledModel:
    """A folder of model.safetensors and card.json.

    Attributes:
        folder: absolute.
    """

    folder: Path

    @property
    def id(self) -> str:
        """bundled:NAME."""
        return BUNDLED_PREFIX + self.folder.name

    def card(self) -> dict[str, Any]:
        """What is known of the model: its title, configuration, data, test figures, origin.

        Raises:
            RunError: if card.json is damaged.
        """
        return read_document(self.folder / "card.json", {})

    def config(self) -> RunConfig:
        """The configuration it was trained with.

        Raises:
            RunError: if card.json does not hold one.
        """
        try:
            return RunConfig.model_validate(self.card().get("config"))
        except ValidationError:
            raise self._bad_card() from None

    def label(self) -> str:
        """Its title."""
        return str(self.card().get("title") or self.folder.name)

    def weights(self) -> "dict[str, Tensor]":
        """The weights.

        Raises:
            RunError: if they cannot be read.
        """
        return training.load_tensors(self.folder / "model.safetensors")

    def data(self) -> DataSpec:
        """What the model has to know of the data.

        Raises:
            RunError: if card.json does not say.
        """
        card = self.card()
        try:
            return DataSpec.from_json({**card, "name": card.get("data")})
        except DataError:
            raise self._bad_card() from None

    def _bad_card(self) -> RunError:
        return RunError(f"The card.json of {self.id} is missing or damaged.")


def list_bundled() -> list[BundledModel]:
    """Every bundled model, by name."""
    cards = (assets() / "models").glob("*/card.json")
    return [
        BundledModel(card.parent)
        for card in sorted(cards)
        if BUNDLED_NAME.fullmatch(card.parent.name)
    ]


def load_model(source: Run | BundledModel) -> "DMM":
    """The trained model of a run or a bundle, on the CPU and ready to evaluate.

    Raises:
        RunError: if its weights are missing, damaged, or of another model than its configuration's.
    """
    model = training.build_model(source.config().model, source.data(), seed=0)
    try:
        model.load_state_dict(source.weights())
    except RuntimeError:
        raise RunError(
            f"The weights of {source.id} are of another model than its configuration's."
        ) from None
    return model.eval()
