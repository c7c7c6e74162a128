"""``vqa inspect``: filters, formats, exit codes and what goes to which stream."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli
from vqa.evaluation.prediction_files import read_predictions, write_predictions


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A predictions file of four questions; q1 and q4 are hits."""
    frame = pd.DataFrame(
        {
            "question_id": ["q1", "q2", "q3", "q4"],
            "image_id": ["a", "a", "b", "b"],
            "question": ["what color is it?", "what [red]shape[/red]?", "is it \x1b[2Jblue?", "is it red?"],
            "answers": [("blue", "navy", "blue"), ("round", "circle"), ("yes",), ("no",)],
            "prediction": ["blue", "square", "no", "no"],
            "probability": [0.75, 0.5, 0.875, 0.9999999],
            "top": [(("blue", 0.75), ("red", 0.25)), (("square", 0.5), ("circle", 0.375)), (("no", 0.875),),
                    (("no", 0.9999999),)],
            "loss": [0.3, 1.5, 2.5, 1e-7],
            "hit": [1, 0, 0, 1],
            "score": [2 / 9, 0.0, float("nan"), float("nan")],
            "answer_type": ["color", "shape", "yes/no", "yes/no"],
            "question_type": "",
        }
    )  # fmt: skip
    path = tmp_path / "table.csv"
    write_predictions(frame, path)
    return path


def inspect(*arguments: object, width: str | None = None) -> Result:
    return CliRunner(env={"COLUMNS": width}).invoke(cli, ["inspect", *map(str, arguments)])


def test_text_shows_everything_of_a_question_on_one_line(table: Path) -> None:
    result = inspect(table)
    assert result.exit_code == 0
    first, header, *rows = (" ".join(line.split()) for line in result.stdout.splitlines())
    assert first == "4 questions about 2 images, 2 hits, any-of accuracy 0.5000"
    assert header == "id image question human answers prediction prob. margin loss top answers"
    assert rows[0] == ("q1 a what color is it? blue ×2, navy blue hit 0.7500 +0.5000 0.3000 blue 0.7500, red 0.2500")
    assert rows[1] == (
        "q2 a what [red]shape[/red]? round, circle square miss 0.5000 -0.1250 1.5000 square 0.5000, circle 0.3750"
    )
    assert len(rows) == 4


def test_a_probability_below_one_is_not_shown_as_one(table: Path) -> None:
    result = inspect(table, "--id", "q4")
    assert "0.9999" in result.stdout
    assert "1.0000" not in result.stdout


def test_control_characters_are_written_out_and_there_is_no_colour_off_a_terminal(table: Path) -> None:
    result = inspect(table)
    assert "\x1b" not in result.stdout
    assert "is it \\x1b[2Jblue?" in result.stdout


@pytest.mark.parametrize("width", [40, 60, 80, 120, 160])
@pytest.mark.parametrize("options", [(), ("--id", "q2")])
def test_every_width_shows_everything_of_a_question(table: Path, width: int, options: tuple[str, ...]) -> None:
    result = inspect(table, *options, width=str(width))
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(result.stdout.replace("│", " ").split())
    for word in ("what [red]shape[/red]?", "round, circle", "square", "miss", "-0.1250", "1.5000", "0.5000", "0.3750"):
        assert word in text
    assert re.search(r"image (a|.*q2 a )", text)
    # Words are broken only where they are longer than a line.
    assert "circle 0.3750" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--wrong"], ["q2", "q3"]),
        (["--right"], ["q1", "q4"]),
        (["--id", "q3", "--id", "q1"], ["q1", "q3"]),
        (["--top-losses", "2"], ["q3", "q2"]),
        (["--wrong", "--type", "shape"], ["q2"]),
        (["--contains", "IT"], ["q1", "q3", "q4"]),
        (["--image", "b"], ["q3", "q4"]),
        (["--limit", "1"], ["q1"]),
        (["--limit", "0"], ["q1", "q2", "q3", "q4"]),
    ],
)
def test_filters_select_the_same_questions_in_every_format(
    table: Path, tmp_path: Path, options: list[str], expected: list[str]
) -> None:
    rows = list(csv.DictReader(io.StringIO(inspect(table, *options, "--format", "csv").stdout)))
    assert [row["question_id"] for row in rows] == expected
    lines = inspect(table, *options, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["question_id"] for line in lines] == expected
    assert inspect(table, *options, "--output", tmp_path / "o.parquet").exit_code == 0
    assert list(read_predictions(tmp_path / "o.parquet")["question_id"]) == expected


def test_data_formats_add_the_margin_and_keep_full_precision(table: Path) -> None:
    row = json.loads(inspect(table, "--id", "q4", "--format", "jsonl").stdout)
    assert row["probability"] == 0.9999999
    assert row["score"] is None
    row = json.loads(inspect(table, "--id", "q2", "--format", "jsonl").stdout)
    assert row["margin"] == -0.125


def test_what_inspect_writes_can_be_inspected(table: Path, tmp_path: Path) -> None:
    assert inspect(table, "--wrong", "-o", tmp_path / "wrong.csv").stdout == ""
    assert "2 questions about 2 images, 0 hits" in inspect(tmp_path / "wrong.csv").stdout


def test_a_long_list_is_cut_and_says_so(table: Path, tmp_path: Path) -> None:
    many = pd.concat([read_predictions(table)] * 10, ignore_index=True)
    many["question_id"] = [f"n{number}" for number in range(40)]
    write_predictions(many, tmp_path / "many.csv")
    lines = inspect(tmp_path / "many.csv").stdout.splitlines()
    assert lines[-1] == "40 questions selected, the first 20 shown; --limit 0 shows all"
    assert len(lines) == 23
    assert len(inspect(tmp_path / "many.csv", "--format", "csv").stdout.splitlines()) == 41


def test_a_filter_that_leaves_nothing_says_so(table: Path) -> None:
    result = inspect(table, "--contains", "zebra")
    assert result.exit_code == 0
    assert result.stderr == f"{table}: no question passes all the filters\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{table}", "--id", "q9"], 1, "Error: no question has the id 'q9'; did you mean 'q4' or 'q3' or 'q2'?\n"),
        (["{table}", "--type", "colour"], 1, "Error: no question has the type 'colour'; did you mean 'color'?\n"),
        (["{table}", "--format", "parquet"], 2, "--format parquet needs a file: --output FILE.parquet\n"),
        (["{table}", "--top-losses", "0"], 2, "Invalid value for '--top-losses'"),
        (["absent.csv"], 1, "Error: absent.csv: No such file or directory\n"),
        (["absent.txt"], 1, "expected a predictions file ending in .csv, .jsonl or .parquet"),
        (["{folder}"], 1, "holds no run.json"),
    ],
)
def test_errors_are_one_line_with_the_right_exit_code(
    table: Path, arguments: list[str], code: int, message: str
) -> None:
    result = inspect(*(text.format(table=table, folder=table.parent) for text in arguments))
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    if code == 1:
        assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_what_the_page_leaves_out_is_printed(table: Path, tmp_path: Path) -> None:
    result = inspect(table, "--html", tmp_path / "page.html")
    assert "left out: images, blind baselines" in result.stderr
    assert "the file does not name its data set; name it with --card CARD" in result.stderr


def test_html_alone_prints_nothing_else(table: Path, tmp_path: Path) -> None:
    result = inspect(table, "--wrong", "--html", tmp_path / "page.html")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith(f"{tmp_path / 'page.html'}: 2 questions, ")
    assert "what [red]shape[/red]?" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_of_too_many_questions_is_refused(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.inspection.gallery.MOST_QUESTIONS", 3)
    result = inspect(table, "--html", tmp_path / "page.html")
    assert result.exit_code == 1
    assert "a page holds at most 3 questions, got 4; choose some with --wrong" in result.stderr
    result = inspect(table, "--html", tmp_path / "page.html", "--limit", "3")
    assert result.stderr.startswith(f"{tmp_path / 'page.html'}: 3 questions, ")


def test_predictions_of_other_data_than_the_card_holds_are_refused(table: Path, tmp_path: Path, project: Path) -> None:
    path = tmp_path / "other.csv"
    provenance = {"card": str(project / "data" / "forum.toml"), "split": "train", "data_hash": "0" * 64}
    write_predictions(read_predictions(table), path, provenance)
    result = inspect(path, "--html", tmp_path / "page.html")
    assert result.exit_code == 1
    assert "was made from other questions than split 'train' of" in result.stderr


def test_no_error_steers_the_terminal(table: Path, tmp_path: Path) -> None:
    result = inspect(table, "--id", "q\x1b[2J\u202e")
    assert result.exit_code == 1
    assert "\\x1b[2J\\u202e" in result.stderr
    assert not {"\x1b", "\u202e"} & set(result.stderr)
    result = inspect(tmp_path / "\x1b[2J.csv")
    assert "\\x1b[2J.csv: No such file or directory" in result.stderr
    assert "\x1b" not in result.stderr
