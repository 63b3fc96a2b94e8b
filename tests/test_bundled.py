import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from fake_training import CONFIG

from dmm_core import load_run, sample
from dmm_core.data.catalogue import DATASETS
from dmm_core.data.spec import DataSpec
from dmm_core.errors import RunError
from dmm_core.runs.bundled import BundledModel, list_bundled, load_model
from dmm_core.runs.store import create_run
from dmm_core.training.building import build_model
from dmm_core.training.checkpoint import Checkpoint, save_checkpoint, save_tensors

FACTS = DataSpec("binary", 5, "jsb-m21")


@pytest.fixture
def weights():
    return dict(build_model(CONFIG.model, DataSpec("binary", 5), seed=3).state_dict())


@pytest.fixture
def bundle(tmp_path, weights):
    folder = tmp_path / "tiny"
    folder.mkdir()
    save_tensors(folder / "model.safetensors", weights)
    card = {"name": "tiny", "title": "A tiny model", "config": CONFIG.model_dump(mode="json")}
    data = {"data": "jsb-m21", "kind": "binary", "x_dim": 5, "steps_per_quarter": None}
    (folder / "card.json").write_text(json.dumps(card | data))
    return BundledModel(folder)


def test_a_bundle_is_read_like_a_run(bundle, weights):
    assert bundle.id == "bundled:tiny"
    assert bundle.label() == "A tiny model"
    assert bundle.config() == CONFIG
    assert bundle.data() == FACTS
    assert bundle.weights().keys() == weights.keys()


def test_a_run_and_a_bundle_give_the_same_model(bundle, weights, dmm_home):
    run = create_run(CONFIG)
    scalars = {"update": 1, "data": FACTS.to_json()}
    save_checkpoint(run.checkpoints, Checkpoint({"model": weights}, scalars))
    for source in (run, bundle):
        model = load_model(source)
        assert not model.training
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, weights[name])


def test_load_run_takes_an_id_a_folder_or_a_bundled_name(weights, dmm_home):
    run = create_run(CONFIG)
    scalars = {"update": 1, "data": FACTS.to_json()}
    save_checkpoint(run.checkpoints, Checkpoint({"model": weights}, scalars))
    for source in (run.id, run.folder, str(run.folder)):
        loaded = load_run(source)
        assert (loaded.config, loaded.data) == (CONFIG, FACTS)
        assert not loaded.model.training
        for name, tensor in loaded.model.state_dict().items():
            assert torch.equal(tensor, weights[name])
    chorales = load_run("bundled:chorales")
    assert chorales.data.name == chorales.config.data.name == "jsb-m21"
    assert sample(chorales.model, count=1, frames=3, seed=0).x.shape == (1, 3, 88)
    for unknown in ("bundled:nothing", "20200101-000000-000000", dmm_home):
        with pytest.raises(RunError, match="There is no such run"):
            load_run(unknown)


def test_weights_of_another_model_are_refused(bundle):
    save_tensors(bundle.folder / "model.safetensors", {"w": torch.zeros(1)})
    with pytest.raises(RunError, match="bundled:tiny do not fit the model"):
        load_model(bundle)


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"config": {}, "data": "x", "x_dim": "wide"}'])
def test_a_damaged_card_is_one_sentence(bundle, card):
    (bundle.folder / "card.json").write_text(card)
    with pytest.raises(RunError, match=r"card\.json .*(is missing or damaged|is damaged)\.$"):
        load_model(bundle)


def test_cards_name_the_source_and_the_terms_of_the_data():
    models = list_bundled()
    assert len(models) >= 4
    for model in models:
        card = model.card()
        info = DATASETS[card["data"]]
        assert (card["data_source"], card["data_licence"]) == (info.source, info.licence)
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert all(f"`{model.folder.name}`" in readme for model in models)


def test_the_licence_of_the_corpus_is_quoted_as_it_stands():
    package = find_spec("music21")
    assert package and package.origin
    text = " ".join((Path(package.origin).parent / "corpus" / "license.txt").read_text().split())
    quoted = DATASETS["jsb-m21"].licence.split('"')[1]
    assert quoted in text
    assert quoted in (Path(__file__).parent.parent / "README.md").read_text()
