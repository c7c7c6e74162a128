"""What labels show: ids outside the classes, unknown answers that are trained, losses that are too low to be true."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.findings import Finding
from vqa.doctor.losses import Labels, LossProbe, log_softmax, target_distribution
from vqa.doctor.subject import Logits, Subject
from vqa.errors import VqaError


def label_array(labels: Any, num_rows: int, has_loss: bool) -> Labels:
    """Return labels as an array with one row per question, in the type that they came in.

    Raises
    ------
    VqaError
        The labels are ragged, not numbers, or do not have one row per question; without a loss that takes them, other
        shapes than (N,) and (N, A) and numbers that are not whole.
    """
    expected = f"expected labels of shape ({num_rows},) or ({num_rows}, answers)"
    if isinstance(labels, (list, tuple)) and any(isinstance(row, mx.nd.NDArray) for row in labels):
        labels = [row.asnumpy() if isinstance(row, mx.nd.NDArray) else row for row in labels]
    try:
        ids = labels.asnumpy() if isinstance(labels, mx.nd.NDArray) else np.asarray(labels)
    except ValueError:
        ids = np.array(None)
    if ids.dtype.kind == "O":
        raise VqaError(f"{expected}, got rows of different lengths: fill up the shorter ones with -1")
    if ids.ndim < 1 or len(ids) != num_rows or (ids.ndim > 2 and not has_loss):
        raise VqaError(f"{expected}, got {ids.shape}")
    if ids.dtype.kind not in "iufb" or (not has_loss and not np.all(np.mod(ids, 1) == 0)):
        raise VqaError("expected labels that are whole numbers (answer ids, -1 for unknown)")
    return ids.astype(np.int32) if ids.dtype.kind == "b" else ids


def find_label_range(labels: Labels, shape: tuple[int, ...], probe: LossProbe | None) -> list[Finding]:
    """Return the findings label-range: ids outside the classes, and a -1 that the loss would train as one.

    Labels that are values, not ids (0 and 1 for one logit, counts, -1 and 1 for a hinge), have no range.
    """
    num_classes = shape[-1] if len(shape) > 1 else 1
    if probe is not None and num_classes == 1 and np.any(labels >= 1) and probe.ignores_logits():
        message = (
            "the loss is the same whatever the single logit is: softmax over one class is always 1; use two classes "
            "with labels 0 and 1, or one logit under SigmoidBinaryCrossEntropyLoss"
        )
        return [Finding("label-range", "error", message)]
    are_ids = num_classes > 1 and labels.shape != shape if probe is None else probe.takes_ids
    if not are_ids or len(shape) > 2:
        return []
    findings = []
    outside = (labels != -1) & ((labels < 0) | (labels >= num_classes))
    if outside.any():
        rows = np.nonzero(outside.reshape(len(labels), -1).any(axis=1))[0]
        message = (
            f"{int(outside.sum())} labels are outside [0, {num_classes}), for example {labels[outside][0]:g} in row "
            f"{rows[0]}; MXNet's pick clips them to the nearest class without an error: mark unknown answers with -1 "
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
    """Return the class for which the loss takes a label of -1: clipped to the first, or counted from the end."""
    allowed = min(1, num_classes - 1)
    for answer in (None, allowed):
        if answer is not None and labels.ndim == 1:
            continue
        gradients = []
        for unknown in (-1, 0, num_classes - 1):
            mixed = np.full_like(labels, unknown)
            if answer is not None:
                mixed.reshape(len(labels), -1)[:, 0] = answer
            try:
                gradients.append(probe.gradient(mixed))
            except Exception:
                # A loss that refuses -1 does not train it.
                break
        if len(gradients) < 3 or np.abs(gradients[0]).max() < 1e-6:
            continue
        for place, trained in ((1, 0), (2, num_classes - 1)):
            if trained != answer and np.allclose(gradients[0], gradients[place], atol=1e-6):
                return trained
    return None


def find_below_entropy(
    subject: Subject, labels: Labels, copies: npt.NDArray[np.int64], probe: LossProbe
) -> list[Finding]:
    """Return the finding that the mean loss is under the entropy of the answers given the question.

    The loss of a question is the cross-entropy of its answers q_n with the predicted p_n, and copies of a question
    have one p: the sum over a group of copies is at least its size times H(mean of its q_n).
    """
    if len(subject.shape) != 2 or not probe.takes_ids:
        return []
    try:
        mean = float(probe.values(subject.base, labels).mean())
        if not probe.is_cross_entropy():
            return []
    except Exception:
        # A loss that refuses some of these labels; label-range tells which are wrong.
        return []
    targets = target_distribution(labels, subject.shape[1])
    asked = targets.sum(axis=1) > 0
    total = 0.0
    for group in np.unique(copies[asked]):
        members = targets[asked & (copies == group)]
        share = members.mean(axis=0)
        total -= len(members) * float((share[share > 0] * np.log(share[share > 0])).sum())
    entropy = total / len(labels)
    if mean >= entropy - 1e-4 * (1 + entropy):
        return []
    message = (
        f"the mean loss is {mean:.4f} nats, under the entropy of the answers given the question, {entropy:.4f}: equal "
        "questions cannot all be answered that well; the network knows more than the question (its place in the "
        "batch), or the loss takes its input for log-probabilities (from_logits) and they are not"
    )
    return [Finding("below-entropy-floor", "error", message)]


def find_raw_logits(subject: Subject, probe: LossProbe) -> list[Finding]:
    """Return the finding that the loss takes its input for log-probabilities where the network gives raw logits."""
    if len(subject.shape) != 2 or not probe.takes_log_probabilities():
        return []
    base: Logits = subject.base.astype(np.float64)
    off = float(np.abs(base - log_softmax(base)).max())
    if off < 1e-2:
        return []
    message = (
        f"the loss takes its input for log-probabilities, and the outputs are {off:.2g} away from them: give it "
        "log_softmax of the logits, or construct the loss with from_logits=False (KLDivLoss has True by default)"
    )
    return [Finding("activation-mismatch", "error", message)]
