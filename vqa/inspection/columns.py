"""The columns of a predictions table: their names, types and ranges, and the check of a whole table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.errors import DataError, did_you_mean

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
