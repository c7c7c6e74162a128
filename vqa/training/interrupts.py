"""Ctrl-C and SIGTERM as a request that the loop honours after the current step, when its state is consistent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopRequest:
    """The number of the signal that asked to stop; 0 while none has come."""

    def __init__(self) -> None:
        self.signal_number = 0
        self._previous: dict[int, Any] = {}

    def _handle(self, signal_number: int, _frame: FrameType | None) -> None:
        self.signal_number = signal_number
        # A second signal stops at once.
        self._restore()

    def _listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM within the block; in any thread but the main one nothing is caught."""
    request = StopRequest()
    if threading.current_thread() is threading.main_thread():
        request._listen()
    try:
        yield request
    finally:
        request._restore()
