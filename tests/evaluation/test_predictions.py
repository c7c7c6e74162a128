"""Predictions tables round-trip in every format, and say in one line what is wrong with a file."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqa.errors import ConfigError, DataError
from vqa.evaluation.prediction_files import provenance_path, read_predictions, read_provenance, write_predictions
from vqa.evaluation.predictions import COLUMNS, PredictionRow, prediction_rows

FORMATS = ("csv", "jsonl", "parquet")


def table(**changes: list[object]) -> pd.DataFrame:
    """Return a table of two questions, with columns replaced."""
    columns: dict[str, list[object]] = {
        "question_id": ["001", "2"],
        "image_id": ["5", ""],
        "question": ["what is it?", 'so called "pool", blue\nor not'],
        "answers": [("mirror", "pool", "mirror"), ("NA",)],
        "prediction": ["pool", "None"],
        "probability": [0.1 + 0.2, 0.99999999999999989],
        "top": [(("pool", 0.1 + 0.2), ("shelf", 1e-300)), (("None", 0.99999999999999989),)],
        "loss": [math.log(3), math.nan],
        "hit": [1, 0],
        "score": [2 / 9, math.nan],
        "answer_type": ["other", ""],
        "question_type": ["", "what is"],
    }
    return pd.DataFrame({**columns, **changes})


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_value_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    write_predictions(table(), path)
    pd.testing.assert_frame_equal(read_predictions(path), table(), check_exact=True)


def test_the_rows_are_records_of_the_columns() -> None:
    assert PredictionRow._fields == tuple(COLUMNS)
    first, second = prediction_rows(table())
    assert (first.question_id, first.prediction, first.top[1]) == ("001", "pool", ("shelf", 1e-300))
    assert first.is_right("mirror")
    assert not second.is_right("None")


def test_a_table_prints_question_answers_prediction_and_loss(tmp_path: Path) -> None:
    write_predictions(table(question=["what is <b>it</b>?", "\x1b[2J" + "long " * 20]), tmp_path / "p.jsonl")
    frame = read_predictions(tmp_path / "p.jsonl")
    lines = repr(frame).splitlines()
    assert lines[0].split() == ["question", "answers", "prediction", "loss", "hit"]
    assert max(map(len, lines[:-1])) <= 80
    assert "mirror, pool, mirror" in lines[1]
    assert lines[2].split()[1].startswith("\\x1b[2Jlong")
    assert lines[-1].startswith("[2 rows x 12 columns; not shown: question_id, image_id, probability, top, score")
    assert "&lt;b&gt;" in frame._repr_html_()
    assert "<b>" not in frame._repr_html_()


def test_a_selection_of_a_table_prints_alike_and_other_columns_as_pandas_does(tmp_path: Path) -> None:
    write_predictions(table(), tmp_path / "p.csv")
    frame = read_predictions(tmp_path / "p.csv")
    assert repr(frame[frame["hit"] == 1]).split()[:5] == ["question", "answers", "prediction", "loss", "hit"]
    assert repr(frame[["loss", "hit"]]) == repr(pd.DataFrame(frame)[["loss", "hit"]])
    assert "<td>" in frame[["loss"]]._repr_html_()


def test_further_columns_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_predictions(table().assign(margin=0.5), path)
    assert read_predictions(path).columns.tolist() == list(COLUMNS)


# The readers let no NUL character in.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(FORMATS),
    rows=st.lists(st.tuples(texts, texts, st.floats(0, 1), st.floats(-1e6, 1e6)), min_size=1, max_size=5),
)
def test_any_text_and_number_comes_back(tmp_path: Path, suffix: str, rows: list[tuple[str, str, float, float]]) -> None:
    frame = pd.DataFrame(
        [
            (f"q{n}", a, b, (a, b), b, p, ((b, p), (a, p / 2)), loss, n % 2, p, a, b)
            for n, (a, b, p, loss) in enumerate(rows)
        ],
        columns=list(COLUMNS),
    )
    path = tmp_path / f"p.{suffix}"
    write_predictions(frame, path)
    pd.testing.assert_frame_equal(read_predictions(path), frame, check_exact=True)


def test_csv_is_what_a_person_expects(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_predictions(table(), path)
    header, first = path.read_text().split("\n")[:2]
    assert header.replace('"', "") == ",".join(COLUMNS)
    assert first == (
        '"001","5","what is it?","[""mirror"", ""pool"", ""mirror""]","pool",0.30000000000000004,'
        '"[[""pool"", 0.30000000000000004], [""shelf"", 1e-300]]",1.0986122886681098,1,0.2222222222222222,"other",""'
    )


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-1", "\uff1d1"]


def test_no_cell_of_a_csv_file_is_a_formula_and_every_text_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    texts = [*FORMULAS, "'yes'", "'", "o'clock", "1-1"]
    rows = [
        (f"-{n}", text, text, (text,), text, 0.5, ((text, 0.5),), 1.0, 0, 0.5, text, text)
        for n, text in enumerate(texts)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    write_predictions(frame, path)
    pd.testing.assert_frame_equal(read_predictions(path), frame)
    with open(path, encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))] == []
    # Everything else is as it was.
    assert {"'yes'", "'", "o'clock", "1-1"} <= set(cells)


def test_json_lines_hold_lists_and_null(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_predictions(table(), path)
    second = json.loads(path.read_text().splitlines()[1])
    assert second["answers"] == ["NA"]
    assert second["top"] == [["None", 0.99999999999999989]]
    assert second["loss"] is None


def test_half_a_surrogate_pair_does_not_stop_an_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_predictions(table(question=["what \ud83d is it", "b"]), path)
    assert read_predictions(path)["question"][0] == "what \ufffd is it"


def test_a_file_saved_by_a_spreadsheet_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_predictions(table(), path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert list(read_predictions(path)["question_id"]) == ["001", "2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability": [0.5, 1.5]}, "row 2 (question '2'): expected probability to be a number from 0 to 1, or em"),
        ({"hit": [1, 2]}, "row 2 (question '2'): expected hit to be 0 or 1, got 2"),
        ({"answers": [("a",), ()]}, "row 2 (question '2'): expected answers to be a JSON list of one or more texts"),
        ({"answers": ['"dog"', ("a",)]}, "row 1 (question '001'): expected answers to be a JSON list of one or more"),
        (
            {"loss": pd.Series([10**400, 0.0], dtype=object)},
            "row 1 (question '001'): expected loss to be a number, or empty, got 1000",
        ),
        ({"answers": [(1,), ("a",)]}, "row 1 (question '001'): expected answers to be a JSON list of one or more"),
        ({"top": [(("a", 0.1), ("b", 0.2)), ()]}, "row 1 (question '001'): expected top to be a JSON list of [answer"),
        ({"loss": [math.inf, 0.0]}, "row 1 (question '001'): expected loss to be a number, or empty, got inf"),
        ({"prediction": [None, "a"]}, "row 1 (question '001'): expected prediction to be text, got None"),
        ({"question_id": ["7", "7"]}, "question '7' occurs twice; one row is one question"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(tmp_path: Path, changes: dict[str, list[object]], message: str) -> None:
    with pytest.raises(DataError) as raised:
        write_predictions(table(**changes), tmp_path / "p.csv")
    assert f"the predictions: {message}" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "expected a predictions table as csv, got: No columns to parse from file"),
        ("p.csv", b"question_id,imageid\n1,2\n", "has no column 'image_id'; did you mean 'imageid'?"),
        ("p.csv", ",".join(COLUMNS).encode(), "the predictions table has no rows"),
        ("p.csv", b"a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("p.csv", b"\xff\xfe\x00", "expected a predictions table as csv, got:"),
        ("p.jsonl", b'{"a": 1}\n{"a": \n', "got: line 2: Expecting value"),
        ("p.jsonl", b"[1]\n", "got: line 1: not a JSON object"),
        ("p.parquet", b"question_id\n1\n", "expected a predictions table as parquet, got:"),
        ("p.parquet", b"PAR1" + b"\0" * 60 + b"PAR1", "expected a predictions table as parquet, got:"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        read_predictions(path)
    assert str(path) in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_short_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(",".join(COLUMNS) + "\n1,2\n")
    with pytest.raises(DataError, match=r"row 1 \(question '1'\): expected answers to be a JSON list"):
        read_predictions(path)


@pytest.mark.parametrize("name", ["p.txt", "p", "p.cvs"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a predictions file ending in \.csv, \.jsonl or \.parquet"):
        read_predictions(tmp_path / name)


def test_provenance_stays_with_its_table(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    provenance = {"run": "runs/x", "split": "test", "seed": 1}
    write_predictions(table(), path, provenance)
    assert read_provenance(path) == provenance
    path.write_text(path.read_text().replace("pool", "poll"))
    with pytest.raises(DataError, match="is not about"):
        read_provenance(path)
    write_predictions(table(), path)
    assert read_provenance(path) == {}
    assert not provenance_path(path).exists()
