"""Each check finds its fault with count and examples, and finds nothing in a clean file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.official_files import OfficialQuestions
from vqa.scoring.official_results import read_results
from vqa.scoring.prediction_checks import check_predictions_of_system, render_findings, what_if
from vqa.scoring.results import match_results

ANSWERS = [("red", "dark red"), ("yes", "yes"), ("2", "two"), ("cat", "kitten")] * 10
QUESTIONS = ["what color is it?", "is it round?", "how many?", "what is it?"] * 10
IDS = [f"q{row}" for row in range(40)]
CLEAN = ["red", "no", "2", "dog"] * 10


def codes(predictions: list[str], answers: list[tuple[str, ...]] = ANSWERS, ids: list[str] = IDS) -> dict[str, int]:
    found = check_predictions_of_system(predictions, AnswerSets(answers), ids, QUESTIONS)
    return {finding.code: finding.count for finding in found}


def changed(**rows: str) -> list[str]:
    """Return the clean predictions with some replaced: row_3="x"."""
    replaced = {int(name.removeprefix("row_")): text for name, text in rows.items()}
    return [replaced.get(row, text) for row, text in enumerate(CLEAN)]


def test_nothing_is_found_in_a_clean_file() -> None:
    assert codes(CLEAN) == {}
    assert render_findings([], what_if(CLEAN, AnswerSets(ANSWERS))) == "checks of the predictions: nothing found"


@pytest.mark.parametrize(
    ("code", "prediction"),
    [
        ("empty", ""),
        ("empty", " nan "),
        ("empty", "#NAME?"),  # what a spreadsheet makes of an answer that begins with = or -
        ("letter", "B"),
        ("letter", "(b)"),
        ("letter", "C."),
        ("sentence", "the picture shows a small red car that is parked beside the road"),
        ("chat", "<think>it may be red</think> red"),
        ("chat", "red<|im_end|>"),
        ("chat", "ASSISTANT: red"),
        ("prefix", "Answer: red"),
        ("prefix", "The answer is red"),
        ("prefix", "(B) red"),
        ("prompt-echoed", "What color  is it? red"),
        ("prompt-echoed", "what color is it ?"),  # as tokenizers write it
    ],
)
def test_one_prediction(code: str, prediction: str) -> None:
    assert codes(changed(row_4=prediction, row_8=prediction)) == {code: 2}
    finding, *_ = check_predictions_of_system(changed(row_4=prediction), AnswerSets(ANSWERS), IDS, QUESTIONS)
    assert [(example.question_id, example.prediction) for example in finding.examples] == [("q4", prediction)]
    assert finding.code in render_findings([finding], [])


def test_what_people_answered_is_never_a_fault() -> None:
    answers = [
        ("b", "B"),
        ("n/a", "none"),
        ("a dog that sits in the car with a hat and a red coat",) * 2,
        ("answer: 3", "3"),
    ] * 10
    predictions = ["B", "n/a", answers[2][0], "Answer: 3"] * 10
    assert codes(predictions, answers) == {}


def test_words_that_only_look_like_a_prefix() -> None:
    assert codes(changed(row_4="answer key", row_8="a. m. clock", row_12="the answer")) == {}


def test_one_answer_for_everything() -> None:
    assert codes(["yes"] * 40) == {"constant": 40}
    # Where it is right nearly everywhere it may be an honest answer.
    mostly = [("yes", "yes")] * 39 + [("no", "no")]
    assert codes(["yes"] * 40, mostly) == {}


def test_a_template_before_most_answers() -> None:
    said = [f"based on the picture it is {text}" for text in CLEAN[:21]] + CLEAN[21:]
    assert codes(said) == {"same-beginning": 21}
    assert codes([*said[:20], *CLEAN[20:]]) == {}


def test_not_one_match() -> None:
    assert codes(["blue", "maybe", "9", "horse"] * 10) == {"all-wrong": 40}


def test_the_annotations_as_predictions() -> None:
    assert codes([given[0] for given in ANSWERS]) == {"leak": 40}


def test_shifted_rows() -> None:
    answers = [(f"answer {row}",) * 2 for row in range(40)]
    right = [given[0] for given in answers[:36]] + ["x"] * 4
    found = check_predictions_of_system([right[-1], *right[:-1]], AnswerSets(answers), IDS, QUESTIONS)
    (shifted,) = [finding for finding in found if finding.code == "shifted"]
    assert "joined one row earlier, 0.9000 of the predictions would match instead of 0.0000" in shifted.message
    found = check_predictions_of_system([*right[1:], right[0]], AnswerSets(answers), IDS, QUESTIONS)
    assert any("joined one row later" in finding.message for finding in found)


def test_ids_that_are_one_number() -> None:
    assert codes(CLEAN, ids=["7", "007", "7.0", "8", *IDS[4:]]) == {"colliding-ids": 3}


def test_what_the_score_would_be() -> None:
    answers = AnswerSets([("red", "red"), ("two", "two"), ("cat", "cat"), ("t-shirt", "t-shirt"), ("dog", "dog")])
    predictions = ["Red", "2", "a cat", "t shirt", "dogs"]
    assert {change.change: change.any_of for change in what_if(predictions, answers)} == {
        "as it is": 0.0,
        "if case did not matter": 0.2,
        "if punctuation did not matter": 0.2,
        "if articles did not matter": 0.2,
        "if number words were digits": 0.2,
        "if plural did not matter": 0.2,
        "if none of these mattered": 1.0,
    }
    repaired = what_if(["Answer: red", "<think>hm</think>two"], AnswerSets([("red", "red"), ("two", "two")]))
    assert [(change.any_of, change.change) for change in repaired[1:]] == [
        (0.5, 'if prefixes such as "Answer:" were removed'),
        (0.5, "if chat remains such as <think> were removed"),
    ]


def test_real_answers_raise_no_false_alarm(shared_data: Path, test_split: OfficialQuestions) -> None:
    """2,962 simulated predictions for VQA v2, a third of them wrong or written otherwise."""
    path = shared_data / "official_vqa" / "test_results.json.gz"
    assert json.loads(gzip.decompress(path.read_bytes()))
    chosen, predictions = match_results(test_split, *read_results(path))
    found = check_predictions_of_system(predictions, AnswerSets(chosen.answers), chosen.question_id, chosen.question)
    assert {finding.code for finding in found} <= {"empty", "letter"}


def test_the_official_score_under_each_change() -> None:
    # Ten equal answers: the official rule normalises nothing, and "Yes." scores 0.
    changes = what_if(["Yes.", "a cat"], AnswerSets([("yes",) * 10, ("cat",) * 9 + ("dog",)]))
    found = {each.change: (each.any_of, each.vqa_official) for each in changes}
    assert found["as it is"] == (0, 0.5)
    assert found["if articles did not matter"] == (0.5, 0.5)
    assert found["if none of these mattered"] == (1, 1)
    assert "if case did not matter" not in found
    assert "  any-of  official\n  0.0000    0.5000  as it is" in render_findings([], changes)
