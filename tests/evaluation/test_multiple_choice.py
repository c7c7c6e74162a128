"""Multiple choice: a question with options is answered with the best of them, and the report says what chance gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vqa.data.table import QuestionTable
from vqa.evaluation.predict import predict
from vqa.scoring.report import evaluate
from vqa.training.forward import Forward

ANSWERS = ["cat", "dog", "bird", "cow"]
LOGITS = np.array([[5, 2, 1, 0], [5, 2, 1, 0], [5, 2, 1, 0], [5, 2, 1, 0]], dtype=np.float32)
OPTIONS = [("dog", "bird"), ("bird", "horse", "cow"), ("horse", "pig"), ()]


def table(options: list[tuple[str, ...]]) -> QuestionTable:
    ids = ["1", "2", "3", "4"]
    answers = [("dog",), ("cow",), ("pig",), ("cat",)]
    return QuestionTable(ids, [""] * 4, ["what"] * 4, answers, options=options)


def passes() -> Iterator[Forward]:
    rows = np.array([2, 0, 3, 1])  # batches come in any order
    yield Forward(rows, LOGITS[rows], np.ones(4, np.float32), np.ones(4, bool))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_best_option_is_predicted(activation: str) -> None:
    frame, scores = predict(passes(), table(OPTIONS), ANSWERS, activation)
    # The third question has no option that the network knows, and the fourth has no options: both stay open.
    assert list(frame["prediction"]) == ["dog", "bird", "cat", "cat"]
    assert scores.any_of.tolist() == [1, 0, 0, 1]
    assert [answer for answer, _ in frame["top"][0][:2]] == ["dog", "bird"]
    assert [probability for _, probability in frame["top"][0][2:]] == [0, 0]


def test_probabilities_are_those_among_the_options() -> None:
    frame, _ = predict(passes(), table(OPTIONS), ANSWERS, "softmax")
    assert frame["probability"][0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert frame["probability"][3] == pytest.approx(np.exp(5) / np.exp([5, 2, 1, 0]).sum())


def test_without_options_nothing_changes() -> None:
    frame, _ = predict(passes(), table([()] * 4), ANSWERS, "softmax")
    assert list(frame["prediction"]) == ["cat"] * 4


def test_the_report_names_the_choice_at_random() -> None:
    report = evaluate(table(OPTIONS), ["dog", "bird", "cat", "cat"])
    assert report.to_json()["notes"]["multiple_choice"] == (
        "3 questions offer 2 to 3 options, among which a trained network's predictions are chosen; a choice at random "
        "hits 0.4444 of them"
    )
    assert "multiple_choice" not in evaluate(table([()] * 4), ["cat"] * 4).to_json()["notes"]
