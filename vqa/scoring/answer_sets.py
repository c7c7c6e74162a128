"""The human answers of many questions as integer codes, so that each distinct string is processed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import Union

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError
from vqa.scoring.normalize import clean_answer, normalize_answer, normalize_leniently

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.object_]


def distinct_codes(strings: Iterable[str]) -> tuple[Integers, list[str]]:
    """Return for N strings their codes int64 (N,) and the list of distinct strings, first occurrence first.

    Raises
    ------
    DataError
        A value is not a string.
    """
    # A dictionary that numbers each new key: one pass, and no array of objects in between.
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    listed = list(strings)
    codes = np.fromiter(map(numbers.__getitem__, listed), dtype=np.int64, count=len(listed))
    distinct = list(numbers)
    wrong_types = [kind for kind in set(map(type, distinct)) if not issubclass(kind, str)]
    if wrong_types:
        wrong = next(value for value in distinct if isinstance(value, wrong_types[0]))
        raise DataError(f"expected every answer to be a string, got {type(wrong).__name__} {wrong!r}")
    return codes, distinct


@dataclass(frozen=True)
class EncodedPredictions:
    """N predictions of which each distinct one is known, so that several rules go through them once.

    `codes` int64 (N,): the place of each prediction in `distinct`.
    """

    codes: Integers
    distinct: list[str]

    def __len__(self) -> int:
        return len(self.codes)


Predictions = Union[Sequence[str], Strings, EncodedPredictions]


def encode_predictions(predictions: Predictions) -> EncodedPredictions:
    """Return predictions encoded, themselves where they are already."""
    if isinstance(predictions, EncodedPredictions):
        return predictions
    return EncodedPredictions(*distinct_codes(predictions))


def stable_order(keys: Integers) -> Integers:
    """Return ``np.argsort(keys, kind="stable")`` of numbers from 0, several times as fast: by sorting numbers alone."""
    size = len(keys)
    if size and int(keys.max()) < np.iinfo(np.int64).max // size - 1:
        return np.sort(keys * size + np.arange(size)) % size
    return np.argsort(keys, kind="stable")


class Form:
    """One way to write an answer for comparison: two answers match when their forms are equal.

    `codes` int64 (total,): the form of each human answer; `known`: {form: code}.
    """

    def __init__(self, process: Callable[[str], str], distinct: list[str], ids: Integers) -> None:
        self.process = process
        self.known: dict[str, int] = {}
        by_string = [self.known.setdefault(process(text), len(self.known)) for text in distinct]
        self.codes = np.asarray(by_string, dtype=np.int64)[ids]
        # Most predictions are written as some human answer is: those need no processing.
        self._by_string = dict(zip(distinct, by_string))

    def encode(self, predictions: Predictions) -> Integers:
        """Return the codes int64 (N,) of predictions in this form, -1 for a form that no human answer has."""
        encoded, seen = encode_predictions(predictions), self._by_string
        by_string = [
            seen[text] if text in seen else self.known.get(self.process(text), -1) for text in encoded.distinct
        ]
        return np.asarray(by_string, dtype=np.int64)[encoded.codes]


def _as_written(text: str) -> str:
    return text


class AnswerSets:
    """All human answers of N questions, `total` in number, laid end to end.

    Parameters
    ----------
    answers : one sequence of answers as written per question, with repeats
    normalized : compare answers in their lenient form instead of as written; the official rule has its own form
    distinct_records : the answers of a question differ in more than their text, by an answer id
    options : of multiple choice, one tuple of options per question; () where there are none

    Attributes
    ----------
    counts : int64 (N,), answers of each question (K)
    rows : int64 (total,), the question that each answer belongs to

    Raises
    ------
    DataError
        A question has no answer, or an answer is not a string.
    """

    def __init__(
        self,
        answers: Iterable[Sequence[str]],
        *,
        normalized: bool = False,
        distinct_records: bool = True,
        options: Sequence[tuple[str, ...]] | Strings = (),
    ) -> None:
        listed = list(answers)
        if str in set(map(type, listed)):
            raise DataError("expected a list of answers for each question, got a string")
        counts = np.fromiter(map(len, listed), dtype=np.int64, count=len(listed))
        ids, distinct = distinct_codes(chain.from_iterable(listed))
        self._fill(counts, ids, distinct, normalized, distinct_records, options)

    def _fill(
        self,
        counts: Integers,
        ids: Integers,
        distinct: list[str],
        normalized: bool,
        distinct_records: bool,
        options: Sequence[tuple[str, ...]] | Strings,
    ) -> None:
        if len(counts) and not counts.all():
            raise DataError(f"question number {int(np.argmin(counts)) + 1} has no answer")
        self.counts = counts
        self.rows = np.repeat(np.arange(len(counts)), counts)
        self.normalized_comparison = normalized
        self.distinct_records = distinct_records
        self.options = options if len(options) else [()] * len(counts)
        self._ids, self._distinct = ids, distinct

    @classmethod
    def from_codes(
        cls, counts: Integers, ids: Integers, distinct: list[str], *, normalized: bool = False
    ) -> AnswerSets:
        """Return the answers of N questions that are encoded already.

        Parameters
        ----------
        counts : int64 (N,), answers of each question
        ids : int64 (total,), places in `distinct`
        distinct : strings
        """
        sets = cls.__new__(cls)
        sets._fill(counts, ids, distinct, normalized, True, ())
        return sets

    def processed(self, process: Callable[[str], str]) -> AnswerSets:
        """Return the same answers, each as `process` gives it."""
        sets = AnswerSets.__new__(AnswerSets)
        written = [process(text) for text in self._distinct]
        sets._fill(self.counts, self._ids, written, self.normalized_comparison, self.distinct_records, self.options)
        return sets

    def written(self) -> list[tuple[str, ...]]:
        """Return the answers of each question as written."""
        texts = [self._distinct[code] for code in self._ids.tolist()]
        ends = np.cumsum(self.counts).tolist()
        return [tuple(texts[start:end]) for start, end in zip([0, *ends], ends)]

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def offsets(self) -> Integers:
        """int64 (N,): where each question's answers begin."""
        return np.cumsum(self.counts) - self.counts

    def form(self, process: Callable[[str], str]) -> Form:
        """Return the answers as some processing gives them."""
        return Form(process, self._distinct, self._ids)

    @cached_property
    def compared(self) -> Form:
        """Answers as any-of and per-split accuracy compare them: as written, or in their lenient form."""
        return self.lenient if self.normalized_comparison else self.form(_as_written)

    @cached_property
    def clean(self) -> Form:
        """Answers with the white space at their ends removed."""
        return self.form(clean_answer)

    @cached_property
    def normalized(self) -> Form:
        """Answers as the official evaluator normalises them."""
        return self.form(normalize_answer)

    @cached_property
    def lenient(self) -> Form:
        """Answers as the lenient rule normalises them."""
        return self.form(normalize_leniently)

    @cached_property
    def unanimous(self) -> Booleans:
        """bool (N,): the human answers are one and the same string, so that the official rule normalises nothing.

        Never where answers are compared in their lenient form: this gate would take "Yes" and "yes" apart again.
        """
        if self.normalized_comparison:
            return np.zeros(len(self), dtype=np.bool_)
        codes = self.clean.codes
        differs = codes != codes[self.offsets][self.rows]
        return self.per_question(differs) == 0

    def per_question(self, values: npt.ArrayLike) -> Floats:
        """Return the sum (N,) of `values` (total,) over each question's answers, added in their order."""
        return np.bincount(self.rows, weights=np.asarray(values), minlength=len(self)).astype(np.float64)

    def compared_matches(self, predictions: Predictions) -> Booleans:
        """Return bool (total,): the human answer equals the prediction (N strings) for its question."""
        return self.equal(self.compared.codes, self.compared.encode(predictions))

    def lenient_matches(self, predictions: Predictions) -> Booleans:
        """Return bool (total,): the human answer equals the prediction after lenient normalisation."""
        return self.equal(self.lenient.codes, self.lenient.encode(predictions))

    def official_matches(self, predictions: Predictions) -> Booleans:
        """Return bool (total,): the human answer equals the prediction under the official rule, gate included."""
        self.check_number(len(predictions))
        encoded = encode_predictions(predictions)
        predicted = np.where(self.unanimous, self.clean.encode(encoded), self.normalized.encode(encoded))
        return self.equal(self.official_codes, predicted)

    @cached_property
    def official_codes(self) -> Integers:
        """int64 (total,): equal within a question where the official rule takes two answers for the same."""
        return np.where(self.unanimous[self.rows], self.clean.codes, self.normalized.codes)

    def equal(self, codes: Integers, predicted: Integers) -> Booleans:
        """Return bool (total,): the code of the human answer equals that of the prediction (N,) for its question.

        Raises
        ------
        DataError
            There is not one prediction per question.
        """
        self.check_number(len(predicted))
        return codes == predicted[self.rows]

    def check_number(self, number: int) -> None:
        """Raise DataError unless there are as many predictions as questions."""
        if number != len(self):
            raise DataError(f"expected one prediction per question: {len(self)}, got {number}")

    @cached_property
    def official_agreement(self) -> Integers:
        """int64 (total,): answers of the same question equal to this one under the official rule, itself included."""
        return self._agreement(self.official_codes)

    @cached_property
    def compared_agreement(self) -> Integers:
        """int64 (total,): answers of the same question equal to this one as `compared`, itself included."""
        return self._agreement(self.compared.codes)

    def _agreement(self, codes: Integers) -> Integers:
        keys = self.rows * (int(codes.max(initial=0)) + 1) + codes
        order = stable_order(keys)
        counts = np.diff(np.flatnonzero(np.diff(keys[order], prepend=-1, append=-1)))
        agreement = np.empty_like(keys)
        agreement[order] = np.repeat(counts, counts)
        return agreement


AnswersLike = Union[AnswerSets, Iterable[Sequence[str]]]


def as_answer_sets(answers: AnswersLike) -> AnswerSets:
    """Return `answers` encoded, themselves where they are already."""
    return answers if isinstance(answers, AnswerSets) else AnswerSets(answers)
