import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from page_models import scales

from dmm_core.config.presets import preset
from dmm_core.config.schema import RunConfig
from dmm_core.data.uploads.reader import list_uploads
from dmm_core.errors import RunError, StorageError
from dmm_core.runs import bundled, store
from dmm_core.runs.store import RUN_ID, create_run, find_run, list_runs, unreadable_runs
from dmm_core.system.files import json_text
from dmm_core.training.checkpoint import Checkpoint, save_checkpoint

CONFIG = preset("classroom")


def in_threads(count, work, *args):
    gate = threading.Barrier(count)

    def begin():
        gate.wait()
        work(*args)

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_no_runs_yet(dmm_home):
    assert list_runs() == []
    assert unreadable_runs() == []


def test_newest_first(dmm_home):
    runs = [create_run(CONFIG) for _ in range(5)]
    assert list_runs() == runs[::-1]
    assert all(RUN_ID.fullmatch(run.id) for run in runs)
    assert {path.name for path in runs[0].folder.iterdir()} == {
        "config.json",
        "status.json",
        ".lock",
    }


def test_a_time_without_a_zone_can_be_sorted(dmm_home):
    runs = [create_run(CONFIG) for _ in range(2)]
    config = runs[0].folder / "config.json"
    config.write_text(config.read_text().replace("+00:00", ""))
    assert list_runs() == runs[::-1]


def test_a_token_makes_one_run(dmm_home):
    first = create_run(CONFIG, name="a", token="nonce")
    assert create_run(RunConfig(), name="b", token="nonce") == first
    assert first.name() == "a"
    assert create_run(CONFIG, token="another \ud800") != first
    assert len(list_runs()) == 2


def test_sixteen_threads_make_one_run(dmm_home):
    made = []

    def make(token):
        made.append(create_run(CONFIG, token=token))

    for start in range(10):
        in_threads(16, make, str(start))
        assert len(made) == 16 * (start + 1)
        assert len(set(made)) == len(list_runs()) == start + 1
    assert not list((dmm_home / "runs").glob(".new-*"))


def test_a_token_claimed_by_a_killed_process_still_makes_its_run(dmm_home):
    (dmm_home / "runs").mkdir()
    claimed = store._claimed_id(dmm_home / "runs", "nonce")
    assert create_run(CONFIG, token="nonce").id == claimed
    assert create_run(CONFIG, token="nonce").config() == CONFIG


def test_a_run_appears_whole_or_not_at_all(dmm_home, monkeypatch):
    def refuse(folder, config):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_record", refuse)
    with pytest.raises(OSError, match="No space"):
        create_run(CONFIG)
    assert list((dmm_home / "runs").iterdir()) == []


def test_the_rest_of_a_killed_deletion_is_swept(dmm_home):
    doomed = dmm_home / "runs" / ".deleted-00"
    (doomed / "checkpoints").mkdir(parents=True)
    create_run(CONFIG)
    assert not doomed.exists()


def test_the_rest_of_a_killed_creation_is_swept_a_day_later(dmm_home):
    old, new = dmm_home / "runs" / ".new-00", dmm_home / "runs" / ".new-01"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    create_run(CONFIG)
    assert not old.exists() and new.exists()


def test_junk_is_passed_over_and_damage_is_told(dmm_home):
    run = create_run(CONFIG)
    folder = dmm_home / "runs"
    (folder / "notes").mkdir()
    (folder / "20260101-000000-abcdef").touch()
    (folder / "config.json").write_text("{}")
    assert list_runs() == [run]
    assert unreadable_runs() == []
    (folder / "20260101-000000-abcde0").mkdir()
    assert list_runs() == [run]
    assert unreadable_runs() == [
        "The run 20260101-000000-abcde0 cannot be read: its config.json is missing, damaged or of "
        "another version."
    ]


def test_find_by_id(dmm_home):
    run = create_run(CONFIG)
    assert find_run(run.id) == run


@pytest.mark.parametrize("allow_path", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../runs",
        "20260101-000000-abcdef",
        "20260101-000000-abcdef\n",
        "\uff12\uff10260101-000000-abcdef",
        "%2e%2e%2f",
        "a/b",
        "/etc",
        "/etc/passwd",
        "~",
        "~nobody-at-all/x",
        "\x00",
        "x" * 5000,
        "\ud800",
        "C:\\Windows",
        "bundled:",
        "bundled:..",
        "bundled:../models/tiny",
        "bundled:none",
        "<b>",
    ],
)
def test_whatever_is_not_found_is_not_found_in_the_same_words(dmm_home, text, allow_path):
    create_run(CONFIG)
    with pytest.raises(RunError) as caught:
        find_run(text, allow_path=allow_path)
    assert str(caught.value) == (
        "There is no such run. Give the id of a run, or bundled:NAME for a bundled model."
    )


def test_find_by_path_only_where_allowed(dmm_home, monkeypatch):
    run = create_run(CONFIG)
    for text in (str(run.folder), f"runs/../runs/{run.id}", f"runs/{run.id}/"):
        with monkeypatch.context() as context:
            context.chdir(dmm_home)
            assert find_run(text, allow_path=True).config() == CONFIG
            with pytest.raises(RunError, match="no such run"):
                find_run(text)


def test_find_a_bundled_model(dmm_home, tmp_path, monkeypatch):
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "models" / "tiny" / "card.json").write_text("{}")
    (tmp_path / "models" / "No_Name").mkdir()
    (tmp_path / "models" / "No_Name" / "card.json").write_text("{}")
    monkeypatch.setattr(bundled, "assets", lambda: tmp_path)
    assert find_run("bundled:tiny").folder == Path(tmp_path / "models" / "tiny")
    assert [model.id for model in bundled.list_bundled()] == ["bundled:tiny"]
    with pytest.raises(RunError):
        find_run("bundled:No_Name")


def test_runs_and_uploads_have_a_limit_on_the_disk(dmm_home, monkeypatch):
    run = create_run(RunConfig())
    (run.folder / "big").write_bytes(bytes(10**6))
    monkeypatch.setenv("DMM_RUNS_GB", "0.0005")
    with pytest.raises(StorageError, match=r"The runs use 0\.0 GB of the 0\.0005 GB"):
        create_run(RunConfig())
    assert [listed.id for listed in list_runs()] == [run.id]
    monkeypatch.setenv("DMM_RUNS_GB", "many")
    with pytest.raises(StorageError, match=r"DMM_RUNS_GB is 'many'"):
        create_run(RunConfig())
    monkeypatch.setenv("DMM_UPLOADS_GB", "0.000001")
    with pytest.raises(StorageError, match="The uploads use"):
        scales()
    assert list_uploads() == []


def test_a_part_of_the_disk_stays_free(dmm_home, monkeypatch):
    usage = SimpleNamespace(free=10**8)
    monkeypatch.setattr("dmm_core.system.files.shutil.disk_usage", lambda path: usage)
    with pytest.raises(StorageError, match="The disk has 100 MB left, of which 200 MB must stay"):
        create_run(RunConfig())


def test_nothing_is_begun_anew_where_a_run_was_moved_from(dmm_home):
    run = create_run(RunConfig())
    run.folder.rename(run.folder.with_name("elsewhere"))
    with pytest.raises(RunError, match="is gone"):
        run.add_evaluation({"split": "test"})
    with pytest.raises(OSError, match="No such file"):
        save_checkpoint(run.checkpoints, Checkpoint({}, {"epoch": 1, "update": 1}))
    with pytest.raises(OSError, match="No such file"):
        run.rename("new")
    run.request_stop()
    assert not run.folder.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_holds_no_number_that_is_none(value):
    text = json_text({"a": [1, value, (2.5, {"b": value})], "c": "NaN"})
    assert json.loads(text) == {"a": [1, None, [2.5, {"b": None}]], "c": "NaN"}
