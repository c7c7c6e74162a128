"""Ctrl-C and SIGTERM as a wish that the loop grants at the next step, when the state is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopRequest:
    """Holds the number of the signal that asked to stop; 0 as long as nothing did."""

    def __init__(self) -> None:
        self.signal_number = 0
        self._previous: dict[int, Any] = {}

    def _handle(self, signal_number: int, _frame: FrameType | None) -> None:
        self.signal_number = signal_number
        # A second signal means "now".
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
    """Catch SIGINT and SIGTERM within the block; elsewhere than in the main thread nothing is caught."""
    request = StopRequest()
    if threading.current_thread() is threading.main_thread():
        request._listen()
    try:
        yield request
    finally:
        request._restore()
