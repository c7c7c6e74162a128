from __future__ import annotations

import copy
import math
from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.errors import DataError
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets, encode_predictions
from vqa.scoring.reference import official_by_loop
from vqa.scoring.rules import (
    FORMULA,
    any_of,
    lenient,
    official,
    official_note,
    per_split,
    score_questions,
    soft_score_of_count,
)

WORDS = ["yes", "Yes", "yes.", "no", "a dog", "dog", "Dog!", "the", "", " ", "two", "2", "t-shirt", "t shirt", "1,000"]
ANSWER_SETS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=10).map(tuple)
Questions = list[tuple[str, tuple[str, ...]]]
Rule = Callable[..., npt.NDArray[np.float64]]
QUESTIONS = st.lists(st.tuples(st.sampled_from(WORDS), ANSWER_SETS), min_size=1, max_size=12)


def split(questions: Questions) -> tuple[list[str], list[tuple[str, ...]]]:
    return [prediction for prediction, _ in questions], [answers for _, answers in questions]


def test_any_of_compares_as_written() -> None:
    answers = [("standing", "sitting", "sitting")] * 4
    assert any_of(["standing", "sitting", "Standing", ""], answers).tolist() == [1, 1, 0, 0]


def test_per_split_is_the_fraction_of_rows() -> None:
    answers = [("a", "b", "b"), ("a", "b", "b"), ("a", "b", "b"), ("x",)]
    assert per_split(["a", "b", "c", "x"], answers).tolist() == [1 / 3, 2 / 3, 0, 1]


@pytest.mark.parametrize(
    ("matches", "score"),
    [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 1), (10, 1)],
)
def test_n_matches_of_ten(matches: int, score: float) -> None:
    # The last annotator says something else, so that the gate is open also for nine matches; ten are unanimous.
    answers = ["cat"] * matches + ["dog"] * (10 - matches)
    assert official(["cat"], [answers])[0] == pytest.approx(score)


@pytest.mark.parametrize(("matches", "score"), [(0, 0), (1, 2 / 9), (2, 4 / 9), (3, 2 / 3)])
def test_n_matches_of_three(matches: int, score: float) -> None:
    assert official(["cat"], [["cat"] * matches + ["dog"] * (3 - matches)])[0] == pytest.approx(score)


def test_two_answers_and_one() -> None:
    assert official(["cat"], [["cat", "cat"]])[0] == pytest.approx(1 / 3)
    assert official(["cat"], [["cat", "dog"]])[0] == pytest.approx((0 + 1 / 3) / 2)
    assert official(["cat"], [["cat"]])[0] == 0


def test_the_gate_lets_nothing_be_normalised_when_all_humans_agree() -> None:
    assert official(["Yes", "yes", " yes\n", "yes."], [("yes",) * 10] * 4).tolist() == [0, 1, 1, 0]
    # White space at the ends is gone before the gate looks.
    assert official(["Yes"], [("yes", " yes") * 5])[0] == 0
    # One annotator who writes it differently opens it.
    assert official(["Yes"], [("yes",) * 9 + ("Yes",)])[0] == 1
    assert lenient(["Yes"], [("yes",) * 10])[0] == 1


def test_empty_answers_match_each_other() -> None:
    answers = [("the", "a", "?", "dog", "cat", "cat", "cat", "cat", "cat", "cat")]
    assert official(["an"], answers)[0] == pytest.approx(0.9)
    assert lenient(["an"], answers)[0] == 0


def test_the_closed_formula_is_the_mean_of_the_terms() -> None:
    for size in range(1, 12):
        for matches in range(size + 1):
            terms = [min(1, (matches - 1) / 3)] * matches + [min(1, matches / 3)] * (size - matches)
            assert soft_score_of_count(matches, size) == pytest.approx(math.fsum(terms) / size)


@given(QUESTIONS)
def test_official_equals_the_plain_loop_to_the_last_bit(questions: Questions) -> None:
    predictions, answers = split(questions)
    assert official(predictions, answers).tolist() == official_by_loop(predictions, answers)


@given(QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_answers_and_questions_does_not_matter(questions: Questions, random: Random) -> None:
    predictions, answers = split(questions)
    order = list(range(len(questions)))
    random.shuffle(order)
    shuffled = [tuple(random.sample(answer_set, len(answer_set))) for answer_set in answers]
    for rule in rules.RULES.values():
        scores = rule(predictions, answers)
        moved = rule([predictions[row] for row in order], [shuffled[row] for row in order])
        np.testing.assert_allclose(moved, scores[order], rtol=0, atol=1e-12)


@given(QUESTIONS, st.integers(1, 11))
def test_pieces_of_unequal_size_score_as_the_whole(questions: Questions, cut: int) -> None:
    predictions, answers = split(questions)
    for rule in rules.RULES.values():
        whole = rule(predictions, answers)
        pieces = [rule(predictions[:cut], answers[:cut]), rule(predictions[cut:], answers[cut:])]
        assert np.concatenate(pieces).tolist() == whole.tolist()


@given(QUESTIONS)
def test_bounds_that_are_theorems(questions: Questions) -> None:
    predictions, answers = split(questions)
    hits, rows = any_of(predictions, answers), per_split(predictions, answers)
    soft, forgiving = official(predictions, answers), lenient(predictions, answers)
    assert ((hits >= rows) & ((hits == 0) == (rows == 0))).all()
    for scores in (hits, rows, soft, forgiving):
        assert ((scores >= 0) & (scores <= 1)).all()
    # What is written as an answer is also equal to it after any processing.
    several = np.array([len(answer_set) > 1 for answer_set in answers])
    assert (soft[(hits == 1) & several] > 0).all()
    assert (forgiving[(hits == 1) & several] > 0).all()


@given(QUESTIONS)
def test_a_second_evaluation_gives_the_same_and_changes_no_input(questions: Questions) -> None:
    predictions, answers = split(questions)
    listed = [list(answer_set) for answer_set in answers]
    before = copy.deepcopy((predictions, listed))
    sets = AnswerSets(listed)
    for rule in rules.RULES.values():
        first = rule(predictions, listed)
        assert rule(predictions, listed).tolist() == first.tolist()
        assert rule(predictions, sets).tolist() == first.tolist()
    assert (predictions, listed) == before


def test_numpy_strings_and_object_arrays_are_taken() -> None:
    answers = np.empty(2, dtype=object)
    answers[:] = [("a", "b"), ("c",)]
    assert any_of(np.array(["a", "b"]), answers).tolist() == [1, 0]
    assert any_of(np.array(["a", "c"], dtype=object), answers).tolist() == [1, 1]


@pytest.mark.parametrize("rule", rules.RULES.values())
def test_no_question_gives_no_score(rule: Rule) -> None:
    assert rule([], []).shape == (0,)


@pytest.mark.parametrize("rule", rules.RULES.values())
def test_what_does_not_fit_is_refused(rule: Rule) -> None:
    with pytest.raises(DataError, match="one prediction per question: 2, got 1"):
        rule(["a"], [("a",), ("b",)])
    with pytest.raises(DataError, match="question number 2 has no answer"):
        rule(["a", "b"], [("a",), ()])
    with pytest.raises(DataError, match="a list of answers for each question, got a string"):
        rule(["a"], ["a"])
    with pytest.raises(DataError, match="expected every answer to be a string, got int 3"):
        rule(["a"], [("a", 3)])
    with pytest.raises(DataError, match="expected every answer to be a string, got NoneType None"):
        rule([None], [("a",)])


def test_the_note_names_the_formula_where_there_are_not_ten_answers() -> None:
    assert official_note([("a",) * 10]) == ""
    assert FORMULA in official_note([("a",) * 3])
    assert "at most 0.6667 here" in official_note([("a",) * 3])
    assert "2 to 10 answers" in official_note([("a",) * 10, ("a",) * 2])
    assert "at most 0.3333 with 2" in official_note([("a",) * 10, ("a",) * 2])
    assert "at most" not in official_note([("a",) * 4])


NORMAL = ["yes", "no", "dog", "2", "t shirt", "don't"]


@given(
    st.lists(
        st.tuples(st.sampled_from(NORMAL), st.lists(st.sampled_from(NORMAL), min_size=1, max_size=10).map(tuple)),
        min_size=1,
        max_size=12,
    )
)
def test_over_answers_that_are_normal_already_any_of_is_at_least_official(questions: Questions) -> None:
    # Without normalisation a positive official score needs an equal answer, and then any-of is 1. Over raw answers it
    # is no theorem: "Yes" is no answer as written where the humans say "yes" and "yes sir", and scores officially.
    predictions, answers = split(questions)
    assert (any_of(predictions, answers) >= official(predictions, answers)).all()
    assert official(predictions, answers).tolist() == lenient(predictions, answers).tolist()


def test_normalized_comparison_has_no_gate_in_the_official_rule() -> None:
    answers = [("Yes", "Yes", "Yes")]
    assert score_questions(["yes"], AnswerSets(answers)).official[0] == 0
    scores = score_questions(["yes"], AnswerSets(answers, normalized=True))
    # As the predictions file has it, whose answers are normalised already: 3 matches of 3.
    in_file = score_questions(["yes"], AnswerSets([("yes", "yes", "yes")]))
    assert (scores.any_of[0], scores.official[0]) == (1, pytest.approx(2 / 3))
    assert in_file.official[0] == scores.official[0]


@pytest.mark.parametrize("rule", rules.RULES.values())
def test_encoded_predictions_score_as_strings(rule: Rule) -> None:
    predictions = ["navy", "a dog", "navy", "Two", ""]
    answers = AnswerSets([("blue", "navy"), ("dog", "dog"), ("red",), ("2", "two"), ("no", "")])
    encoded = encode_predictions(predictions)
    assert (len(encoded), encoded.distinct) == (5, ["navy", "a dog", "Two", ""])
    assert encode_predictions(encoded) is encoded
    expected = rule(predictions, answers)
    assert np.array_equal(rule(encoded, answers), expected, equal_nan=True)
    assert expected[0] > 0
