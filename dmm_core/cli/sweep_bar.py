"""The progress bar of a sweep, read from the run folders."""

import sys
from collections.abc import Mapping

from tqdm import tqdm

from dmm_core.cli.columns import decimal
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, Status, this_owner

__all__ = ["SweepBar"]


class SweepBar:
    """A progress bar over the epochs of all runs that also shows the best valid bound.

    Args:
        epochs: number of epochs of each run.
        at_once: number of runs that train at the same time, for the message.
        quiet: whether to show nothing.
    """

    def __init__(self, epochs: Mapping[Run, int], at_once: int, *, quiet: bool) -> None:
        self._epochs = epochs
        self._owner = this_owner()
        self._seen: dict[Run, Status] = {}
        self._read()
        if not quiet:
            finished = self._finished()
            before = f"; {finished} already finished" if finished else ""
            runs = f"{len(epochs)} {'runs' if len(epochs) > 1 else 'run'}"
            print(f"{runs}, {at_once} at a time{before}.", file=sys.stderr)
        self._bar = tqdm(
            total=sum(epochs.values()),
            initial=self._done(),  # epochs of earlier calls do not count for the speed
            unit="epoch",
            disable=quiet,
        )

    def __enter__(self) -> "SweepBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def look(self) -> None:
        """Read the run folders and update the bar."""
        self._read()
        bounds = [status.progress.best_valid_bound for status in self._seen.values()]
        best = min((bound for bound in bounds if bound is not None), default=None)
        shown = f"{self._finished()} finished, best valid {decimal(best)}"
        self._bar.set_postfix_str(shown, refresh=False)
        self._bar.n = self._done()
        self._bar.refresh()

    def others(self) -> bool:
        """Whether another process owned an active run when the folders were last read."""
        here = self._owner.host, self._owner.pid
        owners = [s.owner for s in self._seen.values() if s.state in ACTIVE and s.owner]
        return any((owner.host, owner.pid) != here for owner in owners)

    def _read(self) -> None:
        for run in self._epochs:
            seen = self._seen.get(run)
            if seen is None or seen.state != "finished":
                self._seen[run] = run.status()

    def _finished(self) -> int:
        return sum(status.state == "finished" for status in self._seen.values())

    def _done(self) -> int:
        return sum(
            int(self._seen[run].progress.fraction * epochs) for run, epochs in self._epochs.items()
        )
