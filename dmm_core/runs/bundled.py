"""Trained models that are part of the project, in assets/models. They are read-only."""

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

if TYPE_CHECKING:  # listing the models must not import torch
    from torch import Tensor

    from dmm_core.nn.dmm import DMM

__all__ = ["BUNDLED_NAME", "BUNDLED_PREFIX", "BundledModel", "list_bundled", "load_model"]

BUNDLED_PREFIX = "bundled:"
"""Prefix of the id of a bundled model, before the name of its folder."""

BUNDLED_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True)
class BundledModel:
    """A folder with model.safetensors and card.json.

    Attributes:
        folder: the absolute path of the folder.
    """

    folder: Path

    @property
    def id(self) -> str:
        """The id, bundled:NAME."""
        return BUNDLED_PREFIX + self.folder.name

    def card(self) -> dict[str, Any]:
        """The content of card.json: title, configuration, data, evaluation and origin of the model.

        Raises:
            RunError: if card.json is damaged.
        """
        return read_document(self.folder / "card.json", {})

    def config(self) -> RunConfig:
        """The configuration that the model was trained with.

        Raises:
            RunError: if card.json has no valid configuration.
        """
        try:
            return RunConfig.model_validate(self.card().get("config"))
        except ValidationError:
            raise self._bad_card() from None

    def label(self) -> str:
        """The title that the app shows."""
        return str(self.card().get("title") or self.folder.name)

    def weights(self) -> "dict[str, Tensor]":
        """The weights, by the names of the parameters.

        Raises:
            RunError: if they cannot be read.
        """
        return training.load_tensors(self.folder / "model.safetensors")

    def data(self) -> DataSpec:
        """The description of the data that the model was trained on.

        Raises:
            RunError: if card.json has no valid description.
        """
        card = self.card()
        try:
            return DataSpec.from_json({**card, "name": card.get("data")})
        except DataError:
            raise self._bad_card() from None

    def _bad_card(self) -> RunError:
        return RunError(f"The card.json of {self.id} is missing or damaged.")


def list_bundled() -> list[BundledModel]:
    """All bundled models, sorted by name."""
    cards = (assets() / "models").glob("*/card.json")
    return [
        BundledModel(card.parent)
        for card in sorted(cards)
        if BUNDLED_NAME.fullmatch(card.parent.name)
    ]


def load_model(source: Run | BundledModel) -> "DMM":
    """Load the trained model of a run or a bundle, on the CPU and in evaluation mode.

    Raises:
        RunError: if the weights are missing or damaged, or do not fit the configuration.
    """
    model = training.build_model(source.config().model, source.data(), seed=0)
    try:
        model.load_state_dict(source.weights())
    except RuntimeError:
        raise RunError(
            f"The weights of {source.id} do not fit the model of its configuration."
        ) from None
    return model.eval()
