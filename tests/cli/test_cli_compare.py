from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli
from vqa.evaluation.prediction_files import write_predictions

PROVENANCE = {"data_hash": "abc", "split": "test", "protocol": "any-of", "run": "runs/a", "card": "c.toml"}


def predictions(answers: list[str]) -> pd.DataFrame:
    size = len(answers)
    frame = pd.DataFrame(
        {
            "question_id": [str(row) for row in range(size)],
            "image_id": [str(row // 2) for row in range(size)],
            "question": ["what?"] * size,
            "prediction": answers,
            "probability": [0.5] * size,
            "loss": [0.1] * size,
            "hit": [0] * size,
            "score": [0.0] * size,
            "answer_type": ["other"] * size,
            "question_type": ["what"] * size,
        }
    )
    # "null" and "NA" are answers, not missing values.
    frame["answers"] = pd.Series([("null", "NA", "a")] * size, dtype=object)
    frame["top"] = pd.Series([((answer, 0.5),) for answer in answers], dtype=object)
    return frame


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_two_files(suffix: str, tmp_path: Path) -> None:
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    write_predictions(predictions(["null", "x", "x", "a"]), first, PROVENANCE)
    write_predictions(predictions(["null", "NA", "a", "x"]), second, {**PROVENANCE, "run": "runs/b"})
    result = compare(first, second, "--json", tmp_path / "c.json")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "c.json").read_text())
    assert report["any_of"]["first"]["value"] == 0.5
    assert report["any_of"]["second"]["value"] == 0.75
    assert report["first"]["run"] == "runs/a"
    assert report["second"]["file"] == str(second)
    assert report["notes"] == []
    assert "only first right 1, only second right 2, both right 1, both wrong 0" in result.stdout
    assert "lost (first right, second wrong), 1 of 1" in result.stdout


def test_files_of_other_data_are_refused(tmp_path: Path) -> None:
    write_predictions(predictions(["a"]), tmp_path / "a.csv", PROVENANCE)
    write_predictions(predictions(["a"]), tmp_path / "b.csv", {**PROVENANCE, "split": "val"})
    result = compare(tmp_path / "a.csv", tmp_path / "b.csv")
    assert result.exit_code == 1
    assert "they differ in split ('test' and 'val')" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_without_provenance_is_said(tmp_path: Path) -> None:
    write_predictions(predictions(["a"]), tmp_path / "a.csv", PROVENANCE)
    write_predictions(predictions(["a"]), tmp_path / "b.csv")
    result = compare(tmp_path / "a.csv", tmp_path / "b.csv")
    assert result.exit_code == 0
    assert "b.csv does not say its data_hash, split, protocol" in result.stdout


def test_files_that_are_not_predictions(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question_id,answer\n1,a\n")
    assert "has no column 'image_id'" in compare(tmp_path / "a.csv", tmp_path / "a.csv").stderr
    assert compare(tmp_path / "none.csv", tmp_path / "a.csv").exit_code == 1
    assert compare(tmp_path / "a.csv").exit_code == 2


def test_a_page_of_two_files_says_what_it_leaves_out(tmp_path: Path) -> None:
    first, second, page = (tmp_path / name for name in ("a.csv", "b.csv", "page.html"))
    for path in (first, second):
        write_predictions(predictions(["null", "x"]), path)
    result = compare(first, second, "--html", page)
    assert result.exit_code == 0
    assert "left out: images (the file does not name its data set; name it with --card CARD)" in result.stderr
    assert "left out: images (" in page.read_text(encoding="utf-8")


def test_three_files_are_ranked(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.csv" for name in ("<i>a", "b", "c")]
    for path, answers in zip(files, (["x", "x", "x", "a"], ["null", "NA", "a", "x"], ["null", "x", "a", "x"])):
        write_predictions(predictions(answers), path, PROVENANCE)
    page = tmp_path / "page.html"
    result = compare(*files, "--json", tmp_path / "r.json", "--html", page)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert [each["system"]["file"] for each in report["systems"]] == [str(files[place]) for place in (1, 2, 0)]
    assert [len(each["not_told_apart"]) for each in report["systems"]] == [2, 2, 2]
    assert "3 of 3 differences cannot be told from chance" in result.stdout
    text = page.read_text(encoding="utf-8")
    assert "A - B" in text
    assert "&lt;i&gt;a.csv" in text
    assert "<i>" not in text
    assert "3 of 3 differences cannot be told from chance" in text
    assert "left out: images (" in result.stderr
    refused = compare(*files, "--margin", "0.1")
    assert refused.exit_code == 2
    assert "--margin compares two files" in refused.stderr


def test_a_margin_of_two_files(tmp_path: Path) -> None:
    for name in "ab":
        write_predictions(predictions(["a", "x"]), tmp_path / f"{name}.csv", PROVENANCE)
    arguments = (tmp_path / "a.csv", tmp_path / "b.csv", "--html", tmp_path / "page.html", "--margin")
    assert "neither is worse than the other by more than 0.0100" in compare(*arguments, "0.01").stdout
    assert "neither is worse than the other by more than 0.0100" in (tmp_path / "page.html").read_text("utf-8")
    assert compare(*arguments, "0").exit_code == 2
