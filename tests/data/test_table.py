from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from vqa.data.table import BadLine, QuestionTable
from vqa.errors import DataError


def table(**changes: Any) -> QuestionTable:
    columns: dict[str, Any] = {
        "question_id": ["a", "b", "c"],
        "image_id": ["x", "y", "x"],
        "question": ["what?", "who?", "why?"],
        "answers": [("1", "2"), ("3", "4"), ("5", "5")],
        **changes,
    }
    return QuestionTable(**columns)


def test_columns_are_object_arrays_even_when_all_tuples_have_one_length() -> None:
    whole = table()
    assert whole.answers.shape == (3,)
    assert whole.answers[2] == ("5", "5")
    assert list(whole.answer_type) == ["", "", ""]
    assert (len(whole), whole.num_slots) == (3, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question_id": ["a", "b", "a"]}, "1 question ids occur more than once, the first is 'a'"),
        ({"answers": [("1",), (), ("5",)]}, "question 'b' has no answer"),
        ({"answers": ["one", ("3",), ("5",)]}, "answers of row 0 must be a tuple of strings, got the string 'one'"),
        ({"answers": [("1",), (3,), ("5",)]}, "every answer must be a string"),
        ({"answers": [("1",)]}, "expected 3 sets of answers, one per question, got 1"),
        ({"image_id": ["x"]}, "expected 3 values of image_id, one per question, got 1"),
        ({"question": ["what?", 2, "why?"]}, "every question must be a string, got 2"),
        ({"answer_type": ["other"]}, "expected 3 values of answer_type"),
    ],
)
def test_wrong_columns(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        table(**changes)
    assert message in str(caught.value)


def test_take_keeps_the_given_order() -> None:
    whole = table(answer_type=["t1", "t2", "t3"], bad_lines=[BadLine("f", 9, "r")])
    part = whole.take(np.array([2, 0]))
    assert list(part.question_id) == ["c", "a"]
    assert list(part.answers) == [("5", "5"), ("1", "2")]
    assert list(part.answer_type) == ["t3", "t1"]
    assert part.bad_lines == ()
    assert len(whole.take([])) == 0


def test_row_of() -> None:
    assert table().row_of("b") == 1
    with pytest.raises(DataError, match="no question has the id 'z'"):
        table().row_of("z")


@pytest.mark.parametrize(
    "changes",
    [
        {"question_id": ["a", "b", "d"]},
        {"image_id": ["x", "y", "z"]},
        {"question": ["what?", "who?", "why"]},
        {"answers": [("1", "2"), ("3", "4"), ("5", "6")]},
        {"answers": [("2", "1"), ("3", "4"), ("5", "5")]},
        {"answers": [("1", "2"), ("3", "4"), ("5\x1f5",)]},
        {"answers": [("1", "2"), ("3", "4"), ("5", "5", "")]},
    ],
)
def test_the_hash_changes_with_the_content(changes: dict[str, Any]) -> None:
    assert table().content_hash() == table().content_hash()
    assert table(**changes).content_hash() != table().content_hash()


def test_the_hash_is_that_of_the_rows_as_ascii_literals() -> None:
    whole = QuestionTable(["1"], ["o\u00f9"], ["\ud800'"], [("a", "\U0001f600")])
    literal = r"""('1', 'o\xf9', "\ud800'", ('a', '\U0001f600'))"""
    assert whole.content_hash() == hashlib.sha256(literal.encode("ascii")).hexdigest()


def test_bad_line_as_text() -> None:
    assert str(BadLine("a.csv", 3, "no answer")) == "a.csv:3: no answer"
