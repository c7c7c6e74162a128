"""The gradient of a batch, computed whole or in parts that several workers share.

A batch is cut between images into P parts. Each part has its own dropout seed and batch statistics, whoever computes
it. The gradient is the sum of the gradients of the parts, added in their order. The moving statistics of batch
normalisation become the mean of those that the parts with a known answer arrive at, each from the same start, added in
the same order. So the result depends on P, and not on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from vqa._mxnet import mx
from vqa.errors import TrainingError
from vqa.training.workers import Workers

FAILED = -1


class Total(NamedTuple):
    """What all parts of a batch add up to.

    Attributes
    ----------
    loss_sum : nats, over the questions that have a known answer: an NDArray (1,), perhaps in flight, or a number
    num_known : number of questions that have a known answer
    signal_number : of the signal that asked one of the workers to stop; 0 if none has come
    """

    loss_sum: Any  # MXNet has no type information
    num_known: int
    signal_number: int


class WholeGradient:
    """The gradient of a batch in one part on one worker: MXNet leaves it where the optimizer expects it."""

    mine = range(1)

    def __init__(self) -> None:
        self._loss: mx.nd.NDArray | float = 0.0
        self._num_known = 0

    def add(self, _part: int, loss_sum: mx.nd.NDArray | None, num_known: int) -> None:
        """Note the loss of the batch, whose gradient MXNet computes; None if no question has a known answer."""
        if loss_sum is not None:
            self._loss, self._num_known = loss_sum, num_known

    def total(self, signal_number: int) -> Total:
        """Return what the batch adds up to, and forget it."""
        total = Total(self._loss, self._num_known, signal_number)
        self._loss, self._num_known = 0.0, 0
        return total

    @contextmanager
    def failing_together(self, _save: Callable[[], None]) -> Iterator[None]:
        """Do nothing: there is no other worker to tell of an error."""
        yield


class GradientOfParts:
    """The gradient of a batch in parts: each is taken out of MXNet's arrays, and their sum is put back.

    Attributes
    ----------
    mine : numbers of the parts that this worker computes
    """

    def __init__(self, network: mx.gluon.Block, num_parts: int, workers: Workers) -> None:
        self._num_parts, self._workers = num_parts, workers
        self.mine = workers.share(num_parts)
        learned = [parameter for parameter in network.collect_params().values() if parameter.grad_req != "null"]
        self._data = [parameter.data() for parameter in learned]
        self._gradients = [parameter.grad() for parameter in learned]
        self._statistics = moving_statistics(network)
        self._arrays = [*self._gradients, *self._statistics]
        self._bounds = np.cumsum([0, *(array.size for array in self._arrays)])
        # Numbers that MXNet and MPI both see: nothing is copied for the one or the other.
        self._rows = np.zeros((len(self.mine), self._bounds[-1]), dtype=np.float32)
        self._total = np.zeros(self._bounds[-1], dtype=np.float32)
        self._row_arrays = [self._as_arrays(row) for row in self._rows]
        self._total_arrays = self._as_arrays(self._total)
        self._forget()

    def _as_arrays(self, numbers: np.ndarray) -> list[mx.nd.NDArray]:
        """Return a flat array as the gradients and statistics that it holds one after another, without a copy."""
        places = zip(self._arrays, self._bounds, self._bounds[1:])
        return [
            mx.nd.from_numpy(numbers[start:stop].reshape(array.shape), zero_copy=True) for array, start, stop in places
        ]

    def _forget(self) -> None:
        """Make ready for the next batch, which starts from the statistics as they are."""
        self._losses, self._known = np.zeros((2, self._num_parts), dtype=np.float32)
        self._start = [array.copy() for array in self._statistics]

    def add(self, part: int, loss_sum: mx.nd.NDArray | None, num_known: int) -> None:
        """Take the gradient and the moving statistics of one part, unless it has none, and reset the statistics."""
        row = part - self.mine.start
        if loss_sum is None:
            self._rows[row] = 0
            return
        places = self._row_arrays[row]
        _copy(self._gradients, places)
        # MXNet moves the statistics in the backward pass, and its engine does not know of it: only after the gradient
        # has come are they what they will be.
        _copy(self._statistics, places[len(self._gradients) :])
        self._losses[part], self._known[part] = loss_sum.asscalar(), num_known
        self._reset_statistics()

    def _reset_statistics(self) -> None:
        for array, start in zip(self._statistics, self._start):
            start.copyto(array)

    def total(self, signal_number: int) -> Total:
        """Put the sum over all parts of all workers where the optimizer expects it, and return what it adds up to.

        Raises
        ------
        OtherWorkerError
            Another worker failed.
        """
        status = np.concatenate([[signal_number], self._losses, self._known]).astype(np.float32)
        for array in self._arrays:
            array.wait_to_read()  # the last sum has been taken out of its place
        statuses = self._workers.add_in_order(self._rows, self._num_parts, status, self._total)
        self._raise_failure(statuses)
        # Each number was computed by one worker, and is 0 in the statuses of the others.
        losses, known = statuses[:, 1:].sum(axis=0, dtype=np.float64).reshape(2, self._num_parts)
        if known.any():
            self._put_back(int((known > 0).sum()))
        self._forget()
        return Total(float(sum(losses)), int(known.sum()), int(statuses[:, 0].max()))

    def _put_back(self, num_parts: int) -> None:
        self._total[self._bounds[len(self._gradients)] :] /= np.float32(num_parts)
        for array, place in zip(self._arrays, self._total_arrays):
            place.copyto(array)
        for data in self._data:
            data._fresh_grad = True  # for Gluon, which knows only gradients of this process

    @contextmanager
    def failing_together(self, save: Callable[[], None]) -> Iterator[None]:
        """End the steps of all workers at an error of one within the block; save the state after the last whole step.

        Raises
        ------
        OtherWorkerError
            Another worker failed.
        """
        try:
            yield
        except Exception as error:
            if self._workers.size == 1:
                raise
            try:
                if not self._workers.failed:
                    self._tell(error)
                raise
            finally:
                # All workers see a loss that is not finite, and then no state is worth saving.
                if not isinstance(error, TrainingError):
                    save()

    def _tell(self, error: Exception) -> None:
        """Take part in the message of a step to say that this worker failed."""
        status = np.zeros(1 + 2 * self._num_parts, dtype=np.float32)
        status[0] = FAILED
        self._raise_failure(self._workers.add_in_order(self._rows, self._num_parts, status, self._total), error)

    def _raise_failure(self, statuses: np.ndarray, error: Exception | None = None) -> None:
        failing = np.flatnonzero(statuses[:, 0] == FAILED)
        if len(failing):
            self._reset_statistics()
            self._workers.tell(error)


def _copy(arrays: list[mx.nd.NDArray], places: list[mx.nd.NDArray]) -> None:
    """Copy arrays to places of equal shape, and wait until they are there."""
    for copy in [array.copyto(place) for array, place in zip(arrays, places)]:
        copy.wait_to_read()


def gradient_of(network: mx.gluon.Block, num_parts: int, workers: Workers) -> WholeGradient | GradientOfParts:
    """Return what adds up the gradient of batches in `num_parts` parts."""
    return WholeGradient() if num_parts == workers.size == 1 else GradientOfParts(network, num_parts, workers)


def moving_statistics(network: mx.gluon.Block) -> list[mx.nd.NDArray]:
    """Return the arrays that batch normalisation moves at every training step, in the order of the layers."""
    arrays = []
    if isinstance(network, mx.gluon.nn.BatchNorm) and not network._kwargs["use_global_stats"]:
        arrays = [network.running_mean.data(), network.running_var.data()]
    return arrays + [array for child in network._children.values() for array in moving_statistics(child)]
