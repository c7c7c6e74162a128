"""Files of answers from any system are recognised by their content, whatever their name."""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vqa.errors import DataError
from vqa.scoring import table_files
from vqa.scoring.prediction_formats import SystemAnswers, read_system_answers, rows_in_order
from vqa.scoring.table_files import excel_rows


def write(path: Path, content: Any, *, lines: bool = False) -> Path:
    text = "\n".join(map(json.dumps, content)) + "\n" if lines else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def lmms(doc_id: int, answer: Any, question: str, **more: Any) -> dict[str, Any]:
    # The fields of `lmms_eval --log_samples`, the long ones left out.
    return {"doc_id": doc_id, "target": "cat", "resps": [[answer]], "filtered_resps": answer, "input": question, **more}


@pytest.mark.parametrize(
    ("content", "lines", "form"),
    [
        ([{"question_id": 1, "answer": "cat"}, {"question_id": "2", "answer": "a dog"}], False, "results"),
        ([{"question_id": 1, "answer": "cat"}, {"question_id": "2", "answer": "a dog"}], True, "results"),
        ([{"questionId": "1", "prediction": "cat"}, {"questionId": "2", "prediction": "a dog"}], False, "GQA"),
        (
            [
                {"question_id": 1, "prompt": "What?\nIn a word.", "text": "cat", "answer_id": "x", "metadata": {}},
                {"question_id": 2, "prompt": "What?\nIn a word.", "text": "a dog", "answer_id": "y", "metadata": {}},
            ],
            True,
            "LLaVA",
        ),
        ([lmms(0, ["cat"], "", doc={"question_id": 1}), lmms(1, [["a dog"]], "", doc={"question_id": 2})], True,
         "lmms-eval samples"),
        ([{"index": 1, "question": "a", "answer": "x", "prediction": "cat"},
          {"index": 2, "question": "b", "answer": "y", "prediction": "a dog"}], False, "VLMEvalKit"),
    ],
)  # fmt: skip
def test_json_forms(content: Any, lines: bool, form: str, tmp_path: Path) -> None:
    read = read_system_answers(write(tmp_path / "file", content, lines=lines))
    assert (read.form, read.question_ids, read.answers) == (form, ["1", "2"], ["cat", "a dog"])
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "file").read_bytes()))
    assert read_system_answers(tmp_path / "packed").answers == read.answers


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_tables_of_text(separator: str, tmp_path: Path) -> None:
    rows = [["question_id", "prediction", "probability"], ["007", '"two, or\nthree"', "0.5"], ["8", "cat", ""]]
    (tmp_path / "file").write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    read = read_system_answers(tmp_path / "file")
    assert (read.question_ids, read.answers) == (["007", "8"], ["two, or\nthree", "cat"])
    assert read.probabilities is not None
    assert read.probabilities[0] == 0.5
    assert math.isnan(read.probabilities[1])


def changed_sheet(path: Path, rows: bytes) -> Path:
    """Add rows to the sheet of an Excel file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"</sheetData>", rows + b"</sheetData>"))
    return path


def test_a_cell_at_the_end_of_a_sheet_makes_no_row_or_column_of_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"question_id": [3, 4], "prediction": ["2", 1.5]})
    frame.to_excel(tmp_path / "file.xlsx", index=False)
    far = b'<row r="4"><c r="XFD4"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>7</v></c></row>'
    rows = list(excel_rows(changed_sheet(tmp_path / "file.xlsx", far)))
    assert rows == [
        {"question_id": "3", "prediction": "2"},
        {"question_id": "4", "prediction": "1.5"},
        {"question_id": "7", "prediction": ""},
    ]


def test_an_excel_file_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"question_id": [3], "prediction": ["2"]}).to_excel(tmp_path / "file.xlsx", index=False)
    monkeypatch.setattr(table_files, "MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match="MB when unpacked, at most"):
        read_system_answers(tmp_path / "file.xlsx")


def test_parquet_and_excel(tmp_path: Path) -> None:
    frame = pd.DataFrame({"index": [3, 4], "question": ["a", "b"], "answer": ["x", "y"], "prediction": ["2", None]})
    frame.to_parquet(tmp_path / "file.parquet")
    frame.to_excel(tmp_path / "file.xlsx", index=False)
    for name in ("file.parquet", "file.xlsx"):
        read = read_system_answers(tmp_path / name)
        assert (read.form, read.question_ids, read.answers) == ("VLMEvalKit", ["3", "4"], ["2", ""])


def test_numbers_and_missing_answers_are_kept(tmp_path: Path) -> None:
    content = [{"question_id": 1.0, "answer": 2}, {"question_id": 2, "answer": None}, {"question_id": 3, "answer": []}]
    read = read_system_answers(write(tmp_path / "file", content))
    assert (read.question_ids, read.answers) == (["1", "2", "3"], ["2", "", ""])


def test_the_first_of_several_answers_counts_and_it_is_said(tmp_path: Path) -> None:
    content = [lmms(0, ["cat", "dog"], "What is it?"), lmms(1, "cow", "And this?")]
    read = read_system_answers(write(tmp_path / "file", content, lines=True))
    assert (read.answers, read.several) == (["cat", "cow"], 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [{"id": 1, "output": "cat"}],
            "expected fields of a known form, got id, output; known: doc_id and filtered_resps",
        ),
        ([{"question_id": 1, "answer": "a"}, {"question_id": 2}], "record 2 has no 'answer', as the first one has"),
        (
            [{"question_id": 1.5, "answer": "a"}],
            "record 1: expected the question's id as text or a whole number, got 1.5",
        ),
        ([{"question_id": 1, "answer": {"a": 1}}], "record 1: expected an answer as text, got dict"),
        ([{"question_id": 1, "answer": True}], "expected an answer as text, got true without quotation marks"),
        ([{"question_id": 1, "answer": "a", "probability": 7}], "expected a probability from 0 to 1, got 7"),
        ([], "expected at least one answer, got none"),
        ([3], "expected an object, got an integer"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_system_answers(write(tmp_path / "file", content))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_row_with_other_cells_than_the_header(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("question_id,answer\n1,red, or blue\n")
    with pytest.raises(DataError, match=r"file\.csv:2: expected 2 cells, as the header has, got 3; a cell with"):
        read_system_answers(tmp_path / "file.csv")


def order(positions: list[int] | None, questions: list[str] | None) -> SystemAnswers:
    return SystemAnswers("s.jsonl", "f", None, positions, ["a", "b"], None, questions)


def test_rows_without_ids_are_joined_by_their_order_and_checked_by_the_question() -> None:
    split = ["What is it?", "What  color?", "Why?"]
    asked = ["what is it?\nAnswer with one word.", "<image> What color? "]
    assert rows_in_order(order([0, 1], asked), split) == [0, 1]
    assert rows_in_order(order(None, asked), split) == [0, 1]
    with pytest.raises(DataError, match=r"2 of 2 records ask something else .* the first is record 1"):
        rows_in_order(order([1, 2], asked), split)
    with pytest.raises(DataError, match=r"expected rows 0 to 2 of the split, got row 3"):
        rows_in_order(order([0, 3], asked), split)
    with pytest.raises(DataError, match="add a question_id to each"):
        rows_in_order(order([0, 1], None), split)
