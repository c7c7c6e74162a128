"""QuestionTable: one row is one question together with all its answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.errors import DataError
from vqa.scoring.normalize import normalize_leniently

Strings = npt.NDArray[np.object_]
Column = Union[Sequence[str], Strings]
AnswerColumn = Union[Sequence[tuple[str, ...]], Strings]


UNREADABLE = "unreadable"
DUPLICATE_ID = "duplicate id"


@dataclass(frozen=True)
class BadLine:
    """A line of a data file that could not be read as a question, and why; `kind` is one of the two constants."""

    file: str
    line: int
    reason: str
    kind: str = UNREADABLE

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def _only_strings(values: Iterable[Any]) -> bool:
    return all(issubclass(kind, str) for kind in set(map(type, values)))


def _column(name: str, values: Column, length: int, source: str) -> Strings:
    """Return `values` as an object array (N,), or N empty strings where the data has no such column."""
    column = np.empty(length, dtype=object)
    if len(values) not in (0, length):
        raise DataError(f"{source}: expected {length} values of {name}, one per question, got {len(values)}")
    column[:] = list(values) if len(values) else ""
    if not _only_strings(column):
        raise DataError(
            f"{source}: every {name} must be a string, got {next(v for v in column if type(v) is not str)!r}"
        )
    return column


def _answer_column(values: AnswerColumn, length: int, source: str) -> Strings:
    """Return `values` as an object array (N,) of tuples of strings."""
    column = np.empty(length, dtype=object)
    if len(values) != length:
        raise DataError(f"{source}: expected {length} sets of answers, one per question, got {len(values)}")
    # Element by element: NumPy would turn tuples of equal length into a matrix.
    for row, answers in enumerate(values):
        if isinstance(answers, str):
            raise DataError(
                f"{source}: the answers of row {row} must be a tuple of strings, got the string {answers!r}"
            )
        column[row] = tuple(answers)
    if not _only_strings(chain.from_iterable(column)):
        raise DataError(f"{source}: every answer must be a string")
    return column


def _no_options(length: int) -> Strings:
    column = np.empty(length, dtype=object)
    column.fill(())
    return column


class QuestionTable:
    """Questions with their answers, one row per question; columns are object arrays of Python strings, shape (N,).

    Attributes
    ----------
    question_id : unique within the table; readers number the rows where the file has no ids
    image_id : image or video that the question is about; "" where there is none
    question : the text as written
    answers : one tuple of answer strings per question, with repeats, without empty cells: what is trained and compared
    raw_answers : the answers as written; the same object as `answers` unless those are normalized
    normalized : whether `answers` are normalized, so that predictions must be normalized before they are compared
    answer_type, question_type : "" where the data has none
    options : of multiple choice, one tuple of strings per question; () where the data has none
    bad_lines : the lines that the reader set aside
    source : the file or package that the questions came from, for messages

    Raises
    ------
    DataError
        Two rows have the same question_id, a question has no answer, the columns differ in length, or a value is
        not a string.

    >>> table = QuestionTable(["7"], ["cat.png"], ["what is it?"], [("cat", "kitten", "cat")])
    >>> table.num_slots, table.answers[0]
    (3, ('cat', 'kitten', 'cat'))
    """

    def __init__(
        self,
        question_id: Column,
        image_id: Column,
        question: Column,
        answers: AnswerColumn,
        *,
        answer_type: Column = (),
        question_type: Column = (),
        options: AnswerColumn = (),
        raw_answers: AnswerColumn | None = None,
        bad_lines: Sequence[BadLine] = (),
        source: str = "",
    ) -> None:
        length = len(question_id)
        self.question_id = _column("question_id", question_id, length, source)
        self.image_id = _column("image_id", image_id, length, source)
        self.question = _column("question", question, length, source)
        self.answers = _answer_column(answers, length, source)
        self.normalized = raw_answers is not None
        self.raw_answers = self.answers if raw_answers is None else _answer_column(raw_answers, length, source)
        self.answer_type = _column("answer_type", answer_type, length, source)
        self.question_type = _column("question_type", question_type, length, source)
        self.options = _answer_column(options, length, source) if len(options) else _no_options(length)
        self.bad_lines = tuple(bad_lines)
        self.source = source
        self._check()

    def _check(self) -> None:
        duplicates = pd.Series(self.question_id).duplicated()
        if duplicates.any():
            first = self.question_id[int(np.argmax(duplicates.to_numpy()))]
            raise DataError(
                f"{self.source}: {int(duplicates.sum())} question ids occur more than once, the first is {first!r}; "
                "a question and all its answers belong on one row"
            )
        for question_id, answers in zip(self.question_id, self.answers):
            if not answers:
                raise DataError(f"{self.source}: question {question_id!r} has no answer")

    def __len__(self) -> int:
        return len(self.question_id)

    def __repr__(self) -> str:
        return f"QuestionTable({len(self)} questions, up to {self.num_slots} answers each, from {self.source!r})"

    @property
    def num_slots(self) -> int:
        """The largest number of answers that a question has (A, the answer slots of a batch); 0 when empty."""
        return max(map(len, self.answers), default=0)

    def take(self, rows: npt.ArrayLike) -> QuestionTable:
        """Return the table of the given rows, in the given order; bad lines stay with the whole table."""
        index = np.asarray(rows, dtype=np.int64)
        return QuestionTable(
            self.question_id[index],
            self.image_id[index],
            self.question[index],
            self.answers[index],
            answer_type=self.answer_type[index],
            question_type=self.question_type[index],
            options=self.options[index],
            raw_answers=self.raw_answers[index] if self.normalized else None,
            source=self.source,
        )

    def with_normalized_answers(self) -> QuestionTable:
        """Return the table with every answer as `vqa.scoring.normalize.normalize_leniently` writes it.

        >>> table = QuestionTable(["7"], [""], ["is it?"], [("Yes", "yes.")]).with_normalized_answers()
        >>> table.answers[0], table.raw_answers[0]
        (('yes', 'yes'), ('Yes', 'yes.'))
        """
        if self.normalized:
            return self
        strings = chain(chain.from_iterable(self.answers), chain.from_iterable(self.options))
        written = {string: normalize_leniently(string) for string in set(strings)}
        return QuestionTable(
            self.question_id,
            self.image_id,
            self.question,
            [tuple(written[answer] for answer in answers) for answers in self.answers],
            answer_type=self.answer_type,
            question_type=self.question_type,
            options=[tuple(written[option] for option in options) for options in self.options],
            raw_answers=self.answers,
            bad_lines=self.bad_lines,
            source=self.source,
        )

    def row_of(self, question_id: str) -> int:
        """Return the row of a question.

        Raises
        ------
        DataError
            No question has this id.
        """
        (rows,) = np.nonzero(self.question_id == question_id)
        if not len(rows):
            examples = ", ".join(self.question_id[:3])
            raise DataError(f"no question has the id {question_id!r} in {self.source} (ids look like {examples})")
        return int(rows[0])

    def content_hash(self) -> str:
        """Return the SHA-256 of all ids, questions and answers in their order, as 64 hexadecimal digits.

        It covers the answers as they are compared, whether they are normalized, and the options where there are any.
        """
        digest = hashlib.sha256(b"normalized" if self.normalized else b"")
        # ascii() writes different rows differently, in the same way in every version of Python.
        rows = map(ascii, zip(self.question_id, self.image_id, self.question, self.answers))
        while block := "".join(islice(rows, 4096)):
            digest.update(block.encode("ascii"))
        if any(self.options):
            digest.update(ascii(tuple(self.options)).encode("ascii"))
        return digest.hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with the columns question_id, image_id, question, answers, answer_type, question_type."""
        names = ("question_id", "image_id", "question", "answers", "answer_type", "question_type")
        return pd.DataFrame({name: getattr(self, name) for name in names})


def answer_spellings(table: QuestionTable) -> list[Counter[str]]:
    """Return the answers that differ only in case, white space, punctuation, articles or number words.

    Returns
    -------
    one counter {answer as written: occurrences} per answer that is written in several ways, the commonest first

    >>> table = QuestionTable(["7", "8"], ["", ""], ["is it?", "is it not?"], [("Yes", "yes"), ("yes", "no")])
    >>> answer_spellings(table)
    [Counter({'yes': 2, 'Yes': 1})]
    """
    groups: dict[str, Counter[str]] = {}
    for answer, count in Counter(chain.from_iterable(table.raw_answers)).items():
        groups.setdefault(normalize_leniently(answer), Counter())[answer] = count
    several = [counts for counts in groups.values() if len(counts) > 1]
    return sorted(several, key=lambda counts: -sum(counts.values()))
