"""The scoring rules: predictions and human answers in, one number per question out.

Every rule takes `predictions`, N strings, and `answers`, N sequences of strings (or `EncodedPredictions` and
`AnswerSets`, to encode them once for several calls), and returns float64 (N,) in [0, 1]. Inputs are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import (
    AnswerSets,
    AnswersLike,
    Booleans,
    Floats,
    Predictions,
    as_answer_sets,
    encode_predictions,
)

OFFICIAL_ANSWERS = 10
ENOUGH = 3
"""Matching annotators that make an answer fully right under the official rule."""

FORMULA = "[n min(1,(n-1)/3) + (K-n) min(1,n/3)] / K for n matches among K answers"


def any_of(predictions: Predictions, answers: AnswersLike) -> Floats:
    """Return 1 where the prediction is one of the question's answers exactly as written, else 0.

    >>> any_of(["dark blue", "red"], [("blue", "dark blue", "navy"), ("blue", "dark blue", "navy")])
    array([1., 0.])
    """
    sets = as_answer_sets(answers)
    return (sets.per_question(sets.compared_matches(predictions)) > 0).astype(np.float64)


def per_split(predictions: Predictions, answers: AnswersLike) -> Floats:
    """Return the fraction of the question's answers that equal the prediction exactly as written.

    Its mean over questions with equally many answers is what ``mx.metric.Accuracy`` over (question, answer) rows
    gives.

    >>> per_split(["navy", "yes"], [("blue", "dark blue", "navy"), ("yes", "yes", "no", "yes")])
    array([0.33333333, 0.75      ])
    """
    sets = as_answer_sets(answers)
    return sets.per_question(sets.compared_matches(predictions)) / sets.counts


def mean_fraction(fractions: Floats, counts: npt.NDArray[np.int64]) -> float:
    """Return the mean of fractions of answers, rounded once, at the end: five questions may well give 7/15 exactly.

    Parameters
    ----------
    fractions : float64 (N,), n / K for a whole n, of `per_split` or `vqa.scoring.bounds.per_split_ceiling`
    counts : int64 (N,), K

    >>> mean_fraction(np.array([1 / 3] * 4 + [1.0]), np.array([3] * 5)) == 7 / 15
    True
    """
    matches = np.rint(fractions * counts).astype(np.int64)
    total = sum(Fraction(int(matches[counts == count].sum()), int(count)) for count in np.unique(counts))
    return float(total / len(counts))


def official(predictions: Predictions, answers: AnswersLike) -> Floats:
    """Return the official VQA accuracy of each question, equal to the official evaluator's to the last bit.

    For each annotator, min(1, matches among the other annotators / 3); the score is the mean over the annotators:
    [n min(1,(n-1)/3) + (K-n) min(1,n/3)] / K for n matches among K answers. One annotator is left out by position,
    so that files without answer ids score alike.

    Source: repository GT-Vision-Lab/VQA, commit a013f00, PythonEvaluationTools/vqaEvaluation/vqaEval.py, `evaluate`.

    >>> official(["2", "a dog"], [("two", "2") + ("3",) * 8, ("dog",) * 10])
    array([0.6, 0. ])
    """
    sets = as_answer_sets(answers)
    return soft_scores(sets, sets.official_matches(predictions))


def lenient(predictions: Predictions, answers: AnswersLike) -> Floats:
    """Return the official score with normalisation always on and articles-only answers kept.

    >>> lenient(["A dog."], [("dog",) * 10])
    array([1.])
    """
    sets = as_answer_sets(answers)
    return soft_scores(sets, sets.lenient_matches(predictions))


def leave_one_out_terms(sets: AnswerSets, matched: Booleans) -> Floats:
    """Return (total,): for each annotator min(1, matches among the others of the question / 3)."""
    total = sets.per_question(matched)[sets.rows]
    return np.minimum(1.0, (total - matched) / ENOUGH)


def soft_scores(sets: AnswerSets, matched: Booleans) -> Floats:
    """Return (N,): the mean of the leave-one-out terms of each question, `matched` being bool (total,)."""
    # Terms are added in the order of the annotators, as the official evaluator adds them.
    return sets.per_question(leave_one_out_terms(sets, matched)) / sets.counts


def soft_score_of_count(matches: npt.ArrayLike, num_answers: npt.ArrayLike) -> Floats:
    """Return the official score of n matches among K answers by the closed formula.

    >>> soft_score_of_count([0, 1, 2, 3, 4, 10], 10).round(6)
    array([0. , 0.3, 0.6, 0.9, 1. , 1. ])
    >>> soft_score_of_count([0, 1, 2, 3], 3).round(4)
    array([0.    , 0.2222, 0.4444, 0.6667])
    """
    n = np.asarray(matches, dtype=np.float64)
    k = np.asarray(num_answers, dtype=np.float64)
    return (n * np.clip((n - 1) / ENOUGH, 0, 1) + (k - n) * np.minimum(1, n / ENOUGH)) / k


def where_annotators_compare(sets: AnswerSets, scores: Floats) -> Floats:
    """Return `scores` (N,) with NaN for each question with a single answer: no annotator is left to compare with."""
    return np.where(sets.counts > 1, scores, np.nan)


@dataclass(frozen=True)
class QuestionScores:
    """What each of N predictions scores, computed once for all that shows it.

    Attributes
    ----------
    answers : the human answers, encoded
    any_of : float64 (N,), 1 where the prediction is in the question's answer set, else 0
    official : float64 (N,), official soft score; NaN for a question with a single answer
    """

    answers: AnswerSets
    any_of: Floats
    official: Floats


def score_questions(predictions: Predictions, answers: AnswersLike) -> QuestionScores:
    """Return the any-of and official scores of N predictions.

    >>> scores = score_questions(["red", "red"], [("red", "red", "dark red"), ("red",)])
    >>> scores.any_of, scores.official.round(4)
    (array([1., 1.]), array([0.4444,    nan]))
    """
    sets, encoded = as_answer_sets(answers), encode_predictions(predictions)
    scores = where_annotators_compare(sets, official(encoded, sets))
    return QuestionScores(sets, any_of(encoded, sets), scores)


RULES = {"any-of": any_of, "per-split": per_split, "vqa-official": official, "vqa-lenient": lenient}


def official_note(answers: AnswersLike) -> str:
    """Return what must be said beside an official score where questions have other than ten answers, else "".

    >>> official_note([("yes", "yes", "no")])
    '3 answers per question instead of 10: the score is [n min(1,(n-1)/3) + (K-n) min(1,n/3)] / K for n matches among \
K answers, at most 0.6667 here'
    """
    sets = as_answer_sets(answers)
    if not len(sets) or (sets.counts == OFFICIAL_ANSWERS).all():
        return ""
    fewest, most = int(sets.counts.min()), int(sets.counts.max())
    number = str(most) if fewest == most else f"{fewest} to {most}"
    note = f"{number} answers per question instead of {OFFICIAL_ANSWERS}: the score is {FORMULA}"
    best = float(soft_score_of_count(fewest, fewest))
    if best < 1:
        note += f", at most {best:.4f} " + ("here" if fewest == most else f"with {fewest}")
    return note
