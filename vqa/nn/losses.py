"""Multi-answer losses: raw logits (N, C) and answer ids (N, A) in, one loss a question out, in nats.

The ids keep their repeats; -1 is an answer outside the vocabulary or an empty slot, and is masked: MXNet's own
losses clip ids, so that -1 would silently train class 0. Any other id outside [0, C) is an error. A question without
a known answer has loss 0 and gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vqa._mxnet import mx
from vqa.errors import DataError
from vqa.nn.encoders import Tensor


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
        raise DataError(f"expected answer ids of shape ({num_rows}, A), one row a question, got {answers.shape}")
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

    `activation` is what turns the logits into probabilities: "softmax" or "sigmoid".
    """

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


def pick_answers(F: Any, values: Tensor, answers: Tensor) -> Tensor:
    """Return (N, A): ``values[n, answers[n, a]]`` of `values` (N, C), and some finite value where the id is -1."""
    rows = F.broadcast_like(F.reshape(F.contrib.arange_like(answers, axis=0), shape=(-1, 1)), answers)
    return F.gather_nd(values, F.stack(rows, F.maximum(answers, 0)))


def known_slots(F: Any, answers: Tensor) -> Tensor:
    """Return float32 (N, A): 1 where the id is an answer, 0 where it is -1."""
    return F.cast(answers >= 0, dtype="float32")


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

    def hybrid_forward(self, F: Any, logits: Tensor, answers: Tensor) -> Tensor:
        """Return the loss of each question, (N,)."""
        known = known_slots(F, answers)
        weights = F.broadcast_div(known, F.maximum(F.sum(known, axis=1, keepdims=True), 1))
        return F.sum(weights * pick_answers(F, -F.log_softmax(logits, axis=1), answers), axis=1)


LOSSES: dict[str, type[MultiAnswerLoss]] = {
    "softmax": MultiAnswerSoftmaxLoss,
}
