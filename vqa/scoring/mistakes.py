"""Classes of mistakes: each wrong question in exactly one, so that they add up to the number of wrong ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import (
    AnswerSets,
    AnswersLike,
    Strings,
    as_answer_sets,
    distinct_codes,
    encode_predictions,
)
from vqa.scoring.baselines import majority_answers
from vqa.scoring.bounds import vocabulary_any_of
from vqa.scoring.normalize import normalize_answer
from vqa.scoring.questions import Questions

YES_NO_WORDS = frozenset(("yes", "yeah", "yep", "yup", "no", "nope", "nah"))
RIGHT = "right"
MISTAKES = ("out_of_vocabulary", "formatting", "wrong_type", "prior", "other")
"""In the order in which they are tried: a wrong question goes to the first that fits."""


def kind_by_form(answer: str) -> str:
    """Return the type of an answer from its words: "yes/no", "number" or "other".

    >>> kind_by_form("Yes."), kind_by_form("two"), kind_by_form("dark blue")
    ('yes/no', 'number', 'other')
    """
    words = normalize_answer(answer).split()
    if words and words[0] in YES_NO_WORDS:
        return "yes/no"
    if words and words[0].replace(".", "", 1).isdigit():
        return "number"
    return "other"


class AnswerKinds:
    """The type of an answer: that of the questions it mostly answers in a table with answer types, else by form.

    Parameters
    ----------
    answer_types : the answer type of each of N questions, "" where the data has none
    answers : their answers
    """

    def __init__(self, answer_types: Sequence[str] | Strings = (), answers: AnswersLike = ()) -> None:
        sets = as_answer_sets(answers)
        type_codes, types = distinct_codes(answer_types)
        size = len(sets.compared.known), len(types)
        pairs = sets.compared.codes * size[1] + type_codes[sets.rows]
        counts = np.bincount(pairs, minlength=size[0] * size[1]).reshape(size)
        commonest = counts.argmax(axis=1) if all(size) else []
        self._by_answer = {answer: types[code] for answer, code in zip(sets.compared.known, commonest)}

    def of(self, answers: Sequence[str] | Strings) -> list[str]:
        """Return the type of each answer."""
        kinds = {answer: self._by_answer.get(answer) or kind_by_form(answer) for answer in set(answers)}
        return [kinds[answer] for answer in answers]


def classify_mistakes(
    questions: Questions,
    predictions: Sequence[str] | Strings,
    answers: AnswerSets,
    *,
    vocabulary: Iterable[str] | None = None,
    blind: Sequence[str] | None = None,
    kinds: AnswerKinds | None = None,
) -> Strings:
    """Return for each of N questions "right" (under any-of) or the first of these classes that fits.

    out_of_vocabulary : none of the question's answers is in the answer vocabulary, so no prediction could be right
    formatting : the prediction is one of the answers after lenient normalisation
    wrong_type : the prediction is of another answer type than the question (a colour for yes/no)
    prior : the prediction is the blind answer, the commonest train answer to this very question
    other : none of these

    Parameters
    ----------
    answers : the questions' answers, encoded
    vocabulary : the answers that can be predicted; without it nothing is out of vocabulary
    blind : the blind answers (N strings); without them nothing is the prior
    kinds : tells an answer's type; without it, its form does
    """
    size, encoded = len(answers), encode_predictions(predictions)
    never = np.zeros(size, dtype=bool)
    tests = {
        RIGHT: answers.per_question(answers.compared_matches(encoded)) > 0,
        "out_of_vocabulary": never if vocabulary is None else vocabulary_any_of(answers, vocabulary) == 0,
        "formatting": answers.per_question(answers.lenient_matches(encoded)) > 0,
        "wrong_type": _differs_in_kind(questions, predictions, answers, kinds or AnswerKinds()),
        "prior": never if blind is None else _equal(predictions, blind),
    }
    return np.select(list(tests.values()), list(tests), default="other").astype(object)


def _equal(first: Sequence[str] | Strings, second: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.fromiter((one == other for one, other in zip(first, second)), dtype=bool, count=len(first))


def _differs_in_kind(
    questions: Questions, predictions: Sequence[str] | Strings, answers: AnswerSets, kinds: AnswerKinds
) -> npt.NDArray[np.bool_]:
    """Return bool (N,): the prediction's type is neither the question's own nor that of its commonest answer."""
    by_answer = kinds.of(majority_answers(answers))
    predicted = kinds.of(predictions)
    return np.fromiter(
        (kind not in (given, majority) for kind, given, majority in zip(predicted, questions.answer_type, by_answer)),
        dtype=bool,
        count=len(answers),
    )
