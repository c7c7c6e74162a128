"""Ceilings and human agreement: the best score that each question's answers allow.

Every function returns float64 (N,) in [0, 1]; NaN where it is not defined. The means over questions stand beside the
accuracies of a report.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import AnswerSets, AnswersLike, Booleans, Floats, Form, as_answer_sets
from vqa.scoring.normalize import clean_answer, normalize_answer
from vqa.scoring.rules import ENOUGH, soft_score_of_count, where_annotators_compare


def _most(sets: AnswerSets, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return int64 (N,): the largest of `values` (total,) among each question's answers."""
    if not len(sets):
        return np.zeros(0, dtype=np.int64)
    return np.maximum.reduceat(values, sets.offsets)


def per_split_ceiling(answers: AnswersLike) -> Floats:
    """Return count of the question's commonest answer / number of its answers.

    No network whose output depends on the question alone can reach more on (question, answer) rows.

    >>> per_split_ceiling([("blue", "dark blue", "navy"), ("yes", "yes", "no")])
    array([0.33333333, 0.66666667])
    """
    sets = as_answer_sets(answers)
    return _most(sets, sets.compared_agreement) / sets.counts


def _contained(form: Form, forms: set[str]) -> Booleans:
    """Return bool (total,): the human answer's form is one of `forms`."""
    known = np.fromiter((text in forms for text in form.known), dtype=bool, count=len(form.known))
    return known[form.codes]


def vocabulary_any_of(answers: AnswersLike, vocabulary: Iterable[str]) -> Floats:
    """Return 1 where at least one of the question's answers is in the answer vocabulary, else 0."""
    sets = as_answer_sets(answers)
    return (sets.per_question(_contained(sets.compared, set(map(sets.compared.process, vocabulary)))) > 0).astype(
        np.float64
    )


def vocabulary_official(answers: AnswersLike, vocabulary: Iterable[str]) -> Floats:
    """Return the best official score that an answer of the vocabulary gets, gate and normalisation included.

    NaN for a question with a single answer: the official score compares annotators.
    """
    sets = as_answer_sets(answers)
    words = list(vocabulary)
    as_written = _contained(sets.clean, set(map(clean_answer, words)))
    as_normalized = _contained(sets.normalized, set(map(normalize_answer, words)))
    reachable = np.where(sets.unanimous[sets.rows], as_written, as_normalized)
    best = soft_score_of_count(_most(sets, np.where(reachable, sets.official_agreement, 0)), sets.counts)
    return where_annotators_compare(sets, best)


def human_leave_one_out(answers: AnswersLike) -> Floats:
    """Return the mean over annotators of min(1, others who gave the same answer / 3), under the official rule.

    It is the official score of an annotator against the others, and at most 2/3 with three annotators. NaN for a
    question with a single answer.

    >>> human_leave_one_out([("yes",) * 10, ("blue", "dark blue", "navy"), ("red",)])
    array([ 1.,  0., nan])
    """
    sets = as_answer_sets(answers)
    agreement = sets.per_question(np.minimum(1.0, (sets.official_agreement - 1) / ENOUGH)) / sets.counts
    return where_annotators_compare(sets, agreement)


def human_any_of(answers: AnswersLike) -> Floats:
    """Return the fraction of annotators whose answer another annotator of the question wrote as well.

    NaN for a question with a single answer.
    """
    sets = as_answer_sets(answers)
    return where_annotators_compare(sets, sets.per_question(sets.compared_agreement > 1) / sets.counts)
