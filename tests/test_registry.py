import dataclasses
from pathlib import Path

import numpy as np
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
    "spikes",
    "medical",
]
SERIES = ["nile", "sunspots", "co2"]
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
        *SERIES,
        *SYNTHETIC,
    ]
    for name, info in DATASETS.items():
        assert info.name == name
        assert dataset_info(name) is info
        assert DataConfig(name=name).name == name
        for field in dataclasses.fields(info):
            assert getattr(info, field.name) or field.name in MAY_BE_EMPTY
        assert info.spec.is_music == (name not in (*SYNTHETIC, *SERIES, "jsb-m21-voices"))
        assert info.spec.is_voices == (name == "jsb-m21-voices")
        assert info.seeded == (name in SYNTHETIC)
        assert len(info.spec.actions) == info.spec.u_dim


def test_the_default_data_set_exists():
    assert DataConfig().name in DATASETS


@pytest.mark.parametrize("name", SYNTHETIC + SERIES)
def test_a_synthetic_data_set_has_its_counts_and_is_always_at_hand(dmm_home, name):
    info, splits = DATASETS[name], load_dataset(DataConfig(name=name, seed=2))
    assert on_disk(name)
    assert {s: len(splits[s]) for s in info.sequences} == info.sequences
    assert {s: splits[s].frames for s in info.frames} == info.frames
    assert splits.spec == info.spec and splits.name == name
    assert splits.spec.time == info.spec.time and splits.spec.features == info.spec.features
    assert not (dmm_home / "datasets").exists()


def test_series_are_split_in_time():
    co2 = load_dataset(DataConfig(name="co2"))
    assert co2.whole is not None and co2.time is not None
    (x,), (observed,) = co2.whole.sequences.x, co2.whole.sequences.observed
    assert len(x) == 2284 and (observed == 0).sum() == 59
    times = co2.time.values(co2.whole.sequences.starts[0], len(x))
    assert [str(times[0]), str(times[-1])] == ["1958-03-29", "2001-12-29"]
    assert x[0, 0] == pytest.approx(316.1) and x[-1, 0] == pytest.approx(371.5)
    assert (co2.whole.valid_from, co2.whole.test_from) == ((1599,), (1941,))
    assert np.array_equal(np.concatenate([*co2.train.x, *co2.valid.x, *co2.test.x]), x)
    nile, sunspots = (load_dataset(DataConfig(name=name)) for name in ("nile", "sunspots"))
    assert nile.train.names == ("nile: 1871 to 1895", "nile: 1896 to 1920", "nile: 1921 to 1940")
    assert nile.whole.sequences.x[0][:3].tolist() == [[1120], [1160], [963]]
    assert sunspots.features == ("SUNACTIVITY",) and sunspots.kind == "real"
    assert sunspots.test.starts == (-7.0, 20.0)


def test_nothing_else_is_on_disk_at_first(dmm_home):
    assert [name for name in DATASETS if on_disk(name)] == SERIES + SYNTHETIC


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
