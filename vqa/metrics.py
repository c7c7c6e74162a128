"""Gluon metric over whole questions: a prediction is right when it is among the question's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.errors import DataError, TrainingError

Arrays = Union[Any, Sequence[Any]]


class MultiAnswerAccuracy(mx.metric.EvalMetric):
    """Fraction of questions whose argmax answer is in the question's answer set (any-of accuracy, in [0, 1]).

    ``mean over n of [argmax_c preds[n, c] in labels[n]]``. The class is always the argmax over axis 1, whatever the
    shapes; -1 (unknown answer, empty slot) never matches, and a question without a known answer counts and is wrong.
    NaN before the first update; the value does not depend on how the questions are split into batches.

    >>> metric = MultiAnswerAccuracy()
    >>> metric.update(mx.nd.array([[2, 0], [1, -1]]), mx.nd.array([[0.1, 0.2, 0.7], [3.0, 1.0, 2.0]]))
    >>> metric.get()
    ('any_of', 0.5)
    """

    def __init__(
        self, name: str = "any_of", output_names: list[str] | None = None, label_names: list[str] | None = None
    ) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, labels: Arrays, preds: Arrays) -> None:
        """Count one batch, or a list of batches (one per device).

        Parameters
        ----------
        labels : int (N, A), answer ids; NDArray, NumPy array, or a list of them
        preds : float (N, C), logits or probabilities; the same

        Raises
        ------
        DataError
            The shapes do not fit each other.
        TrainingError
            A logit is NaN or infinite.
        """
        label_list, pred_list = _as_list(labels), _as_list(preds)
        if len(label_list) != len(pred_list):
            raise DataError(f"expected as many arrays of answers as of logits, got {len(label_list)}, {len(pred_list)}")
        for label, pred in zip(label_list, pred_list):
            hits = _hits(_to_numpy(label), _to_numpy(pred))
            self.sum_metric += float(hits.sum())
            self.num_inst += len(hits)
            self.global_sum_metric += float(hits.sum())
            self.global_num_inst += len(hits)


def _as_list(arrays: Arrays) -> list[Any]:
    return list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]


def _to_numpy(array: Any) -> npt.NDArray[Any]:
    return array.asnumpy() if isinstance(array, mx.nd.NDArray) else np.asarray(array)


def _hits(answers: npt.NDArray[Any], logits: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return bool (N,): the argmax of `logits` (N, C) is among `answers` (N, A)."""
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise DataError(f"expected logits of shape (N, C), got {logits.shape}")
    if answers.ndim != 2 or len(answers) != len(logits):
        raise DataError(f"expected answer ids of shape ({len(logits)}, A), one row per question, got {answers.shape}")
    if not np.isfinite(logits).all():
        row = int(np.argwhere(~np.isfinite(logits))[0][0])
        raise TrainingError(f"the logits of row {row} of the batch hold NaN or infinity; try a lower learning rate")
    return (answers == logits.argmax(axis=1)[:, np.newaxis]).any(axis=1)
