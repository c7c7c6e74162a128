"""QuestionCollector: what a reader has read so far, good questions and bad lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vqa.data.table import DUPLICATE_ID, UNREADABLE, BadLine, QuestionTable
from vqa.errors import DataError

EXAMPLES = 3


class Question(NamedTuple):
    """One question as read; the types are "" and the options () where the data has none."""

    question_id: str
    image_id: str
    text: str
    answers: tuple[str, ...]
    answer_type: str = ""
    question_type: str = ""
    options: tuple[str, ...] = ()


class QuestionCollector:
    """Collects the questions of a file line by line; a line is taken whole or set aside with the reason.

    Attributes
    ----------
    source : the file or package, for messages
    """

    def __init__(self, source: str) -> None:
        self.source = source
        # Column by column: millions of live tuples would keep the garbage collector busy.
        self._columns: tuple[list[Any], ...] = tuple([] for _ in Question._fields)
        self._line_of: dict[str, int] = {}
        self._bad_lines: list[BadLine] = []
        self._num_lines = 0

    def add(self, line: int, questions: Sequence[Question]) -> None:
        """Take the questions of a line (numbered from 1), or set the line aside if one of them is unusable."""
        fault = self._fault(questions)
        if fault:
            self.reject(line, *fault)
            return
        self._num_lines += 1
        for question in questions:
            for column, value in zip(self._columns, question):
                column.append(value)
            self._line_of[question.question_id] = line

    def reject(self, line: int, reason: str, kind: str = UNREADABLE, *, file: str | None = None) -> None:
        """Set aside a line (numbered from 1)."""
        self._num_lines += 1
        self._bad_lines.append(BadLine(file or self.source, line, reason, kind))

    def _fault(self, questions: Sequence[Question]) -> tuple[str, str] | None:
        """Return why one of the questions cannot be used and the kind of the fault, or None."""
        for question in questions:
            if not question.text.strip():
                return "the question is empty", UNREADABLE
            if not question.answers:
                return "the question has no answer", UNREADABLE
            if "\0" in "".join((question.text, question.question_id, question.image_id, *question.answers)):
                return "a text contains a NUL character", UNREADABLE
            if question.question_id in self._line_of:
                reason = (
                    f"question id {question.question_id!r} is already on line {self._line_of[question.question_id]}; "
                    "a question and all its answers belong on one line"
                )
                return reason, DUPLICATE_ID
        return None

    def table(self, max_bad: float) -> QuestionTable:
        """Return the table of all questions, with the bad lines in their order.

        Raises
        ------
        DataError
            More than the fraction `max_bad` of the lines are bad, or no question is left.
        """
        num_bad = len(self._bad_lines)
        bad_lines = sorted(self._bad_lines, key=lambda bad: bad.line)
        if num_bad > max_bad * self._num_lines:
            raise DataError(
                f"{self.source}: {num_bad} of {self._num_lines} lines cannot be read, more than --max-bad "
                f"{max_bad:g} allows; the first: {_first(bad_lines)}"
            )
        question_id, image_id, text, answers, answer_type, question_type, options = self._columns
        if not question_id:
            first = f"; the first: {_first(bad_lines)}" if bad_lines else ""
            raise DataError(f"{self.source}: expected at least one question, got none ({num_bad} bad lines{first})")
        return QuestionTable(
            question_id,
            image_id,
            text,
            answers,
            answer_type=answer_type,
            question_type=question_type,
            options=options if any(options) else (),
            bad_lines=bad_lines,
            source=self.source,
        )


def _first(bad_lines: list[BadLine]) -> str:
    return "; ".join(map(str, bad_lines[:EXAMPLES]))
