import pytest

from pages.ui.presence import Audience


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_visitors_are_counted_by_run_and_not_twice(clock):
    audience = Audience(lambda session: True, clock)
    audience.watch("a", "1", ["x", "y"])
    audience.watch("b", "2", ["x"])
    audience.watch("b", "2", ["x"])
    assert [audience.watchers(run) for run in "xyz"] == [2, 1, 0]
    assert audience.watchers("x", besides="a") == 1
    audience.watch("a", "1", ["z"])
    assert [audience.watchers(run) for run in "xyz"] == [1, 0, 1]
    audience.watch("b", "2", [])
    assert audience.watchers("x") == 0


def test_a_closed_page_watches_until_it_could_have_been_reloaded(clock):
    connected = {"1"}
    audience = Audience(connected.__contains__, clock)
    audience.watch("a", "1", ["x"])
    clock.now = 1000.0
    assert audience.watchers("x") == 1  # however long, while it is open
    connected.clear()
    clock.now += 14.0
    assert audience.watchers("x") == 1
    clock.now += 2.0
    assert audience.watchers("x") == 0
    connected.add("1")
    assert audience.watchers("x") == 0
