from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tables import Table

from vqa.errors import DataError
from vqa.scoring.answer_sets import AnswerSets, stable_order
from vqa.scoring.baselines import AnswerCounts, BlindBaselines, majority_answers, rank_by_count
from vqa.scoring.questions import question_types

TRAIN = Table(
    [("red", "red", "blue"), ("blue", "blue"), ("yes", "no", "no"), ("yes", "yes")],
    question=["what color is it?", "what color is that?", "is it red?", "is it round?"],
)


def test_types_are_the_first_two_words_where_the_data_has_none() -> None:
    assert question_types(["What COLOR is it?", "why?", "is it red?"], ["", "", "is it"]) == [
        "what color",
        "why?",
        "is it",
    ]


def test_the_three_baselines() -> None:
    asked = Table(
        [("x",)] * 4,
        question=["what color is it?", "what color is the sky?", "is it square?", "how many are there?"],
    )
    predicted = BlindBaselines(TRAIN).predict(asked)
    # Blue and yes occur three times each; blue occurs first.
    assert predicted["prior"] == ["blue"] * 4
    assert predicted["prior_per_question_type"] == ["blue", "blue", "yes", "blue"]
    assert predicted["prior_per_question"] == ["red", "blue", "yes", "blue"]


def test_nothing_is_learned_from_the_questions_that_are_asked() -> None:
    asked = Table([("green",)] * 2, question=["what color is it?", "is it red?"])
    other = Table([("purple",)] * 2, question=["what color is it?", "is it red?"])
    assert BlindBaselines(TRAIN).predict(asked) == BlindBaselines(TRAIN).predict(other)


def test_no_train_question_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one question of the train split"):
        BlindBaselines(Table([]))


ANSWER_SETS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(tuple), min_size=1, max_size=12)


@given(ANSWER_SETS, st.data())
def test_the_commonest_answer_of_each_group_by_counting(answers: list[tuple[str, ...]], data: st.DataObject) -> None:
    names = st.lists(st.sampled_from(["", "x", "y"]), min_size=len(answers), max_size=len(answers))
    texts, given_types = data.draw(names), data.draw(names)
    types = question_types(texts, given_types)

    def commonest(chosen: list[bool]) -> str:
        # Counter.most_common keeps the order of first occurrence among equals.
        counted = Counter(answer for right, answer_set in zip(chosen, answers) if right for answer in answer_set)
        return counted.most_common(1)[0][0]

    blind = BlindBaselines(Table(answers, question=texts, question_type=given_types))
    assert blind.commonest == commonest([True] * len(answers))
    assert blind.by_question == {text: commonest([text == each for each in texts]) for text in texts}
    assert blind.by_type == {name: commonest([name == each for each in types]) for name in types}


@given(ANSWER_SETS)
def test_counting_in_steps_equals_counting_at_once(answers: list[tuple[str, ...]]) -> None:
    groups = np.arange(len(answers))
    counts = AnswerCounts.of(groups, AnswerSets(answers))
    in_steps = counts.regrouped(counts.group // 2)
    at_once = AnswerCounts.of(groups // 2, AnswerSets(answers))
    assert in_steps.commonest() == at_once.commonest()
    assert in_steps.times.tolist() == at_once.times.tolist()
    assert in_steps.first.tolist() == at_once.first.tolist()


def test_majority_answers_and_their_ranking() -> None:
    assert majority_answers([("b", "a", "a"), ("a", "b"), ("c",)]) == ["a", "a", "c"]
    assert rank_by_count(["b", "a", "c", "a"]) == ["a", "b", "c"]


@pytest.mark.parametrize("factor", [1, 2**58])
def test_the_order_of_equal_keys_is_kept(factor: int) -> None:
    """Also of keys so large that they cannot carry their place."""
    keys = np.random.default_rng(0).integers(0, 20, 500) * factor
    assert stable_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()
    assert stable_order(keys[:0]).tolist() == []
