"""What a loss does with logits and labels, found by calling it on values that are known."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.findings import Finding
from vqa.doctor.state import Array
from vqa.doctor.subject import Logits
from vqa.errors import VqaError

Labels = npt.NDArray[Any]


def log_softmax(logits: Logits) -> Logits:
    """Return log-probabilities, float64 (N, C)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


class LossProbe:
    """A loss under examination: known logits and labels in, its values and gradients out.

    Attributes
    ----------
    labels : whole numbers (N,) or (N, A); zeros, in the first shape that the loss takes, where the caller has none
    known : the labels with those outside [0, C) moved into it

    What the loss raises on `known` is passed on.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        labels: Labels | None,
        outputs: Logits,
        random: np.random.RandomState,
    ) -> None:
        self.loss = loss
        self.logits: Logits = random.normal(size=outputs.shape)
        self._random = random
        self.labels = self._some_labels() if labels is None else labels
        self.known = np.clip(self.labels, 0, outputs.shape[1] - 1)
        self.values(self.logits, self.known)

    def _some_labels(self) -> Labels:
        """Return zeros (N,), (N, 1) or (N, 3): losses differ in the shape that they take."""
        shapes = ((len(self.logits),), (len(self.logits), 1), (len(self.logits), 3))
        for shape in shapes:
            try:
                self.values(self.logits, np.zeros(shape, dtype=np.float32))
            except Exception:
                continue
            return np.zeros(shape, dtype=np.float32)
        raise VqaError(f"the loss takes labels of none of the shapes {shapes}; pass labels as well")

    def values(self, logits: Logits, labels: Labels) -> npt.NDArray[np.float64]:
        """Return the loss as it comes, one value per question or one for all."""
        with mx.autograd.pause(train_mode=False):
            values = self.loss(_array(logits.astype(np.float32)), _array(labels))
        # A function of one's own may return a Python number.
        numbers = values.asnumpy() if isinstance(values, mx.nd.NDArray) else values
        return np.atleast_1d(np.asarray(numbers, dtype=np.float64))

    def gradient(self, labels: Labels) -> npt.NDArray[np.float64]:
        """Return the derivative of the summed loss by each logit, shape (N, C)."""
        logits = _array(self.logits.astype(np.float32))
        logits.attach_grad()
        with mx.autograd.record(train_mode=False):
            total = self.loss(logits, _array(labels)).sum()
        # Not backward(): a loss with weights of its own would find its gradients changed.
        (gradient,) = mx.autograd.grad(total, [logits])
        return gradient.asnumpy().astype(np.float64)

    def normalises(self) -> bool:
        """Tell whether the loss applies softmax itself: a constant added to a row of logits changes nothing."""
        plain = self.values(self.logits, self.known)
        shifted = self.values(self.logits + self._random.uniform(2, 5, size=(len(self.logits), 1)), self.known)
        scaled = self.values(3 * self.logits, self.known)
        return bool(np.abs(shifted - plain).max() < 1e-3 < np.abs(scaled - plain).max())

    def takes_probabilities(self) -> bool:
        """Tell whether the loss wants probabilities: it grows like a logarithm where all of them go to 0."""
        low, lower, lowest = (
            self.values(np.full_like(self.logits, value), self.known).mean() for value in (1e-2, 1e-4, 1e-6)
        )
        return bool(lowest - lower > 0.5 * (lower - low) > 0)

    def is_cross_entropy(self) -> bool:
        """Tell whether the loss, given log-probabilities, is the mean over a question's answers of their negative."""
        logits = log_softmax(self.logits)
        expected = -(target_distribution(self.labels, logits.shape[1]) * logits).sum(axis=1).mean()
        return bool(np.isclose(self.values(logits, self.labels).mean(), expected, rtol=1e-3, atol=1e-5))


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


def find_label_range(labels: Labels, num_classes: int, probe: LossProbe | None) -> list[Finding]:
    """Return the findings label-range: ids that are no class, and a -1 that the loss would train as one."""
    findings = []
    outside = (labels != -1) & ((labels < 0) | (labels >= num_classes))
    if outside.any():
        rows = np.nonzero(outside.reshape(len(labels), -1).any(axis=1))[0]
        message = (
            f"{int(outside.sum())} labels are outside [0, {num_classes}), for example {labels[outside][0]:g} in row "
            f"{rows[0]}; MXNet's pick clips them to the nearest class without a word: mark unknown answers with -1 "
            "and mask them"
        )
        findings.append(Finding("label-range", "error", message))
    trained = _class_that_unknown_trains(labels, num_classes, probe) if probe and np.any(labels == -1) else None
    if trained is not None:
        message = (
            f"{int((labels == -1).sum())} labels are -1 and the loss trains them as class {trained}; "
            "mask unknown answers (vqa.MultiAnswerSoftmaxLoss does)"
        )
        findings.append(Finding("label-range", "error", message))
    return findings


def _class_that_unknown_trains(labels: Labels, num_classes: int, probe: LossProbe) -> int | None:
    """Return the class whose logit a label of -1 pulls up, None where none is."""
    unknown = np.full_like(labels, -1)
    mixed = unknown.copy()
    allowed = min(1, num_classes - 1)
    mixed.reshape(len(labels), -1)[:, 0] = allowed
    for wrong, answer in ((unknown, None), (mixed, allowed)):
        if answer is not None and labels.ndim == 1:
            continue
        try:
            gradient = probe.gradient(wrong)
        except Exception:
            # A loss that refuses -1 does not train it.
            continue
        if answer is not None:
            gradient[:, answer] = 0
        if gradient.min() < -1e-6:
            return int(np.argmin(gradient.min(axis=0)))
    return None


def find_below_entropy(base: Logits, labels: Labels, copies: npt.NDArray[np.int64], probe: LossProbe) -> list[Finding]:
    """Return the finding that the mean loss is under the entropy of the answers given the question.

    The loss of a question is the cross-entropy of its answers q_n with the predicted p_n, and copies of a question
    have one p: the sum over a group of copies is at least its size times H(mean of its q_n).
    """
    try:
        mean = float(probe.values(base, labels).mean())
        if not probe.is_cross_entropy():
            return []
    except Exception:
        # A loss that refuses some of these labels; label-range tells which are wrong.
        return []
    targets = target_distribution(labels, base.shape[1])
    asked = targets.sum(axis=1) > 0
    total = 0.0
    for group in np.unique(copies[asked]):
        members = targets[asked & (copies == group)]
        share = members.mean(axis=0)
        total -= len(members) * float((share[share > 0] * np.log(share[share > 0])).sum())
    floor = total / len(labels)
    if mean >= floor - 1e-4 * (1 + floor):
        return []
    message = (
        f"the mean loss is {mean:.4f} nats, under the entropy of the answers given the question, {floor:.4f}: equal "
        "questions cannot all be answered that well; the network knows more than the question (its place in the "
        "batch), or the loss takes its input for log-probabilities (from_logits) and they are not"
    )
    return [Finding("below-entropy-floor", "error", message)]
