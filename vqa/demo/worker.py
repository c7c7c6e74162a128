"""One thread owns the network, because MXNet's engine must not be used from several threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

from PIL import Image

from vqa.errors import VqaError

# The most questions that may wait; further ones are refused, so that waiting time and memory stay bounded.
WAITING = 32


class Asked(Protocol):
    """The answer of a run."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""


class Asking(Protocol):
    """The part of `vqa.evaluation.run.Run` that the demo uses."""

    def ask(self, image: Any, question: str, *, top: int = 5) -> Asked:
        """Answer one question about one image."""


class BusyError(VqaError):
    """Too many questions are waiting to accept another one."""


class _Job(NamedTuple):
    image: Image.Image | None
    question: str
    answer: Future[dict[str, Any]]


class Worker:
    """A thread that answers questions one at a time.

    Parameters
    ----------
    load : returns the run; called once, in that thread
    """

    def __init__(self, load: Callable[[], Asking], waiting: int = WAITING) -> None:
        self._load = load
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._loaded: Future[Asking] = Future()
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)

    def start(self) -> Any:
        """Load the run and return it, to be read only; raise whatever loading raised."""
        self._thread.start()
        return self._loaded.result()

    def stop(self) -> None:
        """Answer the questions that wait, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def ask(self, image: Image.Image | None, question: str) -> Future[dict[str, Any]]:
        """Return a future of the answer's JSON.

        Parameters
        ----------
        image : the decoded image; None for a network without images

        Raises
        ------
        BusyError
            Too many questions are waiting.
        """
        job = _Job(image, question, Future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise BusyError(f"busy: {self._jobs.maxsize} questions are waiting; try again in a moment") from None
        return job.answer

    def _work(self) -> None:
        try:
            run = self._load()
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(run)
        while (job := self._jobs.get()) is not None:
            if not job.answer.set_running_or_notify_cancel():
                continue
            try:
                job.answer.set_result(run.ask(job.image, job.question).to_json())
            except BaseException as error:
                # One question must not end the thread that answers all others.
                job.answer.set_exception(error)
