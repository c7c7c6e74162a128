from __future__ import annotations

import json
from math import comb
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.errors import DataError
from vqa.scoring.compare import PredictionSet, compare, mcnemar

PROVENANCE = {"data_hash": "abc", "split": "test", "protocol": "any-of", "run": "runs/a"}


def table(predictions: list[str], answers: list[tuple[str, ...]] | None = None, **columns: Any) -> pd.DataFrame:
    size = len(predictions)
    frame = pd.DataFrame(
        {
            "question_id": [f"q{row}" for row in range(size)],
            "image_id": [f"i{row // 2}" for row in range(size)],
            "question": [f"what is {row}?" for row in range(size)],
            "prediction": predictions,
            "answer_type": ["odd" if row % 2 else "even" for row in range(size)],
            "question_type": [""] * size,
        }
    )
    frame["answers"] = pd.Series(answers or [("a", "b")] * size, dtype=object)
    return frame.assign(**columns)


def sets(first: pd.DataFrame, second: pd.DataFrame, **changes: Any) -> tuple[PredictionSet, PredictionSet]:
    return PredictionSet("a.csv", first, PROVENANCE), PredictionSet("b.csv", second, {**PROVENANCE, **changes})


def test_by_hand() -> None:
    first = table(["a", "x", "a", "x", "x", "a"])
    second = table(["a", "b", "x", "a", "x", "b"])
    report = compare(*sets(first, second)).to_json()
    assert (report["questions"], report["images"], report["predictions_differ"]) == (6, 3, 4)
    assert report["any_of"]["first"]["value"] == pytest.approx(3 / 6)
    assert report["any_of"]["second"]["value"] == pytest.approx(4 / 6)
    assert report["any_of"]["difference"]["value"] == pytest.approx(1 / 6)
    # One match of two answers scores (0 + 1/3) / 2.
    assert report["vqa_official"]["difference"]["value"] == pytest.approx(1 / 36)
    assert report["mcnemar"] == {
        "both_right": 2, "only_first_right": 1, "only_second_right": 2, "both_wrong": 1, "p_value": 1.0
    }  # fmt: skip
    assert report["by_answer_type"]["odd"]["difference"]["value"] == pytest.approx(2 / 3)
    assert [(each["question_id"], each["change"]) for each in report["changed"]] == [
        ("q1", "won"), ("q2", "lost"), ("q3", "won")
    ]  # fmt: skip
    assert report["changed"][0]["answers"] == ["a", "b"]
    json.dumps(report, allow_nan=False)


def test_the_order_of_rows_and_of_answers_does_not_matter() -> None:
    first = table(["a", "x", "a", "x"])
    second = table(["a", "b", "x", "a"], answers=[("b", "a")] * 4)
    report = compare(*sets(first, second)).to_json()
    assert compare(*sets(first, second.iloc[[2, 0, 3, 1]])).to_json() == report


def test_equal_predictions_do_not_differ() -> None:
    frame = table(["a", "x", "a", "x"])
    comparison = compare(*sets(frame, frame.copy()))
    difference = comparison.to_json()["any_of"]["difference"]
    assert (difference["value"], difference["low"], difference["high"]) == (0, 0, 0)
    assert comparison.to_json()["mcnemar"]["p_value"] == 1
    assert comparison.to_json()["changed"] == []
    assert "do not tell which is better" in comparison.to_text()


def test_a_clear_winner_is_named() -> None:
    worse, better = table(["x"] * 60 + ["a"] * 40), table(["x"] * 20 + ["a"] * 80)
    text = compare(*sets(worse, better)).to_text(changed=2)
    assert "second is better" in text
    assert "p < 0.0001" in text
    assert "won (second right, first wrong), 2 of 40" in text
    assert "q20: what is 20?  'x' -> 'a'  (answers: a, b)" in text
    assert "first is better" in compare(*sets(better, worse)).to_text()
    assert "won" not in compare(*sets(worse, better)).to_text(changed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_hash": "abd"}, r"they differ in data_hash \('abc' and 'abd'\); evaluate both"),
        ({"split": "val"}, r"they differ in split \('test' and 'val'\)"),
        ({"protocol": "vqa-official", "split": "val"}, r"in split \('test' and 'val'\), protocol \('any-of' and"),
    ],
)
def test_other_data_split_or_protocol_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare(*sets(table(["a"]), table(["a"]), **changes))


def test_without_provenance_equal_questions_and_answers_are_enough() -> None:
    first, second = table(["a", "x"]), table(["a", "a"])
    report = compare(PredictionSet("a.csv", first, {}), PredictionSet("b.csv", second, PROVENANCE)).to_json()
    assert report["notes"] == [
        "a.csv does not say its data_hash, split, protocol: compared because question ids and answers are equal"
    ]
    with pytest.raises(DataError, match=r"other human answers for questions 1 \(first: q1\)"):
        compare(PredictionSet("a.csv", first, {}), PredictionSet("b.csv", table(["a", "a"], [("a", "b"), ("c",)]), {}))


def test_other_questions_are_refused_whatever_the_provenance_says() -> None:
    with pytest.raises(DataError, match=r"only in a\.csv 1 \(first: q2\), only in b\.csv 0"):
        compare(*sets(table(["a", "a", "a"]), table(["a", "a"])))
    renamed = table(["a", "a"], question_id=["q0", "z"])
    with pytest.raises(DataError, match=r"only in a\.csv 1 \(first: q1\), only in b\.csv 1 \(first: z\)"):
        compare(*sets(table(["a", "a"]), renamed))


def test_one_answer_per_question_has_no_official_difference() -> None:
    frame = table(["a", "x"], [("a",), ("b",)])
    assert compare(*sets(frame, frame)).to_json()["vqa_official"] is None


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_against_whole_numbers(only_first: int, only_second: int) -> None:
    first = np.array([1] * only_first + [0] * only_second + [1, 0])
    second = np.array([0] * only_first + [1] * only_second + [1, 0])
    total, fewer = only_first + only_second, min(only_first, only_second)
    expected = min(1.0, 2 * sum(comb(total, k) for k in range(fewer + 1)) / 2**total)
    assert mcnemar(first, second).p_value == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_many_questions_does_not_overflow() -> None:
    # Normal approximation with continuity correction: z = (|6000 - 5700| - 1) / sqrt(11700) = 2.764.
    first, second = np.array([1] * 6000 + [0] * 5700), np.array([0] * 6000 + [1] * 5700)
    assert mcnemar(first, second).p_value == pytest.approx(0.0057, abs=1e-4)


@pytest.mark.parametrize(
    ("margin", "expected", "text"),
    [
        (None, None, ""),
        (0.15, (True, True, True), "neither is worse than the other by more than 0.1500"),
        (0.05, (True, False, False), "second is no worse than first by more than 0.0500"),
        (0.0001, (False, False, False), "not shown that either is no worse than the other by more than 0.0001"),
    ],
)
def test_a_margin(margin: float | None, expected: tuple[bool, bool, bool] | None, text: str) -> None:
    """Of 400 questions the second has 24 right that the first has wrong, and 16 the other way round: 0.02."""
    first, second = ["a"] * 200 + ["x"] * 200, ["a"] * 184 + ["x"] * 16 + ["a"] * 24 + ["x"] * 176
    comparison = compare(*sets(table(first), table(second)), margin=margin)
    difference = comparison.report.any_of.difference
    assert difference.value == pytest.approx(0.02)
    assert -0.05 < difference.low < 0
    assert 0.05 < difference.high < 0.15
    found = comparison.to_json()["margin"]
    if expected is None:
        assert found is None
        assert "by more than" not in comparison.to_text()
    else:
        assert tuple(found.values()) == (margin, *expected)
        assert text in comparison.to_text()
        assert text in comparison._repr_html_()
