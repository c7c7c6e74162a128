"""LossProbe: what a loss does with logits and labels, found by calling it on values that are known."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.state import Array
from vqa.doctor.subject import Logits, first_line
from vqa.errors import VqaError

Labels = npt.NDArray[Any]


def log_softmax(logits: Logits) -> Logits:
    """Return log-probabilities over the last axis, float64."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class LossProbe:
    """A loss under examination: known logits and labels in, its values and gradients out.

    Attributes
    ----------
    labels : the caller's, (N,) or (N, A); zeros, in the first shape that the loss takes, where the caller has none
    known : the labels; ids outside [0, C) are moved into it
    logits : random logits, float64, in the shape of the network's output

    Raises
    ------
    VqaError
        The loss is a class, takes none of the labels, or does not give one array or number.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        labels: Labels | None,
        shape: tuple[int, ...],
        random: np.random.RandomState,
    ) -> None:
        if inspect.isclass(loss):
            raise VqaError(f"expected a loss to call, got the class {loss.__name__}: pass {loss.__name__}()")
        if not callable(loss):
            raise VqaError(f"expected a loss to call as loss(logits, labels), got a {type(loss).__name__}")
        self.loss = loss
        self.logits: Logits = random.normal(size=shape)
        self.num_classes = shape[-1] if len(shape) > 1 else 1
        self._random = random
        self.labels = self._some_labels() if labels is None else labels
        self.known = self.labels
        try:
            self.takes_ids = self._takes_ids()
            if self.takes_ids:
                self.known = np.clip(self.labels, 0, self.num_classes - 1)
            self.values(self.logits, self.known)
        except _OtherOutputs:
            raise
        except Exception as error:
            raise VqaError(
                f"the loss fails on logits of shape {shape} and labels of shape {self.labels.shape} "
                f"({type(error).__name__}: {first_line(error)}): expected a loss that is called as loss(logits, labels)"
            ) from error

    def _some_labels(self) -> Labels:
        """Return zeros (N,), (N, 1), (N, 3) or in the logits' shape: losses differ in the shape that they take."""
        num_rows = len(self.logits)
        shapes: list[tuple[int, ...]] = [(num_rows,), (num_rows, 1), (num_rows, 3), self.logits.shape]
        for shape in shapes:
            try:
                self.values(self.logits, np.zeros(shape, dtype=np.float32))
            except _OtherOutputs:
                raise
            except Exception:
                continue
            return np.zeros(shape, dtype=np.float32)
        raise VqaError(f"the loss takes labels of none of the shapes {tuple(shapes)}; pass labels as well")

    def _takes_ids(self) -> bool:
        """Tell whether labels are ids of classes: a label pulls up the logit of its class and no other one."""
        if self.num_classes < 2 or self.logits.ndim != 2 or not np.all(np.mod(self.labels, 1) == 0):
            return False
        for answer in {0, 1, self.num_classes - 1}:
            try:
                gradient = self.gradient(np.full_like(self.labels, answer))
            except _OtherOutputs:
                raise
            except Exception:
                # A loss without a gradient, a Python number for one: what it does with labels is not known.
                return self.labels.shape != self.logits.shape
            pulled = gradient < -1e-9
            if not pulled[:, answer].any() or np.delete(pulled, answer, axis=1).any():
                return False
        return True

    def values(self, logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
        """Return the loss, one value per question or one for all."""
        with mx.autograd.pause(train_mode=False):
            values = _single(self.loss(_array(logits.astype(np.float32)), _array(labels)))
        # A user-supplied function may return a Python number.
        numbers = values.asnumpy() if isinstance(values, mx.nd.NDArray) else values
        return np.atleast_1d(np.asarray(numbers, dtype=np.float64))

    def gradient(self, labels: Labels, logits: Logits | None = None) -> npt.NDArray[np.float64]:
        """Return the derivative of the summed loss by each logit, in the shape of the logits."""
        given = _array((self.logits if logits is None else logits).astype(np.float32))
        given.attach_grad()
        with mx.autograd.record(train_mode=False):
            total = _single(self.loss(given, _array(labels))).sum()
        # Not backward(): a loss with weights of its own would find its gradients changed.
        (gradient,) = mx.autograd.grad(total, [given])
        return gradient.asnumpy().astype(np.float64)

    def normalises(self) -> bool:
        """Tell whether the loss applies softmax itself: a constant added to a row of logits changes nothing."""
        plain = self.values(self.logits, self.known)
        constants = self._random.uniform(2, 5, size=(len(self.logits), *[1] * (self.logits.ndim - 1)))
        shifted = self.values(self.logits + constants, self.known)
        scaled = self.values(3 * self.logits, self.known)
        return bool(np.abs(shifted - plain).max() < 1e-3 < np.abs(scaled - plain).max())

    def ignores_logits(self) -> bool:
        """Tell whether the loss is the same for all logits, as softmax over a single class makes it."""
        values = [self.values(factor * self.logits, self.labels) for factor in (-2, 1, 3)]
        return bool(np.ptp(values, axis=0).max() < 1e-6)

    def takes_probabilities(self) -> bool:
        """Tell whether the loss wants probabilities: it grows like a logarithm where all of them go to 0."""
        low, lower, lowest = (
            self.values(np.full_like(self.logits, value), self.known).mean() for value in (1e-2, 1e-4, 1e-6)
        )
        return bool(lowest - lower > 0.5 * (lower - low) > 0)

    def takes_log_probabilities(self) -> bool:
        """Tell whether the loss is minus the targets times its input: it takes the input for log-probabilities."""
        if self.num_classes < 2 or self.logits.ndim != 2:
            return False
        try:
            one, other = (self.gradient(self.known, factor * self.logits) for factor in (1, -2))
        except Exception:
            return False
        targets = self.known if self.known.shape == one.shape and not self.takes_ids else None
        if targets is None and self.takes_ids:
            targets = target_distribution(self.known, self.num_classes)
        if targets is None or np.abs(one - other).max() > 1e-6 or not np.allclose(targets.sum(axis=1), 1, atol=1e-3):
            return False
        scale = -one.sum() / max(float(targets.sum()), 1e-12)
        return bool(scale > 0 and np.allclose(one, -scale * targets, atol=1e-4 * scale))

    def is_cross_entropy(self) -> bool:
        """Tell whether the loss, given log-probabilities, is the mean over a question's answers of their negative."""
        logits = log_softmax(self.logits)
        expected = -(target_distribution(self.labels, logits.shape[1]) * logits).sum(axis=1).mean()
        return bool(np.isclose(self.values(logits, self.labels).mean(), expected, rtol=1e-3, atol=1e-5))


class _OtherOutputs(VqaError):
    """A loss gives several values, or none."""


def _single(values: Any) -> Any:
    """Return what a loss gives, out of a list of one."""
    while isinstance(values, (tuple, list)) and len(values) == 1:
        values = values[0]
    if isinstance(values, (tuple, list, dict)) or values is None:
        given = f"{len(values)} outputs" if values else "nothing"
        raise _OtherOutputs(
            f"expected a loss with one output, got {given}: pass a function of (logits, labels) that returns one, "
            "or their sum"
        )
    return values


def _array(values: Array) -> mx.nd.NDArray:
    """Return an array of the kind that blocks take now: NumPy's semantics can be switched on in MXNet."""
    make = mx.np.array if mx.util.is_np_array() else mx.nd.array
    return make(values, dtype=values.dtype)


def target_distribution(labels: Labels, num_classes: int) -> Logits:
    """Return each question's share of answers, float64 (N, C); zeros for a question with no answer in [0, C)."""
    ids = labels.reshape(len(labels), -1).astype(np.int64)
    targets = np.zeros((len(ids), num_classes))
    rows, slots = np.nonzero((ids >= 0) & (ids < num_classes))
    np.add.at(targets, (rows, ids[rows, slots]), 1.0)
    return targets / np.maximum(targets.sum(axis=1, keepdims=True), 1)
