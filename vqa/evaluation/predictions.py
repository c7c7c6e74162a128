"""The predictions table, one row per question: `COLUMNS` is its one definition, by which it is made, checked, read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.errors import DataError, did_you_mean
from vqa.evaluation.table import PredictionsTable
from vqa.files import parse_json
from vqa.scoring.rules import QuestionScores


@dataclass(frozen=True)
class Column:
    """One column of the predictions table.

    Attributes
    ----------
    dtype : of the column in memory; object for text and tuples
    meaning : what a value says, with its unit and range
    expected : what a cell must be, to complete "expected loss to be ..."
    convert : from a cell of a table or file to the value; raises ValueError, TypeError or OverflowError for others
    is_list : whether a value is a tuple, which a file writes as a JSON list
    """

    dtype: type
    meaning: str
    expected: str
    convert: Callable[[Any], Any]
    is_list: bool = False


def _encodable(text: str) -> str:
    """Return a text that a UTF-8 file can hold: half a surrogate pair becomes the replacement character."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(cell: Any) -> str:
    # Ids that are numbers in the file, as in the VQA data, are texts here.
    if isinstance(cell, (str, Integral)) and not isinstance(cell, bool):
        return _encodable(str(cell))
    raise TypeError


def _in_one_line(value: Any) -> str:
    return " ".join(str(value).split())


def _list(cell: Any) -> Sequence[Any]:
    listed = parse_json(cell) if isinstance(cell, str) else cell
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise TypeError
    return listed


def _answers(cell: Any) -> tuple[str, ...]:
    answers = _list(cell)
    if not answers or not all(isinstance(answer, str) for answer in answers):
        raise TypeError
    return tuple(map(_encodable, answers))


def _top(cell: Any) -> tuple[tuple[str, float], ...]:
    pairs = tuple((_text(answer), _fraction(number)) for answer, number in _list(cell))
    # The order is that of the logits; the last digit of a probability may differ from it.
    if any(first[1] < second[1] - 1e-9 for first, second in zip(pairs, pairs[1:])):
        raise ValueError
    return pairs


def _fraction(cell: Any) -> float:
    number = float(cell)
    if not 0 <= number <= 1:
        raise ValueError
    return number


def _number_or_nan(cell: Any) -> float:
    number = math.nan if cell is None or cell == "" else float(cell)
    if math.isinf(number):
        raise ValueError
    return number


def _fraction_or_nan(cell: Any) -> float:
    number = _number_or_nan(cell)
    return number if math.isnan(number) else _fraction(number)


def _zero_or_one(cell: Any) -> int:
    number = float(cell)
    if number not in (0, 1):
        raise ValueError
    return int(number)


def _text_column(meaning: str) -> Column:
    return Column(object, meaning, "text", _text)


COLUMNS: dict[str, Column] = {
    "question_id": _text_column("unique id of the question"),
    "image_id": _text_column("image or video that the question is about; empty where there is none"),
    "question": _text_column("the question as written"),
    "answers": Column(
        dtype=object,
        meaning="the human answers as they are compared: as written, or normalized where the card says so",
        expected="a JSON list of one or more texts",
        convert=_answers,
        is_list=True,
    ),
    "prediction": _text_column("the most probable answer"),
    "probability": Column(
        dtype=np.float64,
        meaning="probability of the prediction, in [0, 1]; empty where the system gave none",
        expected="a number from 0 to 1, or empty",
        convert=_fraction_or_nan,
    ),
    "top": Column(
        dtype=object,
        meaning="the most probable answers with their probabilities, best first",
        expected="a JSON list of [answer, probability] pairs, best first",
        convert=_top,
        is_list=True,
    ),
    "loss": Column(
        dtype=np.float64,
        meaning="loss of the question, in nats; empty where none of its answers is in the vocabulary",
        expected="a number, or empty",
        convert=_number_or_nan,
    ),
    "hit": Column(
        dtype=np.int64,
        meaning="1 where the prediction is one of the human answers, else 0",
        expected="0 or 1",
        convert=_zero_or_one,
    ),
    "score": Column(
        dtype=np.float64,
        meaning="official soft score, in [0, 1]; empty for a question with fewer than two answers",
        expected="a number from 0 to 1, or empty",
        convert=_fraction_or_nan,
    ),
    "answer_type": _text_column("type of the answer; empty where the data has none"),
    "question_type": _text_column("type of the question; empty where the data has none"),
}
"""The columns by name, in their order."""


class PredictionRow(NamedTuple):
    """One row of a predictions table; the fields are its columns, whose meaning is in `COLUMNS`."""

    question_id: str
    image_id: str
    question: str
    answers: tuple[str, ...]
    prediction: str
    probability: float
    top: tuple[tuple[str, float], ...]
    loss: float
    hit: int
    score: float
    answer_type: str
    question_type: str

    def is_right(self, answer: str) -> bool:
        """Return whether an answer counts as right; for the prediction, ``hit`` decides."""
        return bool(self.hit) if answer == self.prediction else answer in self.answers


def prediction_rows(frame: pd.DataFrame) -> list[PredictionRow]:
    """Return the rows of a predictions table."""
    columns: Any = (frame[name].tolist() for name in PredictionRow._fields)
    return [PredictionRow(*values) for values in zip(*columns)]


def predictions_table(
    table: QuestionTable,
    classes: npt.NDArray[np.int64],
    probability: npt.NDArray[np.float64],
    losses: npt.NDArray[np.float32],
    answers: Sequence[str],
    scores: QuestionScores,
) -> pd.DataFrame:
    """Return the predictions table of N questions, with the columns and types of `COLUMNS`.

    Parameters
    ----------
    table : the questions
    classes, probability : int64 and float64 (N, TOP at most) of `vqa.evaluation.probabilities.top_answers`
    losses : float32 (N,), nats; NaN where a question has no answer in the vocabulary
    answers : the answer of every class, (C,)
    scores : of the most probable answers
    """
    names = np.array(answers, dtype=object)[classes]
    top = [tuple(zip(row, numbers)) for row, numbers in zip(names.tolist(), probability.tolist())]
    return _table(table, scores, prediction=names[:, 0], probability=probability[:, 0], top=top, loss=losses)


def scored_table(
    table: QuestionTable,
    predictions: Sequence[str],
    probability: npt.NDArray[np.float64] | None,
    scores: QuestionScores,
) -> pd.DataFrame:
    """Return the predictions table of N questions that were answered elsewhere: without losses or further answers.

    Parameters
    ----------
    table : the questions
    predictions : N answers
    probability : float64 (N,) in [0, 1], or None where they are not known
    scores : of the predictions
    """
    unknown = np.full(len(table), np.nan)
    top: list[tuple[tuple[str, float], ...]] = [()] * len(table)
    if probability is not None:
        top = [((answer, number),) for answer, number in zip(predictions, probability.tolist())]
    probability = unknown if probability is None else probability
    return _table(table, scores, prediction=list(predictions), probability=probability, top=top, loss=unknown)


def _table(table: QuestionTable, scores: QuestionScores, **predicted: Any) -> pd.DataFrame:
    """Return the predictions table of questions, from what was predicted and what the questions say themselves."""
    named = ("question_id", "image_id", "question", "answers", "answer_type", "question_type")
    return _frame(
        {**{name: getattr(table, name) for name in named}, "hit": scores.any_of, "score": scores.official, **predicted}
    )


def check_predictions(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the table with its columns in their order and types; further columns are left out.

    Parameters
    ----------
    frame : a table as any file format gives it: numbers as text, lists as JSON
    where : what the table is, to begin the message

    Raises
    ------
    DataError
        A column is missing, the table has no rows, a question occurs twice, or a value has another type or range.
    """
    for name in COLUMNS:
        if name not in frame.columns:
            known = did_you_mean(name, map(_in_one_line, frame.columns))
            raise DataError(f"{where}: the predictions table has no column {name!r}{known}")
    if not len(frame):
        raise DataError(f"{where}: the predictions table has no rows")
    ids = [_encodable(str(value)) for value in frame["question_id"]]
    repeated = pd.Series(ids).duplicated().to_numpy()
    if repeated.any():
        raise DataError(f"{where}: question {ids[int(np.argmax(repeated))]!r} occurs twice; one row is one question")
    values: dict[str, list[Any]] = {}
    for name, column in COLUMNS.items():
        values[name] = []
        for row, cell in enumerate(frame[name].tolist()):
            try:
                values[name].append(column.convert(cell))
            except (ValueError, TypeError, OverflowError):
                raise DataError(
                    f"{where}: row {row + 1} (question {ids[row]!r}): "
                    f"expected {name} to be {column.expected}, got {_shown(cell)}"
                ) from None
    return _frame(values)


def _frame(values: dict[str, Any]) -> pd.DataFrame:
    """Return a table of all columns, in their order and types."""
    return PredictionsTable({name: pd.Series(values[name], dtype=column.dtype) for name, column in COLUMNS.items()})


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else text[:57] + "..."
