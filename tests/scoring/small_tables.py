"""A small table of questions for tests, with the attribute names of QuestionTable and nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Strings = npt.NDArray[np.object_]


def column(values: Sequence[object]) -> Strings:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return array


class Table:
    """Questions as the scoring package expects them; a column that is not given holds empty strings."""

    def __init__(
        self,
        answers: Sequence[Sequence[str]],
        *,
        image_id: Sequence[str] = (),
        question: Sequence[str] = (),
        answer_type: Sequence[str] = (),
        question_type: Sequence[str] = (),
        question_id: Sequence[str] = (),
        normalized: bool = False,
    ) -> None:
        size = len(answers)
        empty = [""] * size
        self.question_id = column(question_id or [f"q{row}" for row in range(size)])
        self.image_id = column(image_id or empty)
        self.question = column(question or empty)
        self.answers = self.raw_answers = column([tuple(answer_set) for answer_set in answers])
        self.normalized = normalized
        self.answer_type = column(answer_type or empty)
        self.question_type = column(question_type or empty)

    def __len__(self) -> int:
        return len(self.answers)
