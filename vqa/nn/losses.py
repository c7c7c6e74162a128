"""Multi-answer losses: raw logits (N, C) and answer ids (N, A) in, one loss per question out, in nats.

The ids keep their repeats; -1 is an answer outside the vocabulary or an empty slot, and is masked: MXNet's own
losses clip ids, so that -1 would silently train class 0. Any other id outside [0, C) is an error. A question without
a known answer has loss 0 and gradient 0.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from vqa._mxnet import mx
from vqa.errors import DataError
from vqa.nn.question_encoders import Tensor


def known_questions(answers: Tensor) -> Tensor:
    """Return float32 (N,): 1 for a question of `answers`, int (N, A), that has an answer in the vocabulary, else 0.

    Its sum is what a training step divides by.
    """
    return (answers >= 0).astype("float32").max(axis=1)


def check_answers(answers: mx.nd.NDArray, num_answers: int, num_rows: int) -> None:
    """Check that answer ids have shape (N, A) and lie in [-1, C).

    Reads the ids to the host. They do not come out of the network, so this does not wait for it.

    Raises
    ------
    DataError
        The shape is another, or an id is outside the range.
    """
    if answers.ndim != 2 or answers.shape[0] != num_rows:
        raise DataError(f"expected answer ids of shape ({num_rows}, A), one row per question, got {answers.shape}")
    ids = answers.asnumpy()
    wrong = (ids < -1) | (ids >= num_answers)
    if wrong.any():
        row, slot = np.argwhere(wrong)[0]
        raise DataError(
            f"expected answer ids in [0, {num_answers}) or -1, got {ids[row, slot]:g} for question {row} of the batch; "
            "do the network and the answers come from the same vocabulary?"
        )


class MultiAnswerLoss(mx.gluon.loss.Loss):
    """Base of the losses here: logits float32 (N, C), answers int (N, A) -> float32 (N,), in nats.

    `name` is its key in `LOSSES`, under which a run records it; `activation` is what turns the logits into
    probabilities: "softmax" or "sigmoid".
    """

    name: str
    activation = "softmax"

    def __init__(self) -> None:
        super().__init__(weight=None, batch_axis=0)

    def forward(self, logits: Tensor, answers: Tensor) -> Tensor:
        """Check the answer ids, then compute the loss.

        Raises
        ------
        DataError
            `answers` has another shape, or an id outside [-1, C).
        """
        # While Gluon traces a graph there are no values to check.
        if isinstance(answers, mx.nd.NDArray):
            check_answers(answers, logits.shape[1], logits.shape[0])
        return super().forward(logits, answers)

    def hybrid_forward(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,), never below 0."""
        # MXNet's logarithm of a softmax of 1 is 1.4e-6 above 0, and no loss is below 0.
        return F.maximum(self.per_question(F, logits, answers), 0)

    @abstractmethod
    def per_question(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question as its formula has it, (N,); `F` is ``mx.nd`` or ``mx.sym``."""


def pick_answers(F: Any, values: Tensor, answers: Tensor) -> Tensor:
    """Return (N, A): ``values[n, answers[n, a]]`` of `values` (N, C), and some finite value where the id is -1."""
    rows = F.broadcast_like(F.reshape(F.contrib.arange_like(answers, axis=0), shape=(-1, 1)), answers)
    return F.gather_nd(values, F.stack(rows, F.maximum(answers, 0)))


def known_slots(F: Any, answers: Tensor) -> Tensor:
    """Return float32 (N, A): 1 where the id is an answer, 0 where it is -1."""
    return F.cast(answers >= 0, dtype="float32")


def repeats(F: Any, answers: Tensor) -> Tensor:
    """Return float32 (N, A): how many slots of the question hold the same id as this slot, itself included."""
    same = F.broadcast_equal(F.expand_dims(answers, axis=2), F.expand_dims(answers, axis=1))  # (N, A, A)
    return F.cast(F.sum(same, axis=2), dtype="float32")


def soft_scores(F: Any, answers: Tensor) -> Tensor:
    """Return float32 (N, A): the official soft score of each slot's answer, shared out among its m slots; -1 gives 0.

    The sum over the slots that hold an answer is that answer's score.
    """
    matches = repeats(F, answers)  # m
    annotators = F.sum(F.ones_like(matches), axis=1, keepdims=True)  # K
    others = F.broadcast_sub(annotators, matches)
    scores = matches * F.minimum((matches - 1) / 3, 1) + others * F.minimum(matches / 3, 1)
    return known_slots(F, answers) * F.broadcast_div(scores, annotators) / matches


class MultiAnswerSoftmaxLoss(MultiAnswerLoss):
    """Mean over a question's known answers of ``gluon.loss.SoftmaxCrossEntropyLoss(logits, answer)``.

    ``loss[n] = -mean over known a of log softmax(logits[n])[answers[n, a]]``: value and gradient of training on the
    (question, answer) rows one by one, weighted alike for each question, at one forward pass.

    Source: Kazemi and Elqursh, "Show, Ask, Attend, and Answer", 2017, equation 1.

    >>> loss = MultiAnswerSoftmaxLoss()
    >>> logits = mx.nd.array([[0.0, 0.0], [0.0, 0.0]])
    >>> loss(logits, mx.nd.array([[0, 1, 1], [-1, -1, -1]], dtype="int32")).asnumpy().round(4)
    array([0.6931, 0.    ], dtype=float32)
    """

    name = "softmax"

    def per_question(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,)."""
        known = known_slots(F, answers)
        weights = F.broadcast_div(known, F.maximum(F.sum(known, axis=1, keepdims=True), 1))
        return F.sum(weights * -pick_answers(F, F.log_softmax(logits, axis=1), answers), axis=1)


class SoftScoreLoss(MultiAnswerLoss):
    """Softmax cross-entropy against the official VQA soft scores of the answers, scaled to sum to 1.

    ``loss[n] = -sum over distinct known c of t[n, c] log softmax(logits[n])[c]`` with ``t = s / sum of s``, where an
    answer that m of the question's K = A annotators gave has the official score
    ``s = (m min(1, (m - 1) / 3) + (K - m) min(1, m / 3)) / K``. Every slot counts as an annotator, so that the scores
    are the official ones where each question has A answers.

    Source: Antol et al., "VQA: Visual Question Answering", ICCV 2015, for the score; Teney et al., "Tips and Tricks
    for Visual Question Answering", CVPR 2018, for soft scores as targets.
    """

    name = "soft-score"

    def forward(self, logits: Tensor, answers: Tensor) -> Tensor:
        """Check the answer ids, then compute the loss.

        Raises
        ------
        DataError
            As in the other losses, or the questions have one answer each: the official score compares annotators.
        """
        if isinstance(answers, mx.nd.NDArray) and answers.shape[-1] < 2:
            raise DataError(
                "the loss 'soft-score' needs at least 2 answers per question, got 1; use the loss 'softmax'"
            )
        return super().forward(logits, answers)

    def per_question(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,)."""
        weights = soft_scores(F, answers)
        total = F.sum(weights, axis=1, keepdims=True)
        weights = F.broadcast_div(weights, total + (total == 0))
        return F.sum(weights * -pick_answers(F, F.log_softmax(logits, axis=1), answers), axis=1)


class AnyAnswerLoss(MultiAnswerLoss):
    """Minus the logarithm of the probability that softmax gives to the question's answer set.

    ``loss[n] = -ln(sum over distinct known c of softmax(logits[n])[c])``: any one of the answers will do.
    """

    name = "any"

    def per_question(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,)."""
        known = known_slots(F, answers)
        log_probabilities = pick_answers(F, F.log_softmax(logits, axis=1), answers)
        # An answer given m times is divided by m and so counted once; masked slots are far below any logarithm.
        scores = F.where(known, log_probabilities - F.log(repeats(F, answers)), F.ones_like(known) * -1e9)
        highest = F.max(scores, axis=1, keepdims=True)
        total = F.log(F.sum(F.exp(F.broadcast_sub(scores, highest)), axis=1)) + F.squeeze(highest, axis=1)
        return -total * F.max(known, axis=1)


class BinaryLoss(MultiAnswerLoss):
    """One binary classifier per answer: sigmoid cross-entropy summed over the C classes.

    ``loss[n] = sum over c of ln(1 + exp(logits[n, c])) - sum over distinct known c of logits[n, c]``, which is C times
    ``gluon.loss.SigmoidBCELoss`` against the 0/1 vector of the question's answers. Right when several answers are true
    at once.

    Source: Teney et al., "Tips and Tricks for Visual Question Answering", CVPR 2018, with 0/1 targets.
    """

    name = "bce"
    activation = "sigmoid"

    def per_question(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,)."""
        known = known_slots(F, answers)
        # ln(1 + exp(x)) without overflow.
        softplus = F.relu(logits) + F.Activation(-F.abs(logits), act_type="softrelu")
        positive = F.sum(known / repeats(F, answers) * pick_answers(F, logits, answers), axis=1)
        return F.sum(softplus, axis=1) * F.max(known, axis=1) - positive


LOSSES: dict[str, type[MultiAnswerLoss]] = {
    loss.name: loss for loss in (MultiAnswerSoftmaxLoss, SoftScoreLoss, AnyAnswerLoss, BinaryLoss)
}
