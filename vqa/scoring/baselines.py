"""Blind baselines: answers learned from the train split alone, without the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vqa.errors import DataError
from vqa.scoring.answer_sets import AnswerSets, AnswersLike, Integers, as_answer_sets, distinct_codes, stable_order
from vqa.scoring.questions import Questions, encode_answers, question_types


class AnswerCounts(NamedTuple):
    """How often each form of an answer occurs in each group of questions: P pairs that occur, in no certain order.

    Attributes
    ----------
    group, form : int64 (P,), forms numbered as in `forms`
    times : int64 (P,), how often the pair occurs
    first : int64 (P,), place of the pair's first occurrence among all answers
    forms : the answers as they are compared
    """

    group: Integers
    form: Integers
    times: Integers
    first: Integers
    forms: list[str]

    @classmethod
    def of(cls, groups: Integers, answers: AnswerSets) -> AnswerCounts:
        """Count the human answers of N questions in the groups int64 (N,), each occurrence once."""
        group, form, forms = groups[answers.rows], answers.compared.codes, list(answers.compared.known)
        order, starts = _runs(group * len(forms) + form)
        first = order[starts]
        return cls(group[first], form[first], np.diff(starts, append=len(form)), first, forms)

    def regrouped(self, group: Integers) -> AnswerCounts:
        """Return the counts in fewer groups, `group` int64 (P,) being the new one of each pair."""
        order, starts = _runs(group * len(self.forms) + self.form)
        return AnswerCounts(
            group[order[starts]],
            self.form[order[starts]],
            np.add.reduceat(self.times[order], starts),
            np.minimum.reduceat(self.first[order], starts),
            self.forms,
        )

    def commonest(self) -> list[str]:
        """Return the commonest form of each group, in the order of their numbers; of equals the one that is first."""
        by_count = np.lexsort((self.first, -self.times, self.group))
        _, commonest = np.unique(self.group[by_count], return_index=True)
        return [self.forms[form] for form in self.form[by_count][commonest]]


def _runs(keys: Integers) -> tuple[Integers, Integers]:
    """Return an order of keys from 0 that puts equal ones together, and where in it each distinct key begins."""
    order = stable_order(keys)
    return order, np.flatnonzero(np.diff(keys[order], prepend=-1))


def majority_answers(answers: AnswersLike) -> list[str]:
    """Return each question's commonest answer as written, a tie going to the answer given first.

    >>> majority_answers([("navy", "blue", "blue"), ("yes", "no")])
    ['blue', 'yes']
    """
    sets = as_answer_sets(answers)
    return AnswerCounts.of(np.arange(len(sets)), sets).commonest()


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
        text_codes, texts = distinct_codes(train.question)
        given_codes, given = distinct_codes(train.question_type)
        # Most training questions repeat a few: their answers are gone through once, the rest is done for distinct ones.
        counts = AnswerCounts.of(text_codes * len(given) + given_codes, sets)
        questions, question_of = np.unique(counts.group, return_inverse=True)
        text_of, given_of = np.divmod(questions, len(given))
        types = question_types([texts[code] for code in text_of], [given[code] for code in given_of])
        type_of, type_names = distinct_codes(types)
        by_type = counts.regrouped(type_of[question_of])
        self.by_question = dict(zip(texts, counts.regrouped(text_of[question_of]).commonest()))
        self.by_type = dict(zip(type_names, by_type.commonest()))
        (self.commonest,) = by_type.regrouped(np.zeros_like(by_type.group)).commonest()

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


def rank_by_count(answers: Sequence[str]) -> list[str]:
    """Return the distinct answers, the commonest first, ties by first occurrence.

    >>> rank_by_count(["red", "blue", "blue", "navy"])
    ['blue', 'red', 'navy']
    """
    codes, distinct = distinct_codes(answers)
    counts = np.bincount(codes, minlength=len(distinct))
    return [distinct[code] for code in np.argsort(-counts, kind="stable")]
