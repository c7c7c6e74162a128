"""Margins between right and wrong answers, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vqa.evaluation.predictions import prediction_rows
from vqa.inspection.prediction_rows import margins
from vqa.inspection.terminal import margin_text


def test_margins_by_hand(frame: pd.DataFrame) -> None:
    values, is_bound = margins(frame)
    # q1: blue 0.75 - red 0.25. q2: circle 0.375 - square 0.5. q3: yes 0.125 - no 0.875. q4: no - yes.
    # q5: no right answer among the top, so at best the last one's 0.5 - 0.5. q6: both are right: at least 0.4 - 0.3.
    np.testing.assert_allclose(values, [0.5, -0.125, -0.75, 0.9999998, 0.0, 0.1], atol=1e-12)
    assert is_bound.tolist() == [False, False, False, False, True, True]


def test_hit_decides_whether_the_prediction_is_right(frame: pd.DataFrame) -> None:
    # A rule that normalises may count "Blue." as a hit of "blue"; the table's word holds.
    frame.at[0, "prediction"] = "Blue."
    frame.at[0, "top"] = (("Blue.", 0.75), ("red", 0.25))
    assert margins(frame)[0][0] == 0.5
    assert prediction_rows(frame)[0].is_right("Blue.")
    assert not prediction_rows(frame)[0].is_right("red")


def test_without_a_probability_there_is_no_margin(frame: pd.DataFrame) -> None:
    """Files of other systems hold an answer and nothing else."""
    frame["probability"] = float("nan")
    frame["top"] = pd.Series([()] * len(frame), dtype=object)
    values, is_bound = margins(frame)
    assert np.isnan(values).all()
    assert not is_bound.any()
    assert margin_text(values[0], is_bound[0], hit=0) == "n/a"
    assert [margin_text(margin, True, hit) for margin, hit in ((0.25, 1), (-0.25, 0))] == ["≥+0.2500", "≤-0.2500"]
