from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tables import Table

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.errors import ConfigError, DataError
from vqa.scoring.baselines import BlindBaselines
from vqa.scoring.report import Evaluation, evaluate
from vqa.scoring.rules import any_of, score_questions

KEYS = {
    "questions", "images", "split", "card", "data_hash", "protocol", "seed", "versions",
    "any_of", "per_split", "vqa_official", "vqa_lenient", "formatting_loss", "ceilings", "baselines", "calibration",
    "by_answer_type", "by_question_type", "mistakes",
}  # fmt: skip

TRAIN = Table(
    [("red", "red", "dark red"), ("blue", "blue", "navy"), ("yes", "yes", "no"), ("yes", "yes", "yes")] * 5,
    question=["what color is it?", "what color is that?", "is it red?", "is it round?"] * 5,
    answer_type=["color", "color", "yes/no", "yes/no"] * 5,
)
QUESTIONS = Table(
    [
        ("red", "dark red", "red"),
        ("blue", "navy", "blue"),
        ("yes", "yes", "yes"),
        ("no", "no", "yes"),
        ("teal", "green", "cyan"),
        ("blue", "blue", "blue"),
    ],
    image_id=["a", "a", "b", "b", "c", "d"],
    question=["what color is it?", "what color is that?", "is it red?", "is it round?", "what color is it?", "why?"],
    answer_type=["color", "color", "yes/no", "yes/no", "color", "color"],
)
PREDICTIONS = ["red", "Blue", "yes", "blue", "red", "red"]
PROBABILITIES = [0.9, 0.8, 0.7, 0.6, 0.9, 0.2]
VOCABULARY = ["yes", "no", "red", "blue", "Blue"]


def evaluation(**changes: Any) -> Evaluation:
    arguments = {
        "probabilities": PROBABILITIES,
        "train": TRAIN,
        "answer_vocabulary": VOCABULARY,
        "split": "test",
        "card": "colors",
        "data_hash": "ab" * 32,
        **changes,
    }
    return evaluate(QUESTIONS, PREDICTIONS, **arguments)


def test_every_key_is_there() -> None:
    report = evaluation().to_json()
    assert set(report) >= KEYS
    assert set(report["any_of"]) == {"value", "low", "high", "n"}
    assert set(report["per_split"]) == {"value", "low", "high", "n", "ceiling"}
    assert set(report["vqa_official"]) == {"overall", "per_answer_type", "per_question_type"}
    assert set(report["ceilings"]) == {"vocabulary_any_of", "vocabulary_official", "human_leave_one_out"}
    assert set(report["baselines"]) == {"prior", "prior_per_question_type", "prior_per_question"}
    assert set(report["calibration"]) == {"event", "ece", "brier", "bins"}
    assert set(report["mistakes"]) == {"out_of_vocabulary", "formatting", "wrong_type", "prior", "other"}
    assert {"vqa", "python", "numpy"} <= set(report["versions"])


def test_the_numbers_by_hand() -> None:
    report = evaluation().to_json()
    assert (report["questions"], report["images"]) == (6, 4)
    assert report["any_of"]["value"] == pytest.approx(2 / 6)
    assert report["any_of"]["n"] == 6
    # red: 2 of 3 rows; yes: 3 of 3.
    assert report["per_split"]["value"] == pytest.approx((2 / 3 + 1) / 6)
    assert report["per_split"]["ceiling"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 2 / 3 + 1 / 3 + 1) / 6)
    # K = 3: 4/9 for two matches, 2/3 for three. "Blue" counts where the humans differ, which opens the gate.
    assert report["vqa_official"]["overall"]["value"] == pytest.approx((4 / 9 + 4 / 9 + 2 / 3) / 6)
    assert report["vqa_lenient"]["overall"]["value"] == pytest.approx((4 / 9 + 4 / 9 + 2 / 3) / 6)
    assert report["formatting_loss"]["value"] == 0
    assert report["vqa_official"]["per_answer_type"]["yes/no"] == {
        "value": pytest.approx(1 / 3),
        "n": 2,
        "low": 0.0,  # both questions are about one image, which tells nothing about others
        "high": 1.0,
    }
    # teal, green and cyan are not in the vocabulary; "blue" is.
    assert report["ceilings"]["vocabulary_any_of"]["value"] == pytest.approx(5 / 6)
    assert report["ceilings"]["vocabulary_official"]["value"] == pytest.approx((4 / 9 * 3 + 2 / 3 * 2) / 6)
    assert report["ceilings"]["human_leave_one_out"]["value"] == pytest.approx(
        (2 / 9 + 2 / 9 + 2 / 3 + 2 / 9 + 0 + 2 / 3) / 6
    )
    assert report["ceilings"]["human_leave_one_out"]["any_of"]["value"] == pytest.approx(
        (2 / 3 + 2 / 3 + 1 + 2 / 3 + 0 + 1) / 6
    )
    # Blind: always "yes"; red for colors (it occurs before blue) and yes for "is it"; the exact questions say red,
    # blue, yes, yes, red and, for the unknown "why?", yes.
    assert report["baselines"]["prior"]["answer"] == "yes"
    assert report["baselines"]["prior"]["value"] == pytest.approx(2 / 6)
    assert report["baselines"]["prior_per_question_type"]["value"] == pytest.approx(3 / 6)
    assert report["baselines"]["prior_per_question"]["value"] == pytest.approx(4 / 6)
    assert report["baselines"]["prior_per_question"]["vqa_official"]["value"] == pytest.approx(
        (4 / 9 + 4 / 9 + 2 / 3 + 2 / 9) / 6
    )
    assert report["by_answer_type"]["color"]["value"] == pytest.approx(1 / 4)
    assert list(report["by_answer_type"]) == ["color", "yes/no"]
    assert report["by_question_type"]["what color"]["n"] == 3
    assert report["mistakes"] == {"out_of_vocabulary": 1, "formatting": 1, "wrong_type": 1, "prior": 0, "other": 1}


def test_what_each_question_got() -> None:
    found = evaluation()
    assert found.hits.tolist() == [1, 0, 1, 0, 0, 0]
    assert found.scores is not None
    assert found.scores[:4] == pytest.approx([4 / 9, 4 / 9, 2 / 3, 0])
    assert found.mistakes.tolist() == ["right", "formatting", "right", "wrong_type", "out_of_vocabulary", "other"]


def test_the_text_names_the_event_of_the_calibration_in_full() -> None:
    report = evaluation()
    assert report.report.calibration is not None
    for width in (60, 100):
        assert f"is: {report.report.calibration.event}" in " ".join(report.to_text(width).split())


def test_every_interval_holds_its_value() -> None:
    def rates(node: Any) -> list[dict[str, float]]:
        if not isinstance(node, dict):
            return []
        here = [node] if "low" in node and "value" in node else []
        return here + [rate for child in node.values() for rate in rates(child)]

    found = rates(evaluation().to_json())
    assert len(found) > 20
    for rate in found:
        assert rate["low"] - 1e-12 <= rate["value"] <= rate["high"] + 1e-12
        assert rate["n"] >= 1


def test_the_report_is_json_and_the_same_the_second_time() -> None:
    before = copy.deepcopy((PREDICTIONS, QUESTIONS.answers.tolist(), TRAIN.answers.tolist()))
    text = json.dumps(evaluation().to_json(), allow_nan=False)
    assert json.dumps(evaluation().to_json(), allow_nan=False) == text
    assert (PREDICTIONS, QUESTIONS.answers.tolist(), TRAIN.answers.tolist()) == before
    changed = evaluation()
    changed.to_json()["any_of"]["value"] = 2
    assert changed.to_json()["any_of"]["value"] == pytest.approx(1 / 3)


def test_one_answer_per_question_has_no_official_score() -> None:
    report = evaluate(Table([("red",), ("blue",)]), ["red", "red"]).to_json()
    assert report["vqa_official"] is None
    assert report["vqa_lenient"] is None
    assert report["formatting_loss"] is None
    assert report["notes"]["vqa_official"] == "not defined: the questions have fewer than 2 answers each"
    assert report["any_of"]["value"] == 0.5
    assert report["images"] == 0


def test_rates_of_agreement_are_over_the_questions_with_several_answers() -> None:
    """Three of four questions have one answer: they say nothing of agreement and count nowhere in it."""
    table = Table([("red", "red"), ("red",), ("blue",), ("yes",)], answer_type=["color", "color", "color", "yes/no"])
    found = evaluate(table, ["red", "red", "red", "yes"], answer_vocabulary=["red"], train=table)
    report = found.report
    assert (report.any_of.value, report.any_of.n) == (0.75, 4)
    assert report.vqa_official is not None
    assert report.vqa_lenient is not None
    human = report.ceilings.human_leave_one_out
    assert human is not None
    # Two equal answers of two: min(1, 1 / 3) for each.
    for rate in (report.vqa_official.overall, report.vqa_lenient.overall, human, report.ceilings.vocabulary_official):
        assert rate is not None
        assert (rate.value, rate.n) == (pytest.approx(1 / 3), 1)
    assert (human.any_of.value, human.any_of.n) == (1, 1)
    assert list(report.vqa_official.per_answer_type) == ["color"]
    assert report.vqa_official.per_answer_type["color"].n == 1
    prior = report.baselines.prior
    assert prior is not None
    assert prior.vqa_official is not None
    assert (prior.n, prior.vqa_official.n) == (4, 1)
    assert report.notes["single_answers"].startswith("3 questions have a single answer")
    assert found.scores == pytest.approx([1 / 3, np.nan, np.nan, np.nan], nan_ok=True)
    assert "3 questions have a single answer" in found.to_text()


def test_normalized_answers_are_compared_after_normalisation() -> None:
    """ "Yes", "yes." and "YES" are one answer, and the official rule has no gate that would take "No" from "no"."""
    answers = [("Yes", "yes.", "YES"), ("No", "No", "No"), ("two", "2", "3"), ("t-shirt", "T shirt", "shirt")]
    predictions = ["yes", "no", "2", "tshirt"]
    exact = evaluate(Table(answers), predictions, answer_vocabulary=["yes", "no", "2"]).report
    assert (exact.any_of.value, exact.per_split.value) == (1 / 4, pytest.approx(1 / 12))
    table = Table(answers, normalized=True)
    found = evaluate(table, predictions, answer_vocabulary=["yes", "no", "2"], train=table)
    report = found.report
    assert report.any_of.value == 3 / 4
    assert report.per_split.value == pytest.approx((1 + 1 + 2 / 3 + 0) / 4)
    assert report.per_split.ceiling == pytest.approx((1 + 1 + 2 / 3 + 2 / 3) / 4)
    assert report.ceilings.vocabulary_any_of is not None
    assert report.ceilings.vocabulary_any_of.value == 3 / 4
    human = report.ceilings.human_leave_one_out
    assert human is not None
    assert human.any_of.value == pytest.approx((1 + 1 + 2 / 3 + 2 / 3) / 4)
    assert exact.vqa_official is not None
    assert exact.vqa_official.overall.value == pytest.approx((2 / 3 + 0 + 4 / 9 + 0) / 4)
    assert found.scores == pytest.approx([2 / 3, 2 / 3, 4 / 9, 0])
    assert report.mistakes["formatting"] == 0
    assert report.baselines.prior is not None
    assert report.baselines.prior.answer == "yes"


def test_scores_at_hand_are_used() -> None:
    scores = score_questions(PREDICTIONS, QUESTIONS.answers)
    assert evaluation(scores=scores).to_json() == evaluation().to_json()
    with pytest.raises(DataError, match="scores of 6 questions, got 6 predictions and 1 scores"):
        evaluation(scores=score_questions(["red"], [("red",)]))


def test_what_is_not_given_is_null_with_the_reason() -> None:
    report = evaluate(QUESTIONS, PREDICTIONS).to_json()
    assert report["calibration"] is None
    assert set(report["baselines"].values()) == {None}
    assert report["ceilings"]["vocabulary_any_of"] is None
    assert {"calibration", "baselines", "ceilings"} <= set(report["notes"])
    assert "out of vocabulary" in evaluate(QUESTIONS, PREDICTIONS).to_text()


def test_the_text_is_one_screen_with_every_baseline_and_ceiling() -> None:
    text = evaluation().to_text(100)
    lines = text.split("\n")
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100
    for expected in (
        "card colors, split test: 6 questions about 4 images, 3 answers each",
        "data abababababab",
        "any-of accuracy                         0.3333",
        "  blind baseline: commonest answer      0.3333",
        "always 'yes'",
        "  blind baseline: per exact question    0.6667",
        "  ceiling: answer vocabulary            0.8333",
        "  human agreement                       0.6667",
        "ceiling 0.7222",
        "formatting loss 0.0000",
        "Brier score",
        "mistakes: 4 wrong = 1 out of vocabulary + 1 formatting + 1 wrong type + 0 prior + 1 other",
        "at most 0.6667 here",
    ):
        assert expected in text
    assert "\x1b" not in text


def test_the_text_never_reads_one_below_one() -> None:
    size = 100_000
    answers = [("a",)] * size
    predictions = ["b"] + ["a"] * (size - 1)
    report = evaluate(Table(answers), predictions, probabilities=np.ones(size))
    assert report.report.any_of.value == 0.99999
    assert "any-of accuracy                         0.9999 " in report.to_text()


def test_many_types_do_not_fill_the_screen() -> None:
    table = Table([("a", "b")] * 200, question=[f"word{row} word{row} is it?" for row in range(200)])
    text = evaluate(table, ["a"] * 200).to_text()
    assert len(text.split("\n")) <= 45
    assert "and 192 rarer ones in the JSON report" in text


def test_html_is_escaped() -> None:
    table = Table([("a",)], question=["<script> is it?"])
    shown = evaluate(table, ["a"])._repr_html_()
    assert "<script>" not in shown
    assert shown.count("<table>") == 2
    assert "any-of accuracy" in shown


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="at least one question"):
        evaluate(Table([]), [])
    with pytest.raises(DataError, match="one prediction per question: 6, got 1"):
        evaluate(QUESTIONS, ["red"])
    with pytest.raises(DataError, match="one probability per question"):
        evaluate(QUESTIONS, PREDICTIONS, probabilities=[0.5])
    with pytest.raises(ConfigError, match="unknown protocol 'anyof'; did you mean 'any-of'"):
        evaluate(QUESTIONS, PREDICTIONS, protocol="anyof")


def test_easy_vqa_best_blind_answer_per_question(project: Path) -> None:
    card = load_card(project / "data" / "easy_vqa.toml")
    train, test = read_split(card, "train"), read_split(card, "test")
    blind = BlindBaselines(train).predict(test)["prior_per_question"]
    assert any_of(blind, test.answers).mean() == pytest.approx(0.67, abs=0.005)


def test_per_split_accuracy_is_an_exact_fraction_within_its_interval() -> None:
    """The five founding questions: (1 + 1 + 1 + 1 + 3) / 15, not the nearest sum of rounded thirds."""
    answers = [(f"a{row}", f"b{row}", f"c{row}") for row in range(4)] + [("standing",) * 3]
    questions = Table(answers)
    per_split = evaluate(questions, [given[0] for given in answers]).to_json()["per_split"]
    assert per_split["value"] == per_split["ceiling"] == 7 / 15
    assert per_split["low"] <= per_split["value"] <= per_split["high"]


@pytest.mark.parametrize("size", [6, 60, 600])
def test_the_per_split_interval_ends_where_that_of_its_ceiling_ends(size: int) -> None:
    """A network that gives each question's commonest answer is at the ceiling in every resample of the images."""
    answers = [("a", "a", "b"), ("a", "b", "c"), ("a", "a", "a")] * (size // 3)
    found = evaluate(Table(answers), ["a"] * size).report.per_split
    assert found.value == found.ceiling == pytest.approx(2 / 3)
    generator = np.random.default_rng(8)
    drawn = generator.choice([2 / 3, 1 / 3, 1], size=(4000, size)).mean(axis=1)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.03)
    wrong = evaluate(Table(answers), ["x"] * size).report.per_split
    assert 0 < wrong.high < found.high
