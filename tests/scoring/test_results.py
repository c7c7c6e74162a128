from __future__ import annotations

import json
from typing import Any

import pytest

from vqa.errors import ConfigError, DataError
from vqa.scoring.explanation import explain
from vqa.scoring.official_files import OfficialQuestions
from vqa.scoring.results import match_results, score_results


def questions(answers: dict[str, tuple[str, ...]], **changes: Any) -> OfficialQuestions:
    size = len(answers)
    return OfficialQuestions(
        question_id=list(answers),
        image_id=[f"image {number}" for number in range(size)],
        question=["?"] * size,
        answers=list(answers.values()),
        answer_type=["other"] * size,
        question_type=["what"] * size,
        with_answer_ids=True,
    )._replace(**changes)


FOUR = questions(dict.fromkeys(("1", "2", "3", "4"), ("cat",) * 4 + ("dog",) * 6))


def test_results_are_put_in_the_order_of_the_annotations() -> None:
    matched, predictions = match_results(FOUR, ["4", "1", "3", "2"], ["d", "a", "c", "b"])
    assert matched is FOUR
    assert predictions == ["a", "b", "c", "d"]


def test_unknown_duplicate_and_missing_ids_are_counted_and_named() -> None:
    with pytest.raises(DataError) as error:
        match_results(FOUR, ["1", "1", "9", "8", "7", "6", "2"], ["a"] * 7, where="r.json")
    assert str(error.value) == (
        "r.json: expected one result for each of the 4 questions, got unknown ids: 4 (first: 9, 8, 7); "
        "duplicate ids: 1 (first: 1); missing ids: 2 (first: 3, 4); --partial scores the questions that are there"
    )


def test_partial_leaves_out_what_is_missing_and_nothing_else() -> None:
    matched, predictions = match_results(FOUR, ["3", "1"], ["c", "a"], partial=True)
    assert matched.question_id == ["1", "3"]
    assert predictions == ["a", "c"]
    with pytest.raises(DataError, match="unknown ids: 1"):
        match_results(FOUR, ["1", "9"], ["a", "b"], partial=True)
    with pytest.raises(DataError, match="duplicate ids: 1"):
        match_results(FOUR, ["1", "1"], ["a", "b"], partial=True)
    with pytest.raises(DataError, match="at least one result, got none"):
        match_results(FOUR, [], [], partial=True)


def test_percentages_by_hand() -> None:
    asked = questions(
        {"1": ("cat",) * 4 + ("dog",) * 6, "2": ("cat",) * 2 + ("dog",) * 8, "3": ("yes",) * 10},
        answer_type=["other", "other", "yes/no"],
        question_type=["what", "", ""],
    )
    score = score_results(asked, ["cat", "the cat", "Yes"])
    assert score.summary.overall == 53.33
    assert score.summary.per_answer_type == {"other": 80.0, "yes/no": 0.0}
    assert score.summary.per_question_type == {"what": 100.0}
    assert score.summary.unrounded.overall.value == pytest.approx(160 / 3)
    assert score.summary.unrounded.per_answer_type["other"].n == 2
    assert score.summary.notes == []
    assert score.per_question() == {"1": 100.0, "2": 60.0, "3": 0.0}
    json.dumps(score.to_json(), allow_nan=False)
    lenient = score_results(asked, ["cat", "the cat", "Yes"], rule="vqa-lenient")
    assert lenient.summary.overall == 86.67
    any_of = score_results(asked, ["cat", "the cat", "Yes"], rule="any-of")
    assert (any_of.summary.protocol, any_of.summary.overall) == ("any-of", 33.33)


def test_exact_halves_are_rounded_as_the_official_evaluator_rounded_them() -> None:
    # One of sixteen questions scores 0.9: 100 * 0.9 / 16 = 5.625.
    asked = questions({str(number): ("cat",) * 3 + ("dog",) * 7 for number in range(16)})
    assert score_results(asked, ["cat"] + ["cow"] * 15).summary.overall == 5.63


def test_other_than_ten_answers_and_no_answer_ids_are_scored_with_a_note() -> None:
    asked = questions({"1": ("cat", "cat", "dog")}, with_answer_ids=False)
    score = score_results(asked, ["cat"])
    assert score.summary.overall == 44.44
    assert "[n min(1,(n-1)/3) + (K-n) min(1,n/3)] / K" in score.summary.notes[0]
    assert "annotations without answer_id" in score.summary.notes[1]
    assert "without answer_id" in " ".join(score.to_text().split())
    # Leaving all equal answers out, as whole records without ids would be, 8 of 10 would score 0.2.
    eight = questions({"1": ("cat",) * 8 + ("dog",) * 2}, with_answer_ids=False)
    assert score_results(eight, ["cat"]).summary.overall == 100.0
    assert score_results(asked, ["cat"], rule="any-of").summary.notes == []


def test_a_rounded_hundred_is_not_printed_where_a_question_is_wrong() -> None:
    size = 40_000
    asked = questions({str(number): ("cat",) * 5 + ("dog",) * 5 for number in range(size)})
    score = score_results(asked, ["cow"] + ["cat"] * (size - 1))
    assert score.summary.overall == 100.0  # as the official evaluator prints it
    assert "overall                         99.99  [" in score.to_text()


def test_the_text_names_the_most_frequent_types() -> None:
    asked = questions(
        {str(number): ("cat",) * 10 for number in range(20)}, question_type=[f"type {number}" for number in range(20)]
    )
    text = score_results(asked, ["cat"] * 20).to_text()
    assert "and 8 rarer ones in the JSON report" in text
    assert "overall                        100.00  [83.16, 100.00]         20" in text


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown protocol 'vqa'"):
        score_results(FOUR, ["cat"] * 4, rule="vqa")


def test_explanations_show_every_term() -> None:
    explanation = explain("7", "What?", "A Cat", ("cat", "cat", "dog"))
    assert (explanation.compared, explanation.score) == ("cat", pytest.approx(4 / 9))
    assert [(each.match, each.others, each.term) for each in explanation.annotators] == [
        (True, 1, pytest.approx(1 / 3)),
        (True, 1, pytest.approx(1 / 3)),
        (False, 2, pytest.approx(2 / 3)),
    ]
    assert "both sides are normalised" in explanation.to_text()
    assert "2 of 3 match; score = mean of the terms = 0.4444" in explanation.to_text()
    json.dumps(explanation.to_json())


def test_explanations_name_the_gate_and_the_other_rules() -> None:
    gated = explain("7", "What?", "Yes", ("yes",) * 10)
    assert (gated.score, gated.compared) == (0, "Yes")
    assert "nothing is normalised" in gated.to_text()
    assert explain("7", "What?", "Yes", ("yes",) * 10, rule="vqa-lenient").score == 1
    any_of = explain("7", "What?", "Yes", ("yes", "Yes"), rule="any-of")
    assert [each.term for each in any_of.annotators] == [0, 1]
    assert "1 of 2 match; score = largest of the terms = 1.0000" in any_of.to_text()
