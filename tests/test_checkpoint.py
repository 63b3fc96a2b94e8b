import json
import os
import random
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from dmm_core.errors import RunError
from dmm_core.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_tensors,
    save_checkpoint,
    save_tensors,
)

KILLS = int(os.environ.get("DMM_CHECKPOINT_KILLS", "60"))


def checkpoint(update, **scalars):
    tensors = {
        "model": {"weight": torch.full((30, 20), float(update)), "count": torch.tensor(update)},
        "optimiser": {"weight.exp_avg": torch.linspace(0, update, 50, dtype=torch.float64)},
    }
    return Checkpoint(tensors, {"epoch": update // 10, "update": update, **scalars})


def assert_same(found, wanted):
    assert found.scalars == wanted.scalars
    assert found.tensors.keys() == wanted.tensors.keys()
    for group, tensors in wanted.tensors.items():
        assert found.tensors[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert found.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(found.tensors[group][name], tensor)


@contextmanager
def files_limited_to(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_round_trip_is_exact(tmp_path):
    wanted = checkpoint(7, best=0.1 + 0.2, none=None, nested={"seed": [2**100, -1]}, text="é\ud800")
    wanted.tensors["odd"] = {
        "transposed": torch.arange(6).reshape(2, 3).T,
        "nan": torch.tensor([float("nan"), float("-inf"), -0.0]).view(torch.int32),
        "empty": torch.zeros(0, 3),
        "bytes": torch.arange(256, dtype=torch.uint8),
    }
    wanted.tensors["nothing"] = {}
    save_checkpoint(tmp_path / "new folder", wanted)
    loaded = load_checkpoint(tmp_path / "new folder")
    assert loaded.skipped == ()
    assert_same(loaded.checkpoint, wanted)


def test_no_checkpoint_is_none(tmp_path):
    (tmp_path / "notes.json").write_text("{}")
    assert load_checkpoint(tmp_path) == (None, ())
    assert load_checkpoint(tmp_path / "missing") == (None, ())


def test_two_newest_are_kept(tmp_path):
    for update in (10, 20, 30, 40):
        save_checkpoint(tmp_path, checkpoint(update))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name for name in names if name.endswith(".json")] == [
        "000000030.json",
        "000000040.json",
    ]
    assert len(names) == 2 + 2 * 2


def test_another_checkpoint_of_the_same_update_replaces_the_first(tmp_path):
    for best in (1.0, 2.0, 2.0):
        save_checkpoint(tmp_path, checkpoint(10))
        save_checkpoint(tmp_path, Checkpoint({"model": {"w": torch.tensor(best)}}, {"update": 20}))
    assert len(list(tmp_path.iterdir())) == 3 + 2
    assert load_checkpoint(tmp_path).checkpoint.tensors["model"]["w"] == 2.0


def test_groups_that_are_not_asked_for_are_not_read(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10))
    next(tmp_path.glob("*.optimiser.*")).unlink()
    assert load_checkpoint(tmp_path).checkpoint is None
    found = load_checkpoint(tmp_path, groups=("best", "model")).checkpoint
    assert found.tensors.keys() == {"model"}
    assert load_checkpoint(tmp_path, groups=()).checkpoint.scalars["update"] == 10


def test_whoever_resumed_before_a_damaged_checkpoint_deletes_it(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10))
    save_checkpoint(tmp_path, checkpoint(20))
    (tmp_path / "000000020.json").write_text("{}")
    save_checkpoint(tmp_path, checkpoint(15))
    assert {path.name[:9] for path in tmp_path.iterdir()} == {"000000010", "000000015"}
    assert load_checkpoint(tmp_path).skipped == ()


def test_flipped_bits_and_cuts_are_found(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10, best=1.25))
    save_checkpoint(tmp_path, checkpoint(20, best=1.125))
    newest = [(path, path.read_bytes()) for path in tmp_path.glob("000000020.*")]
    draw = random.Random(0)
    for trial in range(1000):
        path, content = newest[trial % len(newest)]
        damaged = bytearray(content)
        if trial % 4:
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        else:
            del damaged[draw.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        loaded = load_checkpoint(tmp_path)
        assert len(loaded.skipped) == 1, (path, trial)
        assert loaded.skipped[0].startswith("The checkpoint at update 20 was skipped: 0000")
        assert loaded.skipped[0].endswith(".")
        assert loaded.checkpoint.scalars["update"] == 10
        path.write_bytes(content)
    assert_same(load_checkpoint(tmp_path).checkpoint, checkpoint(20, best=1.125))


@pytest.mark.parametrize("pattern", ["*20.json", "*20.model.*", "*20.*", "*"])
def test_missing_files_are_found(tmp_path, pattern):
    save_checkpoint(tmp_path, checkpoint(10))
    save_checkpoint(tmp_path, checkpoint(20))
    for path in tmp_path.glob(pattern):
        path.unlink()
    found = load_checkpoint(tmp_path).checkpoint
    assert found is None if pattern == "*" else found.scalars["update"] == 10


def test_both_damaged_is_none_and_says_so(tmp_path):
    for update in (10, 20):
        save_checkpoint(tmp_path, checkpoint(update))
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(b"pickle")
    loaded = load_checkpoint(tmp_path)
    assert loaded.checkpoint is None
    assert [sentence[:27] for sentence in loaded.skipped] == [
        "The checkpoint at update 20",
        "The checkpoint at update 10",
    ]


@pytest.mark.parametrize(
    "manifest",
    ["", "[]", "null", "{", "\ud800", '{"scalars": 1, "sha256": 2}', "[" * 100_000],
    ids=["empty", "list", "null", "torn", "surrogate", "types", "deep"],
)
def test_strange_manifests_are_skipped(tmp_path, manifest):
    (tmp_path / "000000001.json").write_text(manifest, errors="surrogatepass")
    assert load_checkpoint(tmp_path) == (
        None,
        ("The checkpoint at update 1 was skipped: 000000001.json is damaged.",),
    )


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path):
    from dmm_core.training.checkpoint import _manifest

    for group, digest in (("../x", "0" * 64), ("model", "../../../../etc/passwd"), ("model", 3)):
        (tmp_path / "000000001.json").write_text(_manifest({"update": 1}, {group: digest}))
        assert load_checkpoint(tmp_path).skipped[0].endswith("000000001.json is damaged.")


def test_scalars_that_json_cannot_hold_leave_the_folder_loadable(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10))
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, checkpoint(20, best=float("nan")))
    assert load_checkpoint(tmp_path).checkpoint.scalars["update"] == 10


def test_a_full_disk_keeps_what_stood(tmp_path):
    save_checkpoint(tmp_path, checkpoint(10))
    names = sorted(path.name for path in tmp_path.glob("*"))
    sizes = {path.stat().st_size for path in tmp_path.iterdir()}
    for limit in {0, 1, *(size - 1 for size in sizes)}:
        with files_limited_to(limit), pytest.raises(OSError, match="File too large"):
            save_checkpoint(tmp_path, checkpoint(20))
        loaded = load_checkpoint(tmp_path)
        assert loaded.skipped == ()
        assert_same(loaded.checkpoint, checkpoint(10))
        assert not list(tmp_path.glob("*.part"))
    save_checkpoint(tmp_path, checkpoint(20))
    save_checkpoint(tmp_path, checkpoint(30))
    assert not set(names) & {path.name for path in tmp_path.iterdir()}


def test_tensors_of_their_own(tmp_path):
    save_tensors(tmp_path / "model.safetensors", {"w": torch.arange(3.0, requires_grad=True)})
    assert load_tensors(tmp_path / "model.safetensors")["w"].tolist() == [0, 1, 2]
    with pytest.raises(RunError, match=r"missing.safetensors cannot be read \(No such file"):
        load_tensors(tmp_path / "missing.safetensors")


def test_a_pickle_is_refused(tmp_path):
    torch.save({"w": torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(RunError, match=r"model\.safetensors is not a safetensors file"):
        load_tensors(tmp_path / "model.safetensors")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    script = Path(__file__).with_name("kill_checkpoints.py")
    finished = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("killed"), str(KILLS)],
        cwd=script.parent.parent,
        env={**os.environ, "PYTHONPATH": str(script.parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout)


def test_a_kill_at_every_point_leaves_the_old_or_the_new(killed):
    *deaths, last = killed["points"]
    # three files, each half written, flushed, renamed, its folder flushed; three files deleted
    assert len(deaths) == 3 * 4 + 3
    assert not any(death["survived"] for death in deaths)
    updates = [death["update"] for death in deaths]
    assert updates == [2] * 11 + [3] * 4
    assert last == {"survived": True, "update": 3, "left": [3, 4]}
    assert all(death["left"] in ([2, 4], [3, 4]) for death in deaths)


def test_random_kills_lose_nothing_acknowledged(killed):
    assert killed["random"]["kills"] == KILLS
    assert killed["random"]["lost"] == 0
    assert killed["random"]["saved"] > 0
    assert killed["random"]["torn"] > 0
