"""One pass over a split: every question predicted once, scored, and put into its row of the predictions table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.errors import DataError
from vqa.evaluation.predictions import predictions_table
from vqa.evaluation.probabilities import TOP, top_answers
from vqa.scoring.questions import encode_answers
from vqa.scoring.rules import QuestionScores, score_questions
from vqa.training.forward import Forward

# Far more than logits differ by, and little enough to keep the order of the other classes.
BEHIND_ALL_OPTIONS = 1e6


class Predicted(NamedTuple):
    """What is left of the logits of one batch.

    Attributes
    ----------
    rows : int64 (N,), rows of the question table
    classes : int64 (N, K), the most probable answers, best first
    probability : float64 (N, K)
    loss : float32 (N,), nats; NaN for a question with no known answer
    """

    rows: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    loss: npt.NDArray[np.float32]


def predicted_batches(
    passes: Iterable[Forward], table: QuestionTable, answers: Sequence[str], activation: str
) -> Iterator[Predicted]:
    """Yield the predictions of each batch.

    A question with options (multiple choice) is answered with the most probable of them; probabilities are then those
    given that one of its options is true.

    Parameters
    ----------
    passes : logits and losses, batch by batch
    table : the questions
    answers : the answer of every class, (C,)
    activation : "softmax" or "sigmoid", which makes probabilities of the logits
    """
    options = _option_classes(table, answers)
    for forward in passes:
        # While the device computes the next batches.
        logits = forward.logits if options is None else _among_options(forward.logits, options[forward.rows])
        classes, probability = top_answers(logits, activation)
        # To the network an answer outside its vocabulary is infinitely unlikely.
        loss = np.where(forward.known, forward.loss, np.float32(np.nan))
        yield Predicted(forward.rows, classes, probability, loss)


def predictions_of(
    batches: Iterable[Predicted], table: QuestionTable, answers: Sequence[str]
) -> tuple[pd.DataFrame, QuestionScores]:
    """Return the predictions table of some questions, in their order, and the scores in it.

    Parameters
    ----------
    batches : of `predicted_batches`, in any order; each question once
    table, answers : as there

    Raises
    ------
    DataError
        No question has an answer in the vocabulary: no prediction could be right.
    """
    classes = np.empty((len(table), min(TOP, len(answers))), dtype=np.int64)
    probability = np.empty(classes.shape)
    losses = np.empty(len(table), dtype=np.float32)
    seen = 0
    for rows, *values in batches:
        classes[rows], probability[rows], losses[rows] = values
        seen += len(rows)
    assert seen == len(table), f"{seen} questions were predicted, the split holds {len(table)}"
    if np.isnan(losses).all():
        raise DataError(
            f"none of the {len(table)} questions in {table.source} has an answer in the run's vocabulary "
            f"({', '.join(answers[:3])}, ...): no prediction could be right; is this the data set that the run was "
            "made for?"
        )
    scores = score_questions([answers[best] for best in classes[:, 0]], encode_answers(table))
    return predictions_table(table, classes, probability, losses, answers, scores), scores


def predict(
    passes: Iterable[Forward], table: QuestionTable, answers: Sequence[str], activation: str
) -> tuple[pd.DataFrame, QuestionScores]:
    """Return the predictions table of some questions and their scores, from logits: the two functions above in one."""
    return predictions_of(predicted_batches(passes, table, answers, activation), table, answers)


def _option_classes(table: QuestionTable, answers: Sequence[str]) -> npt.NDArray[np.object_] | None:
    """Return the classes of each question's options, an object array (N,) of lists; None without multiple choice."""
    if not any(table.options):
        return None
    class_of = {answer: number for number, answer in enumerate(answers)}
    classes = np.empty(len(table), dtype=object)
    classes[:] = [[class_of[option] for option in options if option in class_of] for options in table.options]
    return classes


def _among_options(logits: npt.NDArray[np.floating], options: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Return logits (N, C) in which every class but the options ranks behind them, with probability 0.

    A question without options, or none of whose options is in the vocabulary, keeps its logits.
    """
    values = logits.astype(np.float64)
    for row, classes in enumerate(options):
        if classes:
            allowed = values[row, classes]
            values[row] -= BEHIND_ALL_OPTIONS
            values[row, classes] = allowed
    return values
