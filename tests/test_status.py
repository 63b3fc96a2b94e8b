import os
import time

import psutil
import pytest

from dmm_core.runs.status import (
    STALE_SECONDS,
    Owner,
    Status,
    derive_state,
    process_is_alive,
    read_status,
    this_owner,
)

OWNER = Owner(host="here", pid=7, started=100.0, boot="b1", token="t")


def derive(state, owner, *, now=1000.0, alive=True):
    return derive_state(
        Status(state=state, owner=owner, heartbeat=1000.0),
        now=now,
        host="here",
        boot="b1",
        is_alive=lambda pid, started: alive and (pid, started) == (7, 100.0),
    )


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled", "interrupted"])
@pytest.mark.parametrize("owner", [None, OWNER])
def test_an_ended_run_needs_no_owner(state, owner):
    assert derive(state, owner, alive=False) == state


@pytest.mark.parametrize("state", ["queued", "running"])
class TestActive:
    def test_living_owner(self, state):
        assert derive(state, OWNER) == state

    def test_living_owner_without_a_heartbeat_for_a_year(self, state):
        assert derive(state, OWNER, now=1000.0 + 3e7) == state

    def test_no_owner(self, state):
        assert derive(state, None) == "interrupted"

    def test_dead_owner(self, state):
        assert derive(state, OWNER, alive=False) == "interrupted"

    def test_another_process_with_its_pid(self, state):
        assert derive(state, OWNER.model_copy(update={"started": 50.0})) == "interrupted"

    def test_before_a_reboot(self, state):
        assert derive(state, OWNER.model_copy(update={"boot": "b0"})) == "interrupted"

    @pytest.mark.parametrize(
        ("age", "alive"), [(-100, True), (0, True), (STALE_SECONDS, True), (61, False)]
    )
    def test_another_host(self, state, age, alive):
        elsewhere = OWNER.model_copy(update={"host": "there", "boot": "other"})
        found = derive(state, elsewhere, now=1000.0 + age, alive=False)
        assert found == (state if alive else "interrupted")


def test_this_process_is_alive():
    owner = this_owner()
    assert owner.pid == os.getpid()
    assert process_is_alive(owner.pid, owner.started)
    assert not process_is_alive(owner.pid, owner.started - 10.0)
    assert this_owner().token != owner.token


def test_a_killed_process_is_dead_before_its_parent_asks():
    child = psutil.Popen(["sleep", "60"])
    started = child.create_time() - psutil.boot_time()
    assert process_is_alive(child.pid, started)
    child.suspend()
    assert process_is_alive(child.pid, started)
    child.kill()
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert not process_is_alive(child.pid, started)
    child.wait()
    assert not process_is_alive(child.pid, started)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"state": "dancing"}', b"\xff\xfe", b"[]"])
def test_a_status_that_cannot_be_read_offers_to_resume(tmp_path, content):
    if content is not None:
        (tmp_path / "status.json").write_bytes(content)
    status = read_status(tmp_path)
    assert status.state == "interrupted"
    assert status.reason.endswith("the run can be resumed.")
