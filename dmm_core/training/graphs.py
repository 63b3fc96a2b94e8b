"""Updates as CUDA graphs: recorded once for each number of time steps, and then replayed.

With small matrices, a GPU spends most of its time on launching thousands of kernels per update. A
graph launches them together, but its shapes and memory addresses are fixed. Batches are therefore
padded to a few numbers of time steps and to the full batch size, which does not change the bound.
Values that differ between updates are written to tensors with fixed addresses.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from dmm_core.config.schema import TrainConfig
from dmm_core.data.batching import ResidentSequences
from dmm_core.system.processes import World
from dmm_core.training.train_step import Rates, Update

__all__ = ["GraphedUpdate", "filled", "graphed_update"]

_RECORDING = threading.Lock()
"""PyTorch can record only one graph at a time in a process."""

_MOST_GRAPHS = 32
"""Largest number of recorded graphs that are kept."""


def filled(steps: int) -> int:
    """`steps` rounded up to four significant binary digits, by at most an eighth."""
    grain = 1 << max(0, (steps - 1).bit_length() - 4)
    return -(-steps // grain) * grain


def graphed_update(
    update: Update,
    sequences: ResidentSequences,
    config: TrainConfig,
    world: World,
    tell: Callable[[str], object],
) -> "GraphedUpdate | None":
    """The updates of a training as graphs; None if graphs are not requested or not possible.

    Args:
        update: the training's update.
        sequences: the training sequences, on the device.
        config: the training settings.
        world: the processes that train together.
        tell: called with a sentence if graphs are requested but not possible.
    """
    if not config.graphs:
        return None
    if world.size > 1:
        tell("CUDA graphs need a single process; these updates run without graphs.")
        return None
    if update.skipped.device.type != "cuda":
        tell("CUDA graphs need a CUDA GPU; these updates run without graphs.")
        return None
    rows = min(config.batch_size, len(sequences.lengths))
    return GraphedUpdate(update, sequences, rows, record=True, tell=tell)


class GraphedUpdate:
    """Updates on padded batches. The second update of each number of steps is recorded.

    The first update of each number of steps runs without a graph. It creates the workspaces of the
    libraries and the optimiser's state, which a recording needs. The noise depends on the seed and
    the padded shape only, so recorded and plain updates use the same.

    Args:
        update: the update to record; its generator is seeded before each call.
        sequences: the training sequences, on the device.
        rows: number of sequences of the largest batch.
        record: False runs every update without a graph, as after a recording that failed.
        tell: called with a sentence if a recording failed.
    """

    def __init__(
        self,
        update: Update,
        sequences: ResidentSequences,
        rows: int,
        *,
        record: bool,
        tell: Callable[[str], object],
    ) -> None:
        device = update.skipped.device
        self._update = update
        self._sequences = sequences
        self._places = torch.zeros(2, rows, dtype=torch.int64, device=device)
        self._rates = torch.zeros(len(Rates._fields), device=device)
        self._record = record
        self._tell = tell
        self._met: set[int] = set()
        self._graphs: OrderedDict[int, torch.cuda.CUDAGraph] = OrderedDict()
        if record:
            self._stream = torch.cuda.Stream(device)
            self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, indices: np.ndarray, rates: Rates) -> None:
        """Update the model on the sequences at `indices`."""
        places = self._sequences.places(indices)
        self._places.zero_()  # a small batch is padded with sequences of length 0
        self._places[:, : len(indices)].copy_(places)
        self._rates.copy_(torch.tensor(rates), non_blocking=True)
        steps = filled(int(self._sequences.lengths[indices].max()))
        if not self._record:
            self._run(steps)
        elif graph := self._graph(steps):
            graph.replay()
        else:
            self._run_beside(steps)

    def forget(self) -> None:
        """Drop all graphs, because the optimiser's state has new addresses."""
        self._graphs.clear()
        self._met.clear()

    def _run(self, steps: int) -> None:
        batch = self._sequences.gather(self._places, steps)
        self._update(batch, Rates(*self._rates.unbind()))

    def _run_beside(self, steps: int) -> None:
        """Run on the recording stream, which PyTorch requires before a recording."""
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            self._run(steps)
        here.wait_stream(self._stream)

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        """Allow the optimiser to be recorded; outside a recording this setting gives a warning."""
        groups = self._update.optimizer.param_groups
        for group in groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in groups:
                group["capturable"] = False

    def _graph(self, steps: int) -> torch.cuda.CUDAGraph | None:
        """The graph for `steps`, recorded at the second call; None at the first or on failure."""
        if steps in self._graphs:
            self._graphs.move_to_end(steps)
            return self._graphs[steps]
        if steps not in self._met:
            self._met.add(steps)
            return None
        here, seed = torch.cuda.current_stream(), self._update.generator.initial_seed()
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._update.generator)
        try:
            # Thread-local, because other threads may use the GPU during the recording.
            recording = torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            )
            with _RECORDING, recording, self._capturable():
                self._run(steps)
        except RuntimeError as error:
            torch.cuda.set_stream(here)  # a failed recording does not restore the stream
            reason = str(error.__context__ or error).strip().partition("\n")[0]
            self._tell(f"Updates run without CUDA graphs, because a recording failed: {reason}")
            self._record = False
            self.forget()
            self._update.optimizer.zero_grad(set_to_none=True)  # drop the recording's gradients
            self._update.generator = torch.Generator(here.device).manual_seed(seed)
            return None
        self._graphs[steps] = graph
        if len(self._graphs) > _MOST_GRAPHS:
            self._graphs.popitem(last=False)
        return graph
