"""What is read from the rows of a predictions table: counts of answers, and the margin between right and wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.evaluation.predictions import prediction_rows


def answer_counts(answers: Iterable[str]) -> list[tuple[str, int]]:
    """Return the distinct answers with their counts, the commonest first, ties in the order given.

    >>> answer_counts(["navy", "blue", "blue"])
    [('blue', 2), ('navy', 1)]
    """
    return Counter(answers).most_common()


def hardness(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the loss of each question in nats, float64 (N,), infinite for a miss that has none.

    A network that cannot give any of a question's answers has no finite loss there: nothing is harder for it. A hit
    without a loss is NaN.
    """
    losses = frame["loss"].to_numpy()
    return np.where(np.isnan(losses) & (frame["hit"].to_numpy() == 0), np.inf, losses)


def margins(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the margin of each question, and whether it is only a bound.

    margin = p(best right answer) - p(best wrong answer): positive for a hit, negative for a miss. The table lists the
    top answers only. Where none of them is right (or none is wrong), the missing probability is taken to be that of
    the last answer listed, the largest value possible. NaN, and no bound, where the probability is not known.

    Parameters
    ----------
    frame : predictions table of N questions

    Returns
    -------
    margins : float64 (N,), in [-1, 1]
    is_bound : bool (N,); where True, the true margin of a miss is this or lower, that of a hit this or higher

    >>> rest = dict(image_id="", question="?", loss=0.0, score=0.0, answer_type="", question_type="")
    >>> margins(pd.DataFrame([
    ...     dict(question_id="1", answers=("red", "blue"), prediction="blue", probability=0.5, hit=1,
    ...          top=(("blue", 0.5), ("red", 0.375), ("cat", 0.125)), **rest),
    ...     dict(question_id="2", answers=("no",), prediction="yes", probability=0.75, hit=0,
    ...          top=(("yes", 0.75), ("maybe", 0.25)), **rest),
    ... ]))
    (array([ 0.375, -0.5  ]), array([False,  True]))
    """
    values = np.empty(len(frame))
    is_bound = np.zeros(len(frame), dtype=bool)
    for row, question in enumerate(prediction_rows(frame)):
        others = [p for answer, p in question.top if question.is_right(answer) != bool(question.hit)]
        is_bound[row] = not others and not math.isnan(question.probability)
        last = question.top[-1][1] if question.top else question.probability
        lead = question.probability - (others[0] if others else last)
        values[row] = lead if question.hit else 0.0 - lead
    return values, is_bound


def question_table(frame: pd.DataFrame, source: str) -> QuestionTable:
    """Return the questions that a predictions table holds."""
    names = ("question_id", "image_id", "question", "answers")
    types = {name: frame[name].tolist() for name in ("answer_type", "question_type")}
    return QuestionTable(*(frame[name].tolist() for name in names), **types, source=source)
