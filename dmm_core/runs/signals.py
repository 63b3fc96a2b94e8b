"""Handling of Ctrl-C and SIGTERM during a training."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_signals"]


@contextmanager
def stop_signals(interrupt: threading.Event, terminate: threading.Event) -> Iterator[None]:
    """In the main thread, let Ctrl-C and SIGTERM set an event, so that the training can save first.

    In any other thread this does nothing. In the main thread, use only `is_set` of the events:
    `wait` could be interrupted by the handler's `set` and never return.

    Args:
        interrupt: the event that Ctrl-C sets. A second Ctrl-C raises `KeyboardInterrupt`.
        terminate: the event that SIGTERM sets.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        if interrupt.is_set():
            raise KeyboardInterrupt
        interrupt.set()

    def on_terminate(number: int, frame: FrameType | None) -> None:
        terminate.set()

    handlers = {signal.SIGINT: on_interrupt, signal.SIGTERM: on_terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
