import pytest

from pages.ui.presence import ViewerRegistry


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_viewers_are_counted_by_run_and_not_twice(clock):
    registry = ViewerRegistry(lambda session: True, clock)
    registry.set_watched("a", "1", ["x", "y"])
    registry.set_watched("b", "2", ["x"])
    registry.set_watched("b", "2", ["x"])
    assert [registry.count(run) for run in "xyz"] == [2, 1, 0]
    assert registry.count("x", excluding="a") == 1
    registry.set_watched("a", "1", ["z"])
    assert [registry.count(run) for run in "xyz"] == [1, 0, 1]
    registry.set_watched("b", "2", [])
    assert registry.count("x") == 0


def test_a_closed_page_watches_until_it_could_have_been_reloaded(clock):
    connected = {"1"}
    registry = ViewerRegistry(connected.__contains__, clock)
    registry.set_watched("a", "1", ["x"])
    clock.now = 1000.0
    assert registry.count("x") == 1  # however long, while it is open
    connected.clear()
    clock.now += 14.0
    assert registry.count("x") == 1
    clock.now += 2.0
    assert registry.count("x") == 0
    connected.add("1")
    assert registry.count("x") == 0
