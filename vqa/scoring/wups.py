"""WUPS: an answer is scored by how near its words are to the right ones in WordNet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from vqa.scoring.answer_sets import AnswerSets, AnswersLike, Floats, Strings, as_answer_sets, distinct_codes
from vqa.scoring.wordnet import Nouns

THRESHOLDS = (0.0, 0.9)
"""The two thresholds that results are published with; both are printed."""

BELOW = 0.1
"""What a similarity under the threshold is multiplied by."""


def items(answer: str) -> list[str]:
    """Return the items of an answer that is a list.

    >>> items("book, scissor ,papers")
    ['book', 'scissor', 'papers']
    """
    return [item.strip() for item in answer.split(",")]


class Wups:
    """WUPS of many answers, each pair of words compared once.

    wups(T, P) = min(prod over p in P of max over t in T of m(p, t), prod over t in T of max over p in P of m(t, p))

    for the items T of the true answer and P of the predicted one. m is 1 for equal words; else the Wu-Palmer similarity
    of their most similar senses as nouns, times 0.1 where it is below the threshold; 0 where one of them is no noun.

    Source: Malinowski and Fritz, A Multi-World Approach to Question Answering about Real-World Scenes based on
    Uncertain Input, NeurIPS 2014; compute_wups.py of repository mateuszmalinowski/visual_turing_test-tutorial.

    Raises
    ------
    InstallationError
        NLTK or WordNet is not installed.
    """

    @cached_property
    def _nouns(self) -> Nouns:
        return Nouns()

    def scores(self, predictions: Sequence[str] | Strings, answers: AnswersLike, threshold: float) -> Floats:
        """Return the WUPS of each prediction, float64 (N,) in [0, 1]; of several human answers the nearest counts.

        Parameters
        ----------
        predictions : N answers
        answers : N sequences of human answers
        threshold : in [0, 1], see `THRESHOLDS`
        """
        sets = as_answer_sets(answers)
        codes, predicted = distinct_codes(predictions)
        truths = list(sets.compared.known)
        predicted_codes, true_codes = codes[sets.rows], sets.compared.codes
        pairs, inverse = np.unique(np.stack([predicted_codes, true_codes]), axis=1, return_inverse=True)
        similarity = _Similarity(self._nouns, predicted, truths, threshold)
        by_pair = np.array([similarity.of(predicted[p], truths[t]) for p, t in pairs.T.tolist()])
        return _largest_per_question(by_pair[inverse.reshape(-1)], sets)

    def ceiling(self, vocabulary: Sequence[str], answers: AnswersLike, threshold: float) -> Floats:
        """Return the highest WUPS that an answer of a vocabulary can have for each question, float64 (N,)."""
        sets = as_answer_sets(answers)
        known = set(vocabulary)
        truths = list(sets.compared.known)
        similarity = _Similarity(self._nouns, list(vocabulary), truths, threshold)
        best = [1.0 if truth in known else similarity.best(truth) for truth in truths]
        return _largest_per_question(np.array(best)[sets.compared.codes], sets)


class _Similarity:
    """The fuzzy membership of predicted words in true ones, as a matrix over the distinct words of both."""

    def __init__(self, nouns: Nouns, predicted: Sequence[str], truths: Sequence[str], threshold: float) -> None:
        self._predicted = predicted
        self._row = _numbers(predicted)
        self._column = _numbers(truths)
        pairs = nouns.similarities(list(self._row), list(self._column))
        self._of_predicted, self._of_true = (np.where(values < threshold, BELOW * values, values) for values in pairs)
        for word, row in self._row.items():
            if word in self._column:
                self._of_predicted[row, self._column[word]] = self._of_true[row, self._column[word]] = 1.0

    def of(self, predicted: str, truth: str) -> float:
        """Return the WUPS of one answer for one true answer."""
        block = np.ix_([self._row[item] for item in items(predicted)], [self._column[item] for item in items(truth)])
        return float(min(self._of_predicted[block].max(axis=1).prod(), self._of_true[block].max(axis=0).prod()))

    def best(self, truth: str) -> float:
        """Return the highest WUPS that one of the predicted answers has for a true answer."""
        return max(self.of(predicted, truth) for predicted in self._predicted)


def _numbers(answers: Sequence[str]) -> dict[str, int]:
    """Return the place of each distinct item of some answers."""
    return {item: number for number, item in enumerate(dict.fromkeys(item for text in answers for item in items(text)))}


def _largest_per_question(values: Floats, sets: AnswerSets) -> Floats:
    """Return the largest value (N,) among those of each question's answers (total,)."""
    largest = np.zeros(len(sets))
    np.maximum.at(largest, sets.rows, values)
    return largest
