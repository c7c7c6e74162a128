"""Filters select exactly the questions that pass all of them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from vqa.errors import DataError
from vqa.inspection.selection import Selection


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["q1", "q2", "q3", "q4", "q5", "q6"]),
        ({"hit": False}, ["q2", "q3", "q5"]),
        ({"hit": True}, ["q1", "q4", "q6"]),
        ({"ids": ("q4", "q1")}, ["q1", "q4"]),
        ({"images": ("a",)}, ["q1", "q2"]),
        ({"images": ("a", "b"), "hit": False}, ["q2", "q3"]),
        ({"types": ("yes/no",)}, ["q3", "q4"]),
        ({"types": ("what color", "shape")}, ["q1", "q2", "q6"]),
        ({"contains": "sky"}, ["q6"]),
        ({"contains": "COLOR"}, ["q1", "q6"]),
        ({"contains": "zebra"}, []),
        ({"top_losses": 2}, ["q5", "q3"]),
        ({"top_losses": 2, "hit": True}, ["q6", "q1"]),
        ({"top_losses": 99, "types": ("color",)}, ["q6", "q1"]),
    ],
)
def test_rows_are_those_that_pass(frame: pd.DataFrame, filters: dict[str, Any], expected: list[str]) -> None:
    rows = Selection(**filters).rows(frame)
    assert list(frame["question_id"][rows]) == expected


def test_a_miss_without_a_loss_comes_first_and_a_hit_without_one_last(frame: pd.DataFrame) -> None:
    # A network that cannot give any of the answers has no loss there, and nothing is harder for it.
    frame.loc[[1, 5], "loss"] = float("nan")
    assert list(Selection(top_losses=6).rows(frame)) == [1, 4, 2, 0, 3, 5]
    assert list(Selection(top_losses=1, hit=False).rows(frame)) == [1]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"ids": ("q11",)}, "no question has the id 'q11'; did you mean 'q1'"),
        (
            {"ids": ("completely-different",)},
            "no question has the id 'completely-different'; they look like 'q1', 'q2'",
        ),
        ({"images": ("A",)}, "no question has the image 'A'; they look like"),
        ({"types": ("colour",)}, "no question has the type 'colour'; did you mean 'color'?"),
    ],
)
def test_an_unknown_name_is_one_line_with_similar_names(
    frame: pd.DataFrame, filters: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as raised:
        Selection(**filters).rows(frame)
    assert message in str(raised.value)


def test_types_where_the_data_has_none_are_those_of_the_report(frame: pd.DataFrame) -> None:
    frame["answer_type"] = frame["question_type"] = ""
    frame["question"] = ["What color is it?", "is it?", "what COLOR is that?", "why?", "is it so?", "who?"]
    assert Selection(types=("what color", "why?")).rows(frame).tolist() == [0, 2, 3]
    with pytest.raises(DataError, match="did you mean 'what color'"):
        Selection(types=("what colour",)).rows(frame)
