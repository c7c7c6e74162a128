"""Blind baselines: answers learned from the train split alone, without the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vqa.errors import DataError
from vqa.scoring.answer_sets import AnswerSets, AnswersLike, Integers, Strings, as_answer_sets, distinct_codes
from vqa.scoring.questions import Questions, encode_answers, question_types


def commonest_by_group(groups: Integers, answers: AnswerSets) -> list[str]:
    """Return the commonest answer of each group, a tie going to the answer that occurs first.

    Parameters
    ----------
    groups : int64 (N,), the group of each question, numbered 0 to G - 1 without a gap
    answers : the human answers of the N questions, each occurrence counting once
    """
    codes = answers.compared.codes
    forms = list(answers.compared.known)
    pairs = groups[answers.rows] * len(forms) + codes
    order = _stable_order(pairs)
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    first, counts = order[starts], np.diff(starts, append=len(pairs))
    group, form = np.divmod(pairs[first], max(len(forms), 1))
    by_count = np.lexsort((first, -counts, group))
    _, commonest = np.unique(group[by_count], return_index=True)
    return [forms[code] for code in form[by_count][commonest]]


def _stable_order(keys: Integers) -> Integers:
    """Return ``np.argsort(keys, kind="stable")`` of numbers from 0, several times as fast: by sorting numbers alone."""
    size = len(keys)
    if size and int(keys.max()) < np.iinfo(np.int64).max // size - 1:
        return np.sort(keys * size + np.arange(size)) % size
    return np.argsort(keys, kind="stable")


def majority_answers(answers: AnswersLike) -> list[str]:
    """Return each question's commonest answer as written, a tie going to the answer given first.

    >>> majority_answers([("navy", "blue", "blue"), ("yes", "no")])
    ['blue', 'yes']
    """
    sets = as_answer_sets(answers)
    return commonest_by_group(np.arange(len(sets)), sets)


class BlindBaselines:
    """The commonest train answer overall, for each question type and for each exact question text.

    Parameters
    ----------
    train : the questions of the train split
    counted : the answers that count, one sequence per question; all of its answers by default

    Raises
    ------
    DataError
        The train split is empty.
    """

    def __init__(self, train: Questions, counted: AnswersLike | None = None) -> None:
        if not len(train):
            raise DataError("blind baselines need at least one question of the train split, got none")
        sets = encode_answers(train) if counted is None else as_answer_sets(counted)
        (self.commonest,) = commonest_by_group(np.zeros(len(sets), dtype=np.int64), sets)
        self.by_type = _commonest_by_name(question_types(train.question, train.question_type), sets)
        self.by_question = _commonest_by_name(train.question, sets)

    def predict(self, questions: Questions) -> dict[str, list[str]]:
        """Return the predictions (N strings) of `prior`, `prior_per_question_type` and `prior_per_question`.

        A question that is not in train gets the answer of its type, a type that is not in train the commonest answer.
        """
        types = question_types(questions.question, questions.question_type)
        per_type = [self.by_type.get(name, self.commonest) for name in types]
        return {
            "prior": [self.commonest] * len(questions),
            "prior_per_question_type": per_type,
            "prior_per_question": [
                self.by_question.get(text, fallback) for text, fallback in zip(questions.question, per_type)
            ],
        }


def _commonest_by_name(names: Sequence[str] | Strings, sets: AnswerSets) -> dict[str, str]:
    codes, distinct = distinct_codes(names)
    return dict(zip(distinct, commonest_by_group(codes, sets)))


def rank_by_count(answers: Sequence[str]) -> list[str]:
    """Return the distinct answers, the commonest first, ties by first occurrence.

    >>> rank_by_count(["red", "blue", "blue", "navy"])
    ['blue', 'red', 'navy']
    """
    codes, distinct = distinct_codes(answers)
    counts = np.bincount(codes, minlength=len(distinct))
    return [distinct[code] for code in np.argsort(-counts, kind="stable")]
