"""Answers of any system, joined to a card: the report of a run, and files that compare and inspect read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli
from vqa.errors import DataError
from vqa.evaluation.system_predictions import read_system_predictions

TRAIN = "question_id,image_id,question,answer_1,answer_2\nt1,a,is it red?,yes,yes\nt2,b,what color is it?,red,blue\n"
TEST = (
    "question_id,image_id,question,answer_1,answer_2\n"
    "1,c,is it red?,yes,yes\n2,c,what color is it?,red,dark red\n"
    "3,d,is it red?,no,no\n4,e,what color is it?,navy,blue\n"
)
ANSWERS = {"1": "yes", "2": "red", "3": "yes", "4": "Blue"}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(TEST)
    path = tmp_path / "card.toml"
    path.write_text(
        'name = "c"\nformat = "csv"\nanswers = "exact"\n[splits.train]\nfile = "train.csv"\n'
        '[splits.test]\nfile = "test.csv"\n[images]\nkind = "pixels"\npath = "not there"\n'
    )
    return path


def write(path: Path, answers: dict[str, str], **more: Any) -> Path:
    path.write_text(json.dumps([{"question_id": name, "answer": answer, **more} for name, answer in answers.items()]))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_the_report_of_a_run(card: Path, tmp_path: Path) -> None:
    system = read_system_predictions(write(tmp_path / "r.json", ANSWERS, probability=0.5), card)
    report = system.report().report
    assert (report.any_of.value, report.any_of.n, report.images) == (0.5, 4, 3)
    assert report.baselines.prior is not None
    assert report.baselines.prior.answer == "yes"
    assert report.baselines.prior.value == 0.25
    assert report.calibration is not None
    assert report.data_hash == system.data_hash
    assert report.mistakes["formatting"] == 1
    frame = system.frame()
    assert frame["hit"].tolist() == [1, 1, 0, 0]
    assert frame["top"].tolist() == [(("yes", 0.5),), (("red", 0.5),), (("yes", 0.5),), (("Blue", 0.5),)]


def test_the_command_writes_tables_that_compare_and_inspect_read(card: Path, tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", ANSWERS)
    second = tmp_path / "b.csv"
    second.write_text("question_id\tprediction\n" + "".join(f"{name}\tyes\n" for name in ANSWERS))
    done = run("score", first, "--data", card, "--json", "-", "--per-question", tmp_path / "a.csv")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["any_of"]["value"] == 0.5
    assert (report["predictions"]["file"], report["predictions"]["form"]) == (str(first), "results")
    assert (report["predictions"]["answers"], report["predictions"]["questions_without_answer"]) == (4, 0)
    assert pd.read_csv(tmp_path / "a.csv")["hit"].tolist() == [1, 1, 0, 0]
    compared = run("compare", tmp_path / "a.csv", second, "--data", card, "--json", "-")
    assert compared.exit_code == 0, compared.output
    assert json.loads(compared.stdout)["any_of"]["second"]["value"] == 0.25
    assert run("compare", second, first, "--data", card).exit_code == 0
    inspected = run("inspect", first, "--card", card, "--wrong", "--format", "csv")
    assert inspected.exit_code == 0, inspected.output
    assert inspected.stdout.count("\n") == 3


def test_the_page_says_that_the_images_are_missing(card: Path, tmp_path: Path) -> None:
    done = run("score", write(tmp_path / "a.json", ANSWERS), "--data", card, "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    assert "left out: images" in page
    assert "NaN" not in page


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"1": "yes", "9": "no"}, "unknown ids: 1 (first: 9); missing ids: 3 (first: 2, 3, 4); --partial scores"),
        ({"1": "yes"}, "missing ids: 3 (first: 2, 3, 4)"),
    ],
)
def test_ids_are_checked(answers: dict[str, str], message: str, card: Path, tmp_path: Path) -> None:
    done = run("score", write(tmp_path / "r.json", answers), "--data", card)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_part_of_the_questions(card: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", {"4": "blue", "1": "yes"})
    done = run("score", path, "--data", card, "--partial")
    assert done.exit_code == 0, done.output
    assert "--partial: 2 questions scored, 2 without an answer" in done.stdout
    system = read_system_predictions(path, card, partial=True)
    assert list(system.questions.question_id) == ["1", "4"]
    assert system.predictions == ["yes", "blue"]
    with pytest.raises(DataError, match="unknown ids"):
        read_system_predictions(write(tmp_path / "r.json", {"x": "yes"}), card, partial=True)


def test_repeated_ids_are_refused(card: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("question_id,answer\n1,a\n1,b\n2,c\n3,d\n4,e\n")
    with pytest.raises(DataError, match=r"duplicate ids: 1 \(first: 1\)"):
        read_system_predictions(tmp_path / "r.csv", card)


def test_samples_without_ids_are_joined_by_order(card: Path, tmp_path: Path) -> None:
    texts = ["is it red?", "what color is it?", "is it red?", "what color is it?"]
    rows = [
        {"doc_id": row, "filtered_resps": [[answer]], "target": "x", "input": f"{text}\nAnswer with a word."}
        for row, (text, answer) in enumerate(zip(texts, ANSWERS.values()))
    ]
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, reversed(rows))))
    assert read_system_predictions(path, card).scores.any_of.tolist() == [1, 1, 0, 0]
    rows[0]["input"] = "something else"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="1 of 4 records ask something else than the question in their place"):
        read_system_predictions(path, card)


def test_ids_in_the_metrics_of_a_sample(card: Path, tmp_path: Path) -> None:
    """As lmms-eval writes them now: without the document, an id in a metric, records as the workers finished them."""
    rows = list(enumerate(zip(ANSWERS, ANSWERS.values(), ["is it red?", "what color is it?"] * 2)))
    samples = [
        {"doc_id": row, "target": "x", "filtered_resps": answer, "input": f"{text}\nAnswer.", "submission": metric}
        for row, (name, answer, text) in reversed(rows)
        for metric in [{"question_id": int(name), "answer": answer}]
    ]
    path = tmp_path / "1_samples_vqa.jsonl"
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    assert read_system_predictions(path, card).predictions == list(ANSWERS.values())
    # Ids that start anew in each category name no question: the places do.
    for sample in samples:
        sample["submission"] = {"question_id": sample["doc_id"] // 2 + 1}
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    assert read_system_predictions(path, card).predictions == list(ANSWERS.values())


def test_two_systems_are_compared(card: Path, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.json", ANSWERS), write(tmp_path / "b.json", {**ANSWERS, "4": "blue"})
    done = run("score", first, "--data", card, "--against", second, "--json", "-")
    assert done.exit_code == 0, done.output
    comparison = json.loads(done.stdout)["comparison"]
    assert comparison["any_of"]["first"]["value"] == 0.5
    assert comparison["any_of"]["second"]["value"] == 0.75
    assert [each["question_id"] for each in comparison["changed"]] == ["4"]
    assert "any-of accuracy           0.5000  0.7500" in run("score", first, "--data", card, "--against", second).stdout


def test_one_question_is_explained(card: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", ANSWERS)
    done = run("score", path, "--data", card, "--explain", "4", "--protocol", "vqa-official")
    assert done.exit_code == 0, done.output
    assert "question 4: what color is it?" in done.stdout
    assert "no result for a question 'z'" in run("score", path, "--data", card, "--explain", "z").stderr


def test_wrong_usage(card: Path, tmp_path: Path) -> None:
    assert run("score").exit_code == 2
    assert run("score", tmp_path / "a.json").exit_code == 2
    assert "missing: --annotations, --results" in run("score", "--questions", "q.json").stderr


def test_protocols(card: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", ANSWERS)
    done = run("score", path, "--data", card, "--all-protocols", "--json", "-")
    assert done.exit_code == 0, done.output
    values = {each["protocol"]: each["score"] for each in json.loads(done.stdout)["protocols"]}
    # "Blue" is "blue" to ANLS; "red" is a third of "dark red" away from nothing: it is an answer itself.
    assert values["anls"]["value"] == 0.75
    assert values["aokvqa"]["value"] == pytest.approx((2 / 3 + 1 / 3) / 4)
    two = run("score", path, "--data", card, "--protocol", "any_of", "--protocol", "relaxed")
    assert two.exit_code == 0, two.output
    assert "any-of scores 0 questions higher than relaxed, 1 lower" in two.stdout
    assert "4: 'Blue' scores 0.0000 and 1.0000 (answers: 'navy', 'blue')" in two.stdout
    wrong = run("score", path, "--data", card, "--protocol", "vqa")
    assert wrong.exit_code == 2
    assert "unknown protocol 'vqa'" in wrong.stderr
