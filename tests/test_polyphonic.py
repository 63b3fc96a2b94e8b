import numpy as np
import pytest

from dmm_core.data.cache import cache_path
from dmm_core.data.polyphonic import POLYPHONIC, load_polyphonic, polyphonic_on_disk
from dmm_core.data.registry import DATASETS
from dmm_core.errors import DataError


def ignore(fraction, message):
    pass


@pytest.fixture
def canonical(mirror, dmm_home):
    """Load a set from the mirror into a private cache."""
    return lambda name: load_polyphonic(name, ignore)


@pytest.mark.parametrize("name", POLYPHONIC)
def test_counts_are_the_known_ones(canonical, name):
    splits, info = canonical(name), DATASETS[name]
    assert {s: len(splits[s]) for s in ("train", "valid", "test")} == info.sequences
    assert {s: splits[s].frames for s in ("train", "valid", "test")} == info.frames
    assert splits.spec == info.spec


def test_the_cache_holds_the_pinned_file_and_serves_without_a_source(
    canonical, monkeypatch, tmp_path
):
    assert not polyphonic_on_disk("jsb")
    first = canonical("jsb")
    assert polyphonic_on_disk("jsb")
    monkeypatch.setenv("DMM_DATASETS_MIRROR", str(tmp_path / "nowhere"))
    again = canonical("jsb")
    for split in ("train", "valid", "test"):
        assert again[split].names == first[split].names
        for x, y in zip(first[split], again[split], strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_altered_cached_file_is_fetched_again(canonical):
    canonical("jsb")
    path = cache_path("JSB_Chorales.mat")
    sound = path.read_bytes()
    path.write_bytes(sound[:1000] + b"\x00" + sound[1001:])
    canonical("jsb")
    assert path.read_bytes() == sound


def test_an_altered_source_leaves_no_file_in_the_cache(dmm_home, tmp_path, monkeypatch):
    monkeypatch.setattr("dmm_core.data.download.PAUSE", 0.0)
    monkeypatch.setenv("DMM_DATASETS_MIRROR", str(tmp_path))
    file = POLYPHONIC["jsb"]
    (tmp_path / file.name).write_bytes(bytes(file.size))
    with pytest.raises(DataError, match=r"JSB_Chorales\.mat was altered"):
        load_polyphonic("jsb", ignore)
    assert not [path for path in cache_path("").iterdir() if path.suffix != ".lock"]


def test_jsb_has_the_known_entropy_and_polyphony(canonical):
    splits = canonical("jsb")
    train, test = (np.concatenate(splits[split].x).astype(float) for split in ("train", "test"))
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    nll = -(test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()
    assert nll == pytest.approx(11.06, abs=0.005)  # independent Bernoulli by pitch
    frames = np.concatenate([np.concatenate(splits[s].x) for s in ("train", "valid", "test")])
    assert frames.sum() / len(frames) == pytest.approx(3.89, abs=0.005)
    assert not any(len(x) == 0 or not x[0].any() or not x[-1].any() for x in splits.train)
