"""The predictions table: one row per question. Its columns, how logits become one, and the check of a whole table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.errors import DataError, did_you_mean
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


COLUMNS = (
    "question_id",
    "image_id",
    "question",
    "answers",
    "prediction",
    "probability",
    "top",
    "loss",
    "hit",
    "score",
    "answer_type",
    "question_type",
)
"""The columns of a predictions table, in their order."""

_TEXTS = ("question_id", "image_id", "question", "prediction", "answer_type", "question_type")
_NUMBERS = ("probability", "loss", "hit", "score")


def check_predictions(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table with its columns in their order and types.

    Raises
    ------
    DataError
        As `read_predictions`; `where` begins the message.
    """
    for name in COLUMNS:
        if name not in frame.columns:
            raise DataError(
                f"{where}: the predictions table has no column {name!r}{did_you_mean(name, map(str, frame.columns))}"
            )
    if not len(frame):
        raise DataError(f"{where}: the predictions table has no rows")
    ids = [_text(value) for value in frame["question_id"]]
    repeated = pd.Series(ids).duplicated().to_numpy()
    if repeated.any():
        raise DataError(f"{where}: question {ids[int(np.argmax(repeated))]!r} occurs twice; one row is one question")
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        try:
            columns[name] = _column(name, frame[name].tolist())
        except _BadValue as bad:
            raise DataError(
                f"{where}: row {bad.row + 1} (question {ids[bad.row]!r}): "
                f"expected {name} to be {_EXPECTED[name]}, got {_shown(bad.value)}"
            ) from None
    return pd.DataFrame(columns)


class _BadValue(Exception):
    """A value of a column is not what it should be."""

    def __init__(self, row: int, value: Any) -> None:
        super().__init__(row, value)
        self.row = row
        self.value = value


_EXPECTED = {
    **dict.fromkeys(_TEXTS, "text"),
    "answers": "a JSON list of one or more texts",
    "probability": "a number from 0 to 1",
    "top": "a JSON list of [answer, probability] pairs, best first",
    "loss": "a number, or empty",
    "hit": "0 or 1",
    "score": "a number from 0 to 1, or empty",
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value: Any) -> str:
    """Return a cell as text that a UTF-8 file can hold: half a surrogate pair becomes the replacement character."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _column(name: str, values: list[Any]) -> npt.NDArray[Any]:
    """Return the values of one column checked and in their type, or raise _BadValue with the row."""
    column: npt.NDArray[Any] = np.empty(len(values), dtype=np.float64 if name in _NUMBERS else object)
    convert = _CONVERT[name]
    for row, value in enumerate(values):
        try:
            column[row] = convert(value)
        except (ValueError, TypeError) as error:
            raise _BadValue(row, value) from error
    return column.astype(np.int64) if name == "hit" else column


def _as_text(value: Any) -> str:
    # Ids that are numbers in the file, as in the VQA data, are texts here.
    if isinstance(value, (str, Integral)) and not isinstance(value, bool):
        return _text(value)
    raise TypeError


def _as_answers(value: Any) -> tuple[str, ...]:
    answers = _listed(value)
    if not answers or not all(isinstance(answer, str) for answer in answers):
        raise TypeError
    return tuple(map(_text, answers))


def _as_top(value: Any) -> tuple[tuple[str, float], ...]:
    pairs = tuple((_as_text(answer), _fraction(number)) for answer, number in _listed(value))
    # The order is that of the logits; the last digit of a probability may differ from it.
    if any(first[1] < second[1] - 1e-9 for first, second in zip(pairs, pairs[1:])):
        raise ValueError
    return pairs


def _listed(value: Any) -> Sequence[Any]:
    listed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(listed, Sequence):
        raise TypeError
    return listed


def _number(value: Any) -> float:
    """Return a finite number, or NaN for an empty cell."""
    number = math.nan if value is None or value == "" else float(value)
    if math.isinf(number):
        raise ValueError
    return number


def _fraction(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def _fraction_or_nan(value: Any) -> float:
    number = _number(value)
    return number if math.isnan(number) else _fraction(number)


def _zero_or_one(value: Any) -> float:
    number = float(value)
    if number not in (0, 1):
        raise ValueError
    return number


_CONVERT: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TEXTS, _as_text),
    "answers": _as_answers,
    "probability": _fraction,
    "top": _as_top,
    "loss": _number,
    "hit": _zero_or_one,
    "score": _fraction_or_nan,
}
