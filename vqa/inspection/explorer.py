"""The question list of an HTML page as compact data: each text once, columns of numbers, filters and sort orders."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.evaluation.predictions import PredictionRow, prediction_rows
from vqa.inspection.prediction_rows import answer_counts, margins


@dataclass(frozen=True)
class System:
    """The predictions of one run.

    Attributes
    ----------
    name : the name shown on the page
    frame : predictions table of N questions
    mistakes : the class of mistake of each question, "" for a hit, (N,); None where unknown
    """

    name: str
    frame: pd.DataFrame
    mistakes: Sequence[str] | None = None


def compact(value: float) -> float | None:
    """Return a number rounded to six significant digits, NaN as None; a value below 1 stays below 1.

    >>> compact(0.123456789), compact(0.99999999), compact(1.0), compact(float("nan"))
    (0.123457, 0.999999, 1.0, None)
    """
    if math.isnan(value):
        return None
    rounded = float(f"{value:.6g}")
    return 0.999999 if value < 1 <= rounded else rounded


def compacted(values: Iterable[float]) -> list[float | None]:
    """Return each number as `compact` does."""
    return [compact(value) for value in values]


class Strings:
    """Distinct texts, numbered by first occurrence."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text."""
        return self.numbers.setdefault(text, len(self.numbers))

    def all(self) -> list[str]:
        """Return the texts in the order of their numbers."""
        return list(self.numbers)


def expected_answer(question: PredictionRow) -> str:
    """Return the expected answer of a confusion table: a hit's own prediction, else the commonest human answer."""
    return question.prediction if question.hit else answer_counts(question.answers)[0][0]


def facet(name: str, label: str, column: Sequence[str]) -> dict[str, Any]:
    """Return a filter over a column of texts, the commonest value first; "" means no value."""
    values = [value for value, _ in Counter(filter(None, column)).most_common()]
    numbers = {value: number for number, value in enumerate(values)}
    return {"name": name, "label": label, "values": values, "column": [numbers.get(value, -1) for value in column]}


def order(label: str, values: Iterable[float] | None = None, descending: bool = False) -> dict[str, Any]:
    """Return a sort order by a column of numbers, as ranks (None for NaN); without values, the order of the file."""
    return {"label": label, "ranks": None if values is None else _ranks(values), "descending": descending}


def _ranks(values: Iterable[float]) -> list[int | None]:
    """Return the rank of each number among the distinct numbers, None for NaN."""
    numbers = np.fromiter(values, dtype=np.float64)
    ranks = np.unique(numbers, return_inverse=True)[1].tolist()
    return [None if math.isnan(number) else rank for number, rank in zip(numbers, ranks)]


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def attention_data(weights: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return the weights of the cells of square grids, float32 (hops, N, R), as texts of one digit per cell.

    The digit of the heaviest cell of a hop is z, that of a cell without weight 0.

    >>> attention_data(np.array([[[0.5, 0.25, 0.25, 0.0]]], dtype=np.float32))
    {'side': 2, 'weights': ['zii0']}
    """
    hops, num_questions, cells = weights.shape
    relative = weights / np.maximum(weights.max(axis=2, keepdims=True), 1e-12)
    digits = np.array(list(DIGITS))[np.rint(relative * (len(DIGITS) - 1)).astype(int)]
    rows = digits.transpose(1, 0, 2).reshape(num_questions, hops * cells)
    return {"side": math.isqrt(cells), "weights": ["".join(row) for row in rows.tolist()]}


def explorer_data(
    systems: Sequence[System], facets: Sequence[dict[str, Any]], sorts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return everything that the page's script needs to know about the questions.

    Parameters
    ----------
    systems : one or two runs on the same N questions in the same order
    facets : filters; a filter whose values are all equal is left out
    sorts : sort orders; the page starts with the first
    """
    strings = Strings()
    images = Strings()
    questions = prediction_rows(systems[0].frame)
    mistakes = sorted({name for system in systems for name in system.mistakes or () if name})
    return {
        "rows": {
            "id": [question.question_id for question in questions],
            "image": [images.number(question.image_id) for question in questions],
            "question": [strings.number(question.question) for question in questions],
            "answers": [_flat(answer_counts(question.answers), strings) for question in questions],
            "type": [_type_of(question, strings) for question in questions],
            "truth": [strings.number(expected_answer(question)) for question in questions],
        },
        "systems": [_system_data(system, strings, mistakes) for system in systems],
        "facets": [facet for facet in facets if len(set(facet["column"])) > 1],
        "sorts": list(sorts),
        "mistakes": mistakes,
        "images": images.all(),
        "strings": strings.all(),
    }


def _flat(pairs: Iterable[tuple[str, float]], strings: Strings) -> list[float | None]:
    """Return (answer, number) pairs as one flat list of string numbers and numbers."""
    return [item for answer, value in pairs for item in (strings.number(answer), compact(value))]


def _type_of(question: PredictionRow, strings: Strings) -> int | None:
    types = [name for name in (question.answer_type, question.question_type) if name]
    return strings.number(", ".join(types)) if types else None


def _system_data(system: System, strings: Strings, mistakes: Sequence[str]) -> dict[str, Any]:
    questions = prediction_rows(system.frame)
    margin, is_bound = margins(system.frame)
    data: dict[str, Any] = {
        "name": system.name,
        "prediction": [strings.number(question.prediction) for question in questions],
        "hit": [question.hit for question in questions],
        "probability": compacted(question.probability for question in questions),
        "loss": compacted(question.loss for question in questions),
        "margin": compacted(margin.tolist()),
        "bound": is_bound.astype(int).tolist(),
        "top": [_flat(question.top, strings) for question in questions],
    }
    if system.mistakes is not None:
        data["mistake"] = [mistakes.index(name) if name else -1 for name in system.mistakes]
    return data
