"""Logits to the predictions table: probabilities by the run's activation, the answers on top, hit and score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.garbage import collection_paused
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets

Floats = npt.NDArray[np.float64]

# Candidates that a predictions table keeps for every question.
TOP = 5


def probabilities(logits: npt.ArrayLike, activation: str) -> Floats:
    """Return the probabilities that logits stand for under the activation that the loss trained them with.

    Parameters
    ----------
    logits : float (N, C)
    activation : "softmax" (one answer is true: rows sum to 1) or "sigmoid" (each answer is true or not by itself)

    Returns
    -------
    float64 (N, C) in [0, 1]; finite for every finite logit

    >>> probabilities([[1000.0, 0.0]], "softmax").tolist()
    [[1.0, 0.0]]
    >>> probabilities([[0.0, -1000.0]], "sigmoid").tolist()
    [[0.5, 0.0]]
    """
    values = np.asarray(logits, dtype=np.float64)
    if activation == "softmax":
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
    # tanh saturates where exp would overflow.
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values))) if activation == "sigmoid" else _unknown(activation)


def _unknown(activation: str) -> Floats:
    raise ValueError(f"expected the activation 'softmax' or 'sigmoid', got {activation!r}")


def top_classes(values: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.int64]:
    """Return the `count` classes with the highest values of each row (N, C), best first, the lower class among equals.

    >>> top_classes(np.array([[0.1, 0.7, 0.2]]), 2).tolist()
    [[1, 2]]
    """
    left = values.copy()
    found = np.empty((len(values), min(count, values.shape[1])), dtype=np.int64)
    for rank in range(found.shape[1]):
        # The same class as argmax names, whatever ties.
        found[:, rank] = left.argmax(axis=1)
        np.put_along_axis(left, found[:, rank : rank + 1], -np.inf, axis=1)
    return found


def top_answers(
    logits: npt.NDArray[np.floating], activation: str, count: int = TOP
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the `count` best classes of each row of logits (N, C), as `top_classes`, and their probabilities.

    Classes rank by their logits, not by their probabilities: two of those may both have been rounded to 1.
    """
    classes = top_classes(logits, count)
    return classes, np.take_along_axis(probabilities(logits, activation), classes, axis=1)


@collection_paused()
def predictions_table(
    table: QuestionTable,
    classes: npt.NDArray[np.int64],
    probability: Floats,
    losses: npt.NDArray[np.float32],
    answers: Sequence[str],
) -> pd.DataFrame:
    """Return one row a question: what was asked, what people answered, what the network says and how it scores.

    Parameters
    ----------
    table : the N questions
    classes, probability : int64 and float64 (N, TOP at most) of `top_answers`, in the order of the table
    losses : float32 (N,), nats
    answers : the answer of every class, (C,)

    Returns
    -------
    DataFrame with the columns question_id, image_id, question, answers (tuple of raw strings), prediction,
    probability, top (tuple of (answer, probability), best first), loss (nats), hit (0/1), score (official soft score
    in [0, 1], NaN where a question has fewer than two answers), answer_type, question_type
    """
    names = np.array(answers, dtype=object)[classes]
    predictions = names[:, 0].tolist()
    sets = AnswerSets(table.answers)
    frame = table.to_frame()
    frame.insert(4, "prediction", predictions)
    frame.insert(5, "probability", probability[:, 0])
    top = [tuple(zip(row, values)) for row, values in zip(names.tolist(), probability.tolist())]
    frame.insert(6, "top", pd.Series(top, dtype=object))
    frame.insert(7, "loss", losses.astype(np.float64))
    frame.insert(8, "hit", rules.any_of(predictions, sets).astype(np.int64))
    frame.insert(9, "score", np.where(sets.counts > 1, rules.official(predictions, sets), np.nan))
    return frame
