"""What Ctrl-C and SIGTERM mean while something trains."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_signals"]


@contextmanager
def stop_signals(interrupt: threading.Event, terminate: threading.Event) -> Iterator[None]:
    """In the main thread, let Ctrl-C and SIGTERM wait for a moment when all can be saved.

    In any other thread nothing changes. Whoever looks at the events in the main thread asks
    `is_set`: to `wait` there could meet the handler's own `set` and never end.

    Args:
        interrupt: set by Ctrl-C; a second one raises `KeyboardInterrupt`.
        terminate: set by SIGTERM.
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
