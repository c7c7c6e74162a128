from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli

FILES = Path(__file__).parent.parent / "scoring" / "files"


def score(*options: str, **files: Path) -> Result:
    paths = {name: FILES / f"{name}.json" for name in ("questions", "annotations", "results")} | files
    given = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    return CliRunner().invoke(cli, ["score", *given, *options])


def results(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def error_line(result: Result) -> str:
    """The one line that a user sees; nothing is printed as a result."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_the_example_of_the_help_works_from_the_project_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    text = CliRunner().invoke(cli, ["score", "--help"]).stdout
    examples = (
        text.split("Example, from a fresh clone:")[1].split("Options:")[0].replace("\\", " ").split("vqa score")[1:]
    )
    results = [CliRunner().invoke(cli, ["score", *example.split()]) for example in examples]
    assert [result.exit_code for result in results] == [0, 0]
    assert "any-of accuracy" in results[0].stdout
    assert "4 of 10 match; score = mean of the terms = 1.0000" in results[1].stdout


def test_json_and_per_question_files(tmp_path: Path) -> None:
    result = score("--json", str(tmp_path / "s.json"), "--per-question", str(tmp_path / "q.json"))
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "s.json").read_text())
    assert (report["protocol"], report["questions"], report["overall"]) == ("vqa-official", 4, 65.0)
    assert report["per_answer_type"] == {"number": 100.0, "other": 80.0, "yes/no": 0.0}
    assert report["per_question_type"]["what is the"] == 60.0
    assert report["unrounded"]["overall"]["n"] == 4
    assert json.loads((tmp_path / "q.json").read_text()) == {"1": 0.0, "2": 100.0, "3": 100.0, "4": 60.0}
    printed = score("--json", "-")
    assert json.loads(printed.stdout) == report


def test_the_other_rules() -> None:
    assert json.loads(score("--rule", "vqa-lenient", "--json", "-").stdout)["overall"] == 90.0
    assert json.loads(score("--rule", "any-of", "--json", "-").stdout)["overall"] == 25.0


def test_explain() -> None:
    result = score("--explain", "1")
    assert "nothing is normalised, on either side" in result.stdout
    assert json.loads(score("--explain", "4", "--json", "-").stdout)["score"] == pytest.approx(0.6)
    assert "no result for a question '99' (ids look like 1, 2, 3)" in error_line(score("--explain", "99"))


def test_missing_unknown_and_duplicate_ids(tmp_path: Path) -> None:
    path = results(tmp_path / "r.json", [{"question_id": number, "answer": "a"} for number in (1, 2, 2, 9)])
    line = error_line(score(results=path))
    assert "unknown ids: 1 (first: 9); duplicate ids: 1 (first: 2); missing ids: 2 (first: 3, 4)" in line
    path = results(tmp_path / "r.json", [{"question_id": 3, "answer": "two"}])
    assert "missing ids: 3" in error_line(score(results=path))
    partial = score("--partial", "--json", "-", results=path)
    assert json.loads(partial.stdout)["overall"] == 100.0
    assert "--partial: 1 questions scored, 3 without a result" in json.loads(partial.stdout)["notes"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"1": "a"}', 'expected a list of {"question_id", "answer"}, got an object'),
        (b'[{"question_id": 1, "answer": 5}]', "record 1: question 1: answer: expected a string, got an integer"),
        ('[{"question_id": 1, "answer": "a"}]'.encode("utf-16"), "expected UTF-8, byte 0 is not"),
        (b'[{"question_id": 1, "answer": "caf\xe9"}]', "expected UTF-8, byte 34 is not"),
        (b'[{"question_id": 1, "answer": "a"', "expected JSON"),
        (gzip.compress(b"[]" * 1000, mtime=0)[:-9], "the gzip file is truncated or damaged"),
    ],
)
def test_bad_result_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    line = error_line(score(results=path))
    assert message in line
    assert str(path) in line


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in error_line(score(results=tmp_path / "none.json"))
    assert "directory" in error_line(score(results=tmp_path))


def test_annotations_without_ids_and_of_other_than_ten_answers(tmp_path: Path) -> None:
    annotations = json.loads((FILES / "annotations.json").read_text())
    for record in annotations["annotations"]:
        record["answers"] = [{"answer": answer["answer"]} for answer in record["answers"][:3]]
    path = results(tmp_path / "a.json", annotations)
    report = json.loads(score("--json", "-", annotations=path).stdout)
    # Among the first three answers "Yes", "Red." and "Leash" match none and the gate is closed; "two" is not "2".
    assert report["overall"] == 0.0
    assert "3 answers per question instead of 10: the score is [n min(1,(n-1)/3)" in report["notes"][0]
    assert report["notes"][1].startswith("annotations without answer_id")


def test_wrong_usage() -> None:
    result = CliRunner().invoke(cli, ["score", "--rule", "vqa"])
    assert result.exit_code == 2
    assert "give PREDICTIONS and --data CARD" in CliRunner().invoke(cli, ["score"]).stderr


def test_the_official_vectors(shared_data: Path, tmp_path: Path) -> None:
    result = score(
        "--per-question",
        str(tmp_path / "q.json"),
        "--json",
        "-",
        questions=shared_data / "vqa_v2_60k" / "test_questions.json.gz",
        annotations=shared_data / "vqa_v2_60k" / "test_annotations.json.gz",
        results=shared_data / "official_vqa" / "test_results.json.gz",
    )
    with gzip.open(shared_data / "official_vqa" / "test_scores.json.gz", "rt") as file:
        expected = json.load(file)
    report = json.loads(result.stdout)
    assert report["overall"] == expected["overall"] == 70.2
    assert report["per_answer_type"] == expected["perAnswerType"]
    assert report["per_question_type"] == expected["perQuestionType"]
    assert json.loads((tmp_path / "q.json").read_text()) == expected["evalQA"]


def test_a_margin_belongs_to_a_comparison() -> None:
    arguments = ["score", str(FILES / "results.json"), "--data", str(FILES / "card.toml"), "--margin", "0.01"]
    refused = CliRunner().invoke(cli, arguments)
    assert refused.exit_code == 2
    assert "--margin belongs to a comparison" in refused.stderr
    against = [*arguments, "--against", str(FILES / "results.json"), "--json", "-"]
    found = json.loads(CliRunner().invoke(cli, against).stdout)["comparison"]["margin"]
    assert found == {"margin": 0.01, "second_no_worse": True, "first_no_worse": True, "equivalent": True}
