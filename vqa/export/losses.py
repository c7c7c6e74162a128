"""The losses of `vqa.nn.losses` in NumPy: the column `loss` of a predictions table that MXNet had no part in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[np.int32]


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _picked(values: Floats, answers: Answers) -> Floats:
    """Return (N, A): ``values[n, answers[n, a]]``, and some finite value where the id is -1."""
    return np.asarray(np.take_along_axis(values, np.maximum(answers, 0), axis=1))


def _repeats(answers: Answers) -> Floats:
    """Return (N, A): how many slots of the question hold the same id as this slot, itself included."""
    return (answers[:, :, np.newaxis] == answers[:, np.newaxis, :]).sum(axis=2).astype(np.float64)


def _softmax_loss(logits: Floats, answers: Answers) -> Floats:
    known = answers >= 0
    weights = known / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.asarray(-(weights * _picked(_log_softmax(logits), answers)).sum(axis=1))


def _soft_score_loss(logits: Floats, answers: Answers) -> Floats:
    matches, annotators = _repeats(answers), answers.shape[1]
    scores = matches * np.minimum((matches - 1) / 3, 1) + (annotators - matches) * np.minimum(matches / 3, 1)
    weights = (answers >= 0) * scores / annotators / matches
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(-(weights / (total + (total == 0)) * _picked(_log_softmax(logits), answers)).sum(axis=1))


def _any_answer_loss(logits: Floats, answers: Answers) -> Floats:
    known = answers >= 0
    scores = np.where(known, _picked(_log_softmax(logits), answers) - np.log(_repeats(answers)), -1e9)
    highest = scores.max(axis=1, keepdims=True)
    return np.asarray(-(np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]) * known.any(axis=1))


def _binary_loss(logits: Floats, answers: Answers) -> Floats:
    known = answers >= 0
    positive = (known / _repeats(answers) * _picked(logits, answers)).sum(axis=1)
    return np.asarray(np.logaddexp(0, logits).sum(axis=1) * known.any(axis=1) - positive)


LOSSES: dict[str, Callable[[Floats, Answers], Floats]] = {
    "softmax": _softmax_loss,
    "soft-score": _soft_score_loss,
    "any": _any_answer_loss,
    "bce": _binary_loss,
}


def losses(name: str, logits: npt.NDArray[np.float32], answers: Answers) -> npt.NDArray[np.float32]:
    """Return the loss of each question, float32 (N,), in nats; NaN for a loss that is not known here.

    Parameters
    ----------
    name : of the loss, a key of `vqa.nn.losses.LOSSES`
    logits : float32 (N, C)
    answers : int32 (N, A), ids with their repeats; -1 for an unknown answer or an empty slot
    """
    if name not in LOSSES:
        return np.full(len(logits), np.nan, dtype=np.float32)
    return np.maximum(LOSSES[name](logits.astype(np.float64), answers), 0).astype(np.float32)
