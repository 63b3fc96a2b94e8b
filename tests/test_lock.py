import errno
import threading

import pytest

from dmm_core.errors import RunError
from dmm_core.runs import lock as module
from dmm_core.runs.lock import RunLockLost, acquire
from dmm_core.runs.status import Status, read_status


def test_a_lease_signs_what_it_writes(tmp_path):
    with acquire(tmp_path) as lock:
        lock.take(Status(state="running"))
        lock.write(Status(state="running", reason="Half way."))
    status = read_status(tmp_path)
    assert (status.state, status.reason, status.owner) == ("running", "Half way.", lock.owner)
    assert status.heartbeat > 1.7e9


def test_only_one_holds_a_folder(tmp_path):
    refused = []

    def second():
        try:
            with acquire(tmp_path, patience=0.0):
                pass
        except RunError as fault:
            refused.append(str(fault))

    with acquire(tmp_path):
        with pytest.raises(RunError, match="is in use by another program or thread"):
            with acquire(tmp_path, patience=0.0):
                pass
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == [f"The run {tmp_path.name} is in use by another program or thread."]
    second()
    assert len(refused) == 1


def test_patience_outlasts_a_short_hold(tmp_path):
    inside, leave = threading.Event(), threading.Event()

    def briefly():
        with acquire(tmp_path):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=briefly)
    thread.start()
    inside.wait()
    threading.Timer(0.1, leave.set).start()
    with acquire(tmp_path, patience=5.0):
        thread.join()
        assert leave.is_set()


def test_a_folder_that_is_gone_is_not_made_again(tmp_path):
    with pytest.raises(RunError, match="does not exist any more"):
        with acquire(tmp_path / "gone"):
            pass
    assert not (tmp_path / "gone").exists()


def test_who_has_lost_the_token_writes_nothing(tmp_path):
    with acquire(tmp_path) as lock:
        lock.take(Status(state="running"))
        theirs = lock.owner.model_copy(update={"host": "elsewhere", "token": "theirs"})
        taken = Status(state="running", owner=theirs)
        (tmp_path / "status.json").write_text(taken.model_dump_json())
        for write in (lock.write, lock.write_last):
            with pytest.raises(RunLockLost):
                write(Status(state="finished"))
    assert read_status(tmp_path) == taken


def test_a_damaged_status_is_not_another_owner(tmp_path):
    with acquire(tmp_path) as lock:
        lock.take(Status(state="running"))
        (tmp_path / "status.json").write_text("{")
        lock.write(Status(state="running"))
    assert read_status(tmp_path).owner == lock.owner


@pytest.mark.parametrize("reason", ["", "Long. " * 100])
def test_the_last_status_is_written_on_a_full_disk_too(tmp_path, monkeypatch, reason):
    def refuse(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with acquire(tmp_path) as lock:
        lock.take(Status(state="running", reason="A sentence of some length. " * 5))
        monkeypatch.setattr(module, "write_atomic", refuse)
        with pytest.raises(OSError, match="No space"):
            lock.write(Status(state="failed"))
        lock.write_last(Status(state="failed", reason=reason))
    assert read_status(tmp_path).state == "failed"
    assert read_status(tmp_path).reason == reason
