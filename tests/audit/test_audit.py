from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vqa.audit.audit import audit
from vqa.errors import ConfigError, DataError

TRAIN = """question_id,image_id,question,answer_1,answer_2,answer_3
1,a,what color is it?,red,red,dark red
2,a,is it red?,yes,yes,yes
3,b,is it red?,no,no,yes
3,b,is it blue?,no,no,no
4,b,is it red?,no,no,no
5,c,,red,red,red
6,d,what color is it?,blue,navy,blue
"""
TEST = """question_id,image_id,question,answer_1,answer_2,answer_3
6,a,what color is it?,red,red,crimson
8,x,is it red?,yes,no,no
9,x,how many are there?,2,two,2
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(TEST)
    path = tmp_path / "card.toml"
    path.write_text(
        'name = "small"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n[splits.test]\nfile = "test.csv"\n'
    )
    return path


def rows(report: dict[str, Any], key: str, **chosen: Any) -> list[dict[str, Any]]:
    return [row for row in report[key] if all(row[name] == value for name, value in chosen.items())]


def test_bad_lines_and_duplicates_are_counted_and_named(card: Path) -> None:
    train = audit(card).to_json()["splits"]["train"]
    assert (train["questions"], train["images"], train["question_texts"]) == (5, 3, 2)
    assert train["bad_lines"]["count"] == 2
    assert "train.csv:5: " in train["bad_lines"]["first"][0]
    assert "train.csv:7: the question is empty" in train["bad_lines"]["first"][1]
    assert train["duplicate_ids"]["count"] == 1
    assert "question id '3'" in train["duplicate_ids"]["first"][0]
    assert train["duplicate_questions"] == {"count": 1, "first": ["4 asks as 3 does about image b: is it red?"]}


def test_what_the_splits_share(card: Path) -> None:
    (shared,) = audit(card).to_json()["shared"]
    assert shared["splits"] == ["train", "test"]
    assert shared["question_ids"] == {"count": 1, "first": ["6"]}
    assert (shared["images"], shared["questions"], shared["questions_with_shared_text"]) == (1, 1, 2)


def test_answers_and_agreement(card: Path) -> None:
    train = audit(card).to_json()["splits"]["train"]
    assert train["answers_per_question"] == [3, 3]
    assert train["distinct_answers"] == 6
    assert train["distinct_answers_per_question"] == pytest.approx((2 + 1 + 2 + 1 + 2) / 5)
    assert train["commonest_answers"][0] == ["no", 5]
    assert train["unanimous"]["value"] == pytest.approx(2 / 5)
    assert train["per_split_ceiling"]["value"] == pytest.approx((2 / 3 + 1 + 2 / 3 + 1 + 2 / 3) / 5)
    assert train["human_any_of"]["value"] == pytest.approx((2 / 3 + 1 + 2 / 3 + 1 + 2 / 3) / 5)
    # Two equal answers of three: (1/3 + 1/3 + 0) / 3; three equal ones: 2/3.
    assert train["human_leave_one_out"]["value"] == pytest.approx((2 / 9 * 3 + 2 / 3 * 2) / 5)


def test_ceilings_and_baselines_come_from_train(card: Path) -> None:
    report = audit(card).to_json()
    # Majority answers of train: red, yes, no, no, blue. Neither 2 nor two is among them.
    (majority,) = rows(report, "vocabulary_ceilings", counted="majority")
    assert majority["size"] == 4
    assert majority["any_of"]["value"] == pytest.approx(2 / 3)
    assert majority["vqa_official"]["value"] == pytest.approx((4 / 9 + 4 / 9 + 0) / 3)
    (everything,) = rows(report, "vocabulary_ceilings", counted="all_answers")
    assert everything["size"] == 6
    (prior,) = rows(report, "baselines", counted="all_answers", baseline="prior")
    assert prior["answer"] == "no"
    assert prior["any_of"]["value"] == pytest.approx(1 / 3)
    (per_question,) = rows(report, "baselines", counted="all_answers", baseline="prior_per_question")
    # red, no and, for the unknown question, no: two of three.
    assert per_question["any_of"]["value"] == pytest.approx(2 / 3)


def test_the_text_says_it_all(card: Path) -> None:
    text = audit(card).to_text()
    for expected in (
        "small (csv)",
        "train: 5 questions (2 different texts) about 3 images",
        "2 bad lines",
        "1 repeated question id\n",
        "1 duplicate question\n",
        "1 of the 2 images of test",
        "PROBLEM: 1 question id, which must be unique: 6",
        "commonest train answer ('no')",
    ):
        assert expected in text
    json.dumps(audit(card).to_json(), allow_nan=False)


def test_official_files_with_bad_records(tmp_path: Path) -> None:
    questions = [{"question_id": number, "image_id": 1, "question": "what?"} for number in (1, 2, 3)]
    answers = [{"answer": "a", "answer_id": 1}, {"answer": "b", "answer_id": 2}]
    annotations = [
        {"question_id": 1, "answers": answers, "multiple_choice_answer": "B"},
        {"question_id": 2, "answers": [{"answer": 5}]},
        {"question_id": 3, "answers": answers, "multiple_choice_answer": "b"},
        {"question_id": 3, "answers": answers},
    ]
    (tmp_path / "q.json").write_text(json.dumps({"questions": questions}))
    (tmp_path / "a.json").write_text(json.dumps({"annotations": annotations}))
    card = tmp_path / "card.toml"
    files = 'questions = "q.json"\nannotations = "a.json"\n'
    card.write_text(f'name = "o"\nformat = "vqa-json"\n[splits.train]\n{files}[splits.val]\n{files}')
    report = audit(card).to_json()
    assert report["splits"]["train"]["bad_lines"]["count"] == 2
    assert report["splits"]["train"]["duplicate_ids"]["count"] == 1
    assert report["splits"]["train"]["duplicate_questions"]["count"] == 1
    # The published majority answer, normalised, and not the first of two equally common ones.
    (prior,) = rows(report, "baselines", counted="majority", baseline="prior")
    assert prior["answer"] == "b"
    (prior,) = rows(report, "baselines", counted="all_answers", baseline="prior")
    assert prior["answer"] == "a"


def test_answers_that_differ_only_in_spelling(tmp_path: Path) -> None:
    """As in radiology questions: Yes and yes are different answers, and nothing else tells so."""
    (tmp_path / "train.csv").write_text("one?,Yes,yes,yes\ntwo?,Yes,yes.,no\nthree?,two,2,a two\n")
    (tmp_path / "card.toml").write_text(
        'name = "s"\nformat = "csv"\nanswers = "exact"\n[splits.train]\nfile = "train.csv"\n'
    )
    found = audit(tmp_path / "card.toml")
    train = found.report.splits["train"]
    assert (train.distinct_answers, train.per_split_ceiling.value) == (7, pytest.approx((2 / 3 + 1 / 3 + 1 / 3) / 3))
    spellings = train.spellings
    assert (spellings.answers, spellings.spellings, spellings.occurrences) == (2, 6, 8)
    assert spellings.first == [{"Yes": 2, "yes": 2, "yes.": 1}, {"two": 1, "2": 1, "a two": 1}]
    assert spellings.merged.distinct_answers == 3
    assert spellings.merged.per_split_ceiling.value == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert spellings.merged.unanimous.value == pytest.approx(2 / 3)
    assert spellings.merged.human_any_of is not None
    assert spellings.merged.human_any_of.value == pytest.approx((1 + 2 / 3 + 1) / 3)
    text = found.to_text()
    assert "2 answers written in 6 ways (8 times), such as\n    'Yes' 2, 'yes' 2, 'yes.' 1\n" in text
    assert 'merged (answers = "normalized"): 3 different answers in all' in text


def test_one_answer_per_question_and_one_split(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("what?,red\nwhere?,here\n")
    (tmp_path / "card.toml").write_text('name = "one"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n')
    found = audit(tmp_path / "card.toml")
    assert found.to_json()["splits"]["train"]["human_leave_one_out"] is None
    assert found.to_json()["vocabulary_ceilings"] == []
    assert "no vocabulary ceilings and no blind baselines" in found.to_text()


def test_simulated_annotators_are_called_so(project: Path) -> None:
    found = audit(project / "data" / "easy_vqa_3.toml")
    assert "SIMULATED" in found.to_text()
    (best,) = rows(found.to_json(), "baselines", counted="all_answers", baseline="prior_per_question")
    assert best["any_of"]["value"] == pytest.approx(0.67, abs=0.005)


def test_errors_are_for_users(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such dataset card"):
        audit(tmp_path / "none.toml")
    (tmp_path / "train.csv").write_text("")
    (tmp_path / "card.toml").write_text('name = "one"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n')
    with pytest.raises(DataError):
        audit(tmp_path / "card.toml")


@pytest.mark.slow
def test_the_reference_values_of_vqa_v2(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "vqa_v2_60k"
    splits = "".join(
        f'[splits.{split}]\nquestions = "{folder / split}_questions.json.gz"\n'
        f'annotations = "{folder / split}_annotations.json.gz"\n'
        for split in ("train", "val")
    )
    (tmp_path / "card.toml").write_text(f'name = "vqa-v2-60k"\nformat = "vqa-json"\n{splits}')
    found = audit(tmp_path / "card.toml")
    report = found.to_json()
    assert "3,930 of the 8,260 images of val" in found.to_text()
    ceilings = {
        row["size"]: round(100 * row["vqa_official"]["value"], 2)
        for row in rows(report, "vocabulary_ceilings", counted="majority")
    }
    assert {size: ceilings[size] for size in (500, 1000, 2000, 3000)} == {
        500: 86.76, 1000: 89.47, 2000: 90.95, 3000: 91.53
    }  # fmt: skip
    baselines = [round(100 * row["vqa_official"]["value"], 1) for row in rows(report, "baselines", counted="majority")]
    assert baselines == [20.8, 33.0, 33.2]
    assert round(100 * report["splits"]["val"]["human_leave_one_out"]["value"], 2) == 80.24
