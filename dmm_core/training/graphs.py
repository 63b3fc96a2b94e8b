"""Updates recorded as CUDA graphs, one for each number of time steps, and replayed from then on.

A model of small matrices spends a GPU's time on starting its kernels, thousands an update. A graph
starts them all at once, but its shapes and addresses are those of the recording. So batches are
filled up to a few numbers of steps and to the full batch size, which leaves the bound as it is, and
what changes from update to update is written into tensors that stay where they are.
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
"""PyTorch records one graph at a time in a process."""

_MOST_GRAPHS = 32
"""Numbers of time steps whose recordings are kept at once."""


def filled(steps: int) -> int:
    """`steps` rounded up to three binary digits after the first: at most an eighth more."""
    grain = 1 << max(0, (steps - 1).bit_length() - 4)
    return -(-steps // grain) * grain


def graphed_update(
    update: Update,
    sequences: ResidentSequences,
    config: TrainConfig,
    world: World,
    tell: Callable[[str], object],
) -> "GraphedUpdate | None":
    """A training's updates as graphs, or None where it does not ask for or cannot have them.

    Args:
        update: of the training.
        sequences: of which batches are made.
        config: how it trains.
        world: the processes that train together.
        tell: told, in a sentence, where graphs are asked for and are not used.
    """
    if not config.graphs:
        return None
    if world.size > 1:
        tell("CUDA graphs are for one process; these updates run without.")
        return None
    if update.skipped.device.type != "cuda":
        tell("CUDA graphs need a CUDA GPU; these updates run without.")
        return None
    rows = min(config.batch_size, len(sequences.lengths))
    return GraphedUpdate(update, sequences, rows, record=True, tell=tell)


class GraphedUpdate:
    """Updates on filled batches; of each number of steps the second is recorded, and then replayed.

    The first runs plainly, and makes what a recording has to find: libraries' workspaces and the
    optimiser's state. Noise is that of the seed and the filled shape, recorded or not.

    Args:
        update: what is recorded; its generator is seeded before each call.
        sequences: of which batches are made, on the device.
        rows: sequences of the largest batch.
        record: False runs every update plainly, as it is done after a recording that failed.
        tell: told, in a sentence, when one failed.
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
        self._places.zero_()  # sequences of no steps fill a small batch up
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
        """Drop what was recorded, since the optimiser's state is in other places now."""
        self._graphs.clear()
        self._met.clear()

    def _run(self, steps: int) -> None:
        batch = self._sequences.gather(self._places, steps)
        self._update(batch, Rates(*self._rates.unbind()))

    def _run_beside(self, steps: int) -> None:
        """Run on the stream of the recordings, as PyTorch asks of what precedes one."""
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            self._run(steps)
        here.wait_stream(self._stream)

    @contextmanager
    def _capturable(self) -> Iterator[None]:
        """Let the optimiser be recorded; at any other time PyTorch would warn of that."""
        groups = self._update.optimizer.param_groups
        for group in groups:
            group["capturable"] = True
        try:
            yield
        finally:
            for group in groups:
                group["capturable"] = False

    def _graph(self, steps: int) -> torch.cuda.CUDAGraph | None:
        """The recording for `steps`, made at the second call; None at the first, or if it fails."""
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
            # Thread-local: pages in other threads may use the GPU while this one records.
            recording = torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            )
            with _RECORDING, recording, self._capturable():
                self._run(steps)
        except RuntimeError as error:
            torch.cuda.set_stream(here)  # which a failed recording leaves
            reason = str(error.__context__ or error).strip().partition("\n")[0]
            self._tell(f"Updates run without CUDA graphs, since one failed: {reason}")
            self._record = False
            self.forget()
            self._update.optimizer.zero_grad(set_to_none=True)  # gradients of the recording
            self._update.generator = torch.Generator(here.device).manual_seed(seed)
            return None
        self._graphs[steps] = graph
        if len(self._graphs) > _MOST_GRAPHS:
            self._graphs.popitem(last=False)
        return graph
