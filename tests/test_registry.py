import dataclasses
from pathlib import Path

import pytest

from dmm_core.config.schema import DataConfig
from dmm_core.data import registry
from dmm_core.data.registry import DATASETS, dataset_info, load_dataset, on_disk
from dmm_core.errors import DataError

SYNTHETIC = [
    "linear-toy",
    "linear-gssm",
    "linear-gssm-10",
    "linear-gssm-100",
    "linear-gssm-250",
    "nonlinear-gssm",
    "nonlinear-ukf",
    "medical",
]
MAY_BE_EMPTY = {"grid", "seeded", "u_dim", "missing", "features", "actions", "downloaded"}


def test_every_data_set_is_listed_under_its_name():
    assert list(DATASETS) == [
        "jsb-m21",
        "jsb-m21-eighth",
        "jsb-m21-sixteenth",
        "jsb-m21-voices",
        "jsb",
        "nottingham",
        "musedata",
        "piano-midi",
        *SYNTHETIC,
    ]
    for name, info in DATASETS.items():
        assert info.name == name
        assert dataset_info(name) is info
        assert DataConfig(name=name).name == name
        for field in dataclasses.fields(info):
            assert getattr(info, field.name) or field.name in MAY_BE_EMPTY
        assert info.spec.is_music == (name not in (*SYNTHETIC, "jsb-m21-voices"))
        assert info.spec.is_voices == (name == "jsb-m21-voices")
        assert info.seeded == (name in SYNTHETIC)
        assert len(info.spec.actions) == info.spec.u_dim


def test_the_default_data_set_exists():
    assert DataConfig().name in DATASETS


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_synthetic_data_set_has_its_counts_and_is_always_at_hand(dmm_home, name):
    info, splits = DATASETS[name], load_dataset(DataConfig(name=name, seed=2))
    assert on_disk(name)
    assert {s: len(splits[s]) for s in info.sequences} == info.sequences
    assert {s: splits[s].frames for s in info.frames} == info.frames
    assert splits.spec == info.spec and splits.name == name
    assert not (dmm_home / "datasets").exists()


def test_nothing_else_is_on_disk_at_first(dmm_home):
    assert [name for name in DATASETS if on_disk(name)] == SYNTHETIC


def test_a_set_is_on_disk_once_it_was_loaded(dmm_home, mirror):
    load_dataset(DataConfig(name="jsb"))
    assert on_disk("jsb")
    assert not on_disk("nottingham")


@pytest.mark.parametrize("name", ["jsb-m22", "JSB", "../jsb", "upload", "\x00", "x" * 80])
def test_an_unknown_name_lists_those_allowed(dmm_home, name):
    for use in (dataset_info, on_disk, lambda name: load_dataset(DataConfig(name=name))):
        with pytest.raises(DataError) as error:
            use(name)
        message = str(error.value)
        assert repr(name)[:60] in message
        assert all(known in message for known in DATASETS)
        assert "upload:ID" in message


def test_an_upload_goes_by_its_id(monkeypatch):
    monkeypatch.setattr(registry, "load_upload", lambda upload: f"loaded {upload}")
    assert load_dataset(DataConfig(name="upload:0123abcd")) == "loaded 0123abcd"


def test_a_missing_upload_is_a_data_error(dmm_home):
    with pytest.raises(DataError, match="no-such-upload"):
        load_dataset(DataConfig(name="upload:no-such-upload"))


def test_the_docs_give_the_same_counts():
    rows = (Path(registry.__file__).parents[2] / "docs" / "data.md").read_text().splitlines()
    for name, info in DATASETS.items():
        (row,) = (row for row in rows if row.startswith(f"| `{name}` |"))
        for counts in (info.sequences, info.frames):
            assert " / ".join(f"{counts[s]:,}" for s in ("train", "valid", "test")) in row
        assert info.spec.grid is None or f"| {info.spec.grid} |" in row
