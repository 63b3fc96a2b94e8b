import math

import pytest
from test_training import training

from dmm_core.training.divergence import DivergenceMonitor
from dmm_core.training.events import Finished


def course(start, epochs):
    """Of epochs of (annealed, train, kl_weight)."""
    found = DivergenceMonitor()
    found.start = start
    for annealed, train, kl_weight in epochs:
        found.note(annealed=annealed, train=train, kl_weight=kl_weight)
    return found


def plain(*bounds):
    return [(bound, bound, 1.0) for bound in bounds]


SOUND = {
    "falls": course(61, plain(30, 12, 9, 8)),
    "one epoch": course(61, plain(60.9)),
    "hardly moves": course(3.08, plain(3.1, 3.09, 3.2)),
    "collapses, as it should": course(8.6, plain(8.5, 8.43, 8.45)),
    "the KL comes in": course(61, [(12, 90, 0.1), (11, 40, 0.5), (12, 13, 1.0), (11, 11, 1.0)]),
    "stopped while the KL is cheap": course(8.6, [(6, 20, 0.05)]),
    "falls from afar": course(132_248, plain(90_000, 20_000, 4000)),
    "below zero": course(5, plain(-3, -8, -7.5)),
    "a bump": course(61, plain(9, 8, 14, 8.5)),
    "nothing trained": course(61, []),
    "no start, of an earlier version": course(None, plain(9, 8, 1e5)),
}
DIVERGED = {
    "above the start": course(61, plain(40_000, 18_340)),
    "in what was minimised": course(61, [(500, 5000, 0.1)]),
    "loses what it gained": course(61, plain(9, 8, 45)),
    "no number": course(61, plain(9, math.nan)),
    "infinite": course(61, plain(9, math.inf)),
}


@pytest.mark.parametrize("found", SOUND.values(), ids=SOUND)
def test_sound_trainings_are_not_called_diverged(found):
    assert found.diverged() == ""


@pytest.mark.parametrize("found", DIVERGED.values(), ids=DIVERGED)
def test_diverged_trainings_are_told(found):
    assert found.diverged().startswith("The training diverged: it ended at a train bound of ")


def test_the_sentence_has_both_bounds():
    assert (
        "of 18,340.00 nats per frame, which is above the 61.00"
        in DIVERGED["above the start"].diverged()
    )
    assert "of 45.00 nats per frame, after it had reached 8.00" in (
        DIVERGED["loses what it gained"].diverged()
    )


def test_a_course_survives_a_checkpoint():
    for found in (*SOUND.values(), *DIVERGED.values()):
        again = DivergenceMonitor()
        again.load(found.state())
        assert all(v is None or math.isfinite(v) for v in again.state().values())
    again = DivergenceMonitor()
    again.load(DIVERGED["loses what it gained"].state())
    assert again.diverged() == DIVERGED["loses what it gained"].diverged()
    again.load({})
    assert again.diverged() == ""


def end(**changes):
    return next(e for e in training(**changes).events() if isinstance(e, Finished))


def test_a_real_training_diverges_at_a_learning_rate_of_1():
    said = end(lr=1.0, epochs=12, clip_norm=1e6).reason
    assert said.startswith("All 12 epochs are done. The training diverged: it ended at a train bou")
    assert said.endswith("A smaller learning rate than 1 may help.")


@pytest.mark.parametrize("epochs", [1, 2, 12, 40])
def test_a_real_training_at_a_usual_learning_rate_does_not(epochs):
    assert end(epochs=epochs).reason == f"All {epochs} epochs are done."


def test_a_bound_that_is_no_number_is_never_the_best(monkeypatch):
    bounds = iter([math.nan, math.nan, 7.0, math.inf, 6.0])
    monkeypatch.setattr("dmm_core.training.loop.valid_bound", lambda *_, **__: next(bounds))
    found = end(epochs=4, eval_every=1)
    assert (found.best_valid_bound, found.best_epoch) == (6.0, 4)
