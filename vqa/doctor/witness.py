"""Witness: what is seen of one evaluation from the network's side."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.structure import selected_output
from vqa.errors import VqaError

# The same answers from another batch agree to this, relative to the largest.
SAME_ANSWERS = 1e-5


class Witness:
    """What is seen of one evaluation: the mode, and the answers in the order in which they were given.

    Attributes
    ----------
    training, recording : whether the network was called in train mode, and while autograd records
    random_state : states of ``random`` and ``numpy.random`` before the evaluation
    numbers : what the evaluation function returned
    """

    def __init__(self, force_predict: bool, padding: Padding | None = None) -> None:
        self.force_predict = force_predict
        self.padding = padding
        self.training = False
        self.recording = False
        self.random_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - loaders shuffle with it
        self.numbers: list[float] = []
        self._answers: list[npt.NDArray[np.float64]] = []

    @contextmanager
    def watching(self, net: mx.gluon.Block) -> Iterator[None]:
        """See every call of the network."""
        handles = net.register_forward_pre_hook(self._before), net.register_forward_hook(self._after)
        try:
            yield
        finally:
            for handle in handles:
                handle.detach()

    def _before(self, block: mx.gluon.Block, inputs: Any) -> None:
        """Note the mode that the network is called in; ask for predict mode where that is wanted."""
        self.training = self.training or mx.autograd.is_training()
        self.recording = self.recording or mx.autograd.is_recording()
        if self.force_predict:
            mx.autograd.set_training(False)
        if self.padding:
            # Answers cannot be replaced while they are recorded.
            mx.autograd.set_recording(False)

    def _after(self, block: mx.gluon.Block, inputs: Any, outputs: Any) -> None:
        """Note one number per answer, which tells answers apart."""
        try:
            first = selected_output(next(iter(outputs.values())) if isinstance(outputs, dict) else outputs, None)
        except VqaError:
            return
        if self.padding:
            self.padding.replace(first)
        values = np.nan_to_num(first.asnumpy().astype(np.float64))
        values = values.reshape(len(values) if values.ndim else 1, -1)
        self._answers.append(values @ np.cos(1.0 + np.arange(values.shape[1])))

    @property
    def rows(self) -> int:
        """The number of answers."""
        return sum(map(len, self._answers))

    @property
    def answers(self) -> npt.NDArray[np.float64]:
        """One number per answer, shape (rows,), in the order in which they were given."""
        return np.concatenate([np.zeros(0), *self._answers])

    def passes(self) -> int:
        """Return the number of passes over the data: each answer was given that many times, or a multiple of it."""
        _, counts = np.unique(self.answers, return_counts=True)
        return int(np.gcd.reduce(counts)) if len(counts) else 1


class Padding:
    """Rows that an iterator of MXNet repeats to fill its last batch, their answers replaced by right or wrong ones."""

    def __init__(self, data: Any, right: bool) -> None:
        self._data = data
        self._right = right
        self.replaced = 0

    def replace(self, answers: mx.nd.NDArray) -> None:
        """Write other answers in the place of the padding's, if the batch has any."""
        count = int(self._data.getpad() or 0)
        if not count or answers.ndim != 2 or count >= len(answers):
            return
        labels = self._data.getlabel()
        classes = np.zeros(count, dtype=np.int64)
        if labels and labels[0].ndim == 1:
            classes = labels[0].asnumpy()[-count:].astype(np.int64) % answers.shape[1]
        values = np.zeros((count, answers.shape[1]), dtype=answers.dtype)
        values[np.arange(count), classes if self._right else (classes + 1) % answers.shape[1]] = 10
        answers[-count:] = mx.nd.array(values)
        self.replaced += count


def same_order(one: Witness, other: Witness) -> bool:
    """Tell whether two evaluations saw the same answers in the same order."""
    return _alike(one.answers, other.answers)


def same_answers(one: Witness, other: Witness) -> bool:
    """Tell whether two evaluations saw the same answers in any order."""
    return _alike(np.sort(one.answers), np.sort(other.answers))


def _alike(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    if one.shape != other.shape:
        return False
    scale = float(np.abs(one).max(initial=0.0))
    return bool(np.abs(one - other).max(initial=0.0) <= SAME_ANSWERS * scale)
