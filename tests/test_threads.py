import threading

import numpy as np
import pytest
import torch
from models import small_model

from dmm_core.data.sequences import Sequences
from dmm_core.inference.evaluation import evaluate
from dmm_core.system.threads import parallel_map, set_num_threads_locally

CPU = torch.device("cpu")


@pytest.fixture
def threads():
    """Sets PyTorch's threads for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_results_come_in_the_order_of_the_tasks(threads, count):
    threads(count)
    late = threading.Event()

    def work(task):
        if task == 0 and count > 1:
            assert late.wait(10), "no other task ran beside this one"
        late.set()
        return 2 * task

    assert list(parallel_map(work, range(50), CPU)) == list(range(0, 100, 2))


def test_threads_share_out_what_there_is_and_nothing_lasts(threads):
    threads(17)
    inside = {
        torch.get_num_threads(),
        *parallel_map(lambda _: torch.get_num_threads(), range(9), CPU),
    }
    assert inside == {17, 2}  # eight workers
    assert torch.get_num_threads() == 17
    seen = []
    after = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    after.start()
    after.join()
    assert seen == [17]


def test_a_thread_has_its_own_number_and_the_others_keep_theirs(threads):
    threads(3)
    found = {}

    def ask(name, *given):
        for count in given:
            set_num_threads_locally(count)
        torch.ones(8) @ torch.ones(8)  # the first product
        found[name] = torch.get_num_threads()

    for name, given in {"own": [1], "again": [1, 0], "other": []}.items():
        thread = threading.Thread(target=ask, args=(name, *given))
        thread.start()
        thread.join()
    assert found == {"own": 1, "again": 3, "other": 3}
    assert torch.get_num_threads() == 3
    assert set_num_threads_locally(2) == torch.get_num_threads() == 2
    assert set_num_threads_locally(0) == torch.get_num_threads() == 3


def test_tasks_are_taken_only_a_few_ahead(threads):
    threads(2)
    taken = []

    def tasks():
        for task in range(100):
            taken.append(task)
            yield task

    results = parallel_map(lambda task: task, tasks(), CPU)
    assert next(results) == 0
    assert len(taken) <= 4
    del results
    assert len(taken) <= 4


def test_an_error_is_raised_here(threads):
    threads(2)

    def work(task):
        if task == 3:
            raise ValueError("three")
        return task

    results = parallel_map(work, range(10), CPU)
    with pytest.raises(ValueError, match="three"):
        list(results)


def test_an_evaluation_does_not_depend_on_its_threads(threads):
    rng = np.random.default_rng(0)
    x = tuple((rng.random((t, 4)) < 0.3).astype(np.uint8) for t in (300, 9, 280, 120, 7, 31))
    sequences = Sequences(x, ("",) * len(x))
    found = []
    for count in (1, 2, 5):
        threads(count)
        found.append(evaluate(small_model(), sequences, samples=60, seed=0)[:9])
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-6)
