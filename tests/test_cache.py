import threading
import time

import pytest

from dmm_core.data.cache import cache_path, cached
from dmm_core.errors import DataError


def read_number(content):
    if not content.isdigit():
        raise DataError("That is no number.")
    return int(content)


def never():
    raise AssertionError("the cached file was to be used")


def test_a_file_is_made_once_and_read_again(dmm_home):
    assert cached("number", lambda: b"12", read_number) == 12
    assert cache_path("number") == dmm_home / "datasets" / "number"
    assert cache_path("number").read_bytes() == b"12"
    assert cached("number", never, read_number) == 12


def test_unsound_content_never_enters_the_cache(dmm_home):
    with pytest.raises(DataError, match="no number"):
        cached("number", lambda: b"1x", read_number)
    assert not cache_path("number").exists()


def test_a_file_that_changed_on_the_disk_is_made_again(dmm_home):
    cached("number", lambda: b"12", read_number)
    cache_path("number").write_bytes(b"damaged")
    assert cached("number", lambda: b"13", read_number) == 13
    assert cache_path("number").read_bytes() == b"13"


def test_a_failed_remake_leaves_nothing_unsound(dmm_home):
    cached("number", lambda: b"12", read_number)
    cache_path("number").write_bytes(b"damaged")
    with pytest.raises(DataError, match="no number"):
        cached("number", lambda: b"", read_number)
    assert not cache_path("number").exists()


def test_many_sessions_do_the_work_once(dmm_home):
    made, results = [], []

    def make():
        made.append(threading.get_ident())
        time.sleep(0.1)
        return b"7"

    threads = [
        threading.Thread(target=lambda: results.append(cached("number", make, read_number)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [7] * 8
    assert len(made) == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DMM_HOME", str(tmp_path / "file"))
    with pytest.raises(
        DataError, match=r"^The data set file .*cannot be read or written.*DMM_HOME.*\.$"
    ):
        cached("number", lambda: b"12", read_number)
