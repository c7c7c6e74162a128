from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring import bounds
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.baselines import majority_answers
from vqa.scoring.rules import any_of, official, per_split

WORDS = ["yes", "Yes", "no", "a dog", "dog", "two", "2", "the"]
ANSWERS = st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=10).map(tuple), min_size=1, max_size=8)

# The founding puzzle: four questions with three different answers, one with three equal ones.
PUZZLE = [("a", "b", "c")] * 4 + [("d", "d", "d")]


def test_the_ceiling_of_the_founding_puzzle_is_seven_fifteenths() -> None:
    assert bounds.per_split_ceiling(PUZZLE).mean() == pytest.approx(7 / 15)


@given(ANSWERS)
def test_the_majority_answers_reach_the_per_split_ceiling_and_none_exceeds_it(answers: list[tuple[str, ...]]) -> None:
    ceiling = bounds.per_split_ceiling(answers)
    np.testing.assert_allclose(per_split(majority_answers(answers), answers), ceiling)
    for word in WORDS:
        assert (per_split([word] * len(answers), answers) <= ceiling + 1e-12).all()


@given(ANSWERS, st.lists(st.sampled_from([*WORDS, "Dog.", "cat"]), max_size=4))
def test_vocabulary_ceilings_are_the_best_of_all_predictions(
    answers: list[tuple[str, ...]], vocabulary: list[str]
) -> None:
    size = len(answers)
    best_any = np.max([np.zeros(size), *(any_of([word] * size, answers) for word in vocabulary)], axis=0)
    best_official = np.max([np.zeros(size), *(official([word] * size, answers) for word in vocabulary)], axis=0)
    np.testing.assert_allclose(bounds.vocabulary_any_of(answers, vocabulary), best_any)
    np.testing.assert_allclose(bounds.vocabulary_official(answers, vocabulary), best_official, atol=1e-12)


@given(ANSWERS)
def test_human_agreement_by_leaving_each_one_out(answers: list[tuple[str, ...]]) -> None:
    sets = AnswerSets(answers)
    expected_soft, expected_any = [], []
    for row, answer_set in enumerate(answers):
        # The official rule's own matches, gate included: which answers equal each one's.
        terms, again = [], []
        for place, answer in enumerate(answer_set):
            matched = AnswerSets([answer_set]).official_matches([answer])
            terms.append(min(1.0, (matched.sum() - 1) / 3))
            again.append(answer in answer_set[:place] + answer_set[place + 1 :])
        expected_soft.append(np.mean(terms))
        expected_any.append(np.mean(again))
        assert len(terms) == sets.counts[row]
    np.testing.assert_allclose(bounds.human_leave_one_out(sets), expected_soft)
    np.testing.assert_allclose(bounds.human_any_of(sets), expected_any)


def test_no_question_has_no_ceiling() -> None:
    assert bounds.per_split_ceiling([]).shape == (0,)
    assert bounds.vocabulary_official([], ["a"]).shape == (0,)
