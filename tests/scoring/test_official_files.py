from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vqa.errors import DataError
from vqa.scoring.official_files import BadRecords, official_rows, read_majority_answers, read_official
from vqa.scoring.official_results import read_results

QUESTIONS = {"questions": [{"question_id": number, "image_id": 7, "question": f"q{number}?"} for number in (1, 2, 3)]}
ANNOTATIONS: dict[str, Any] = {
    "annotations": [
        {
            "question_id": number,
            "image_id": 7,
            "answer_type": "other",
            "question_type": "what",
            "multiple_choice_answer": "a",
            "answers": [{"answer": "a", "answer_id": 1}, {"answer": "B ", "answer_id": 2}],
        }
        for number in (2, 1, 3)
    ]
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "q.json", QUESTIONS), write(tmp_path / "a.json", ANNOTATIONS)


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def changed(place: int, **changes: Any) -> dict[str, Any]:
    records = json.loads(json.dumps(ANNOTATIONS))
    records["annotations"][place].update(changes)
    return records


def test_plain_lists_in_the_order_of_the_annotations(files: tuple[Path, Path]) -> None:
    read = read_official(*files)
    assert read.question_id == ["2", "1", "3"]
    assert read.image_id == ["7", "7", "7"]
    assert read.question == ["q2?", "q1?", "q3?"]
    assert read.answers == [("a", "B ")] * 3
    assert read.answer_type == ["other"] * 3
    assert read.question_type == ["what"] * 3
    assert read.with_answer_ids
    assert read.take([2, 0]).question == ["q3?", "q2?"]


def test_gzip_is_known_by_its_content(files: tuple[Path, Path], tmp_path: Path) -> None:
    packed = [tmp_path / "questions.json.gz", tmp_path / "annotations-without-suffix"]
    for plain, path in zip(files, packed):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_official(*packed) == read_official(*files)


def test_a_byte_order_mark_is_let_pass(files: tuple[Path, Path], tmp_path: Path) -> None:
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + files[0].read_bytes())
    assert read_official(marked, files[1]).question == ["q2?", "q1?", "q3?"]


def test_types_ids_and_images_may_be_absent(files: tuple[Path, Path], tmp_path: Path) -> None:
    records = [{"question_id": number, "answers": [{"answer": "a"}]} for number in ("1", "2", "3")]
    questions = {"questions": [{"question_id": number, "question": "q"} for number in (1, 2, 3)]}
    read = read_official(write(tmp_path / "q2.json", questions), write(tmp_path / "a2.json", {"annotations": records}))
    assert not read.with_answer_ids
    assert (read.image_id, read.answer_type, read.question_type) == ([""] * 3, [""] * 3, [""] * 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe{\x00}\x00", "expected UTF-8, byte 0 is not"),
        (b'{"questions": [}', r"q\.json:1: expected JSON, Expecting value at column 16"),
        (b"", "expected JSON"),
        (b"[1, 2]", 'expected an object with a list "questions" .* got a list'),
        (b'{"annotations": []}', r"got an object with keys \['annotations'\]"),
        (b'{"questions": {"a": 1}}', "got an object with keys"),
        (b'{"questions": []}', "must hold the same question ids|at least one question"),
        (b'{"questions": [3]}', "record 1 of 'questions': expected an object, got an integer"),
        (b'{"questions": [{"question": "q"}]}', 'the record has no "question_id"'),
        (b'{"questions": [{"question_id": true, "question": "q"}]}', "got true/false"),
        (b'{"questions": [{"question_id": 1.5, "question": "q"}]}', "got a number"),
        (b'{"questions": [{"question_id": 1}]}', 'question 1: the record has no "question"'),
        (b"[" * 100_000, "nested too deeply|expected JSON"),
    ],
)
def test_bad_question_files(content: bytes, message: str, files: tuple[Path, Path]) -> None:
    files[0].write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_official(*files)
    assert "\n" not in str(error.value)
    assert "q.json" in str(error.value)


def test_a_truncated_gzip_file(files: tuple[Path, Path]) -> None:
    packed = gzip.compress(files[0].read_bytes())
    for damaged in (packed[:-20], packed[:5], packed[:20] + b"\x00\x00" + packed[22:]):
        files[0].write_bytes(damaged)
        with pytest.raises(DataError, match=r"q\.json: the gzip file is truncated or damaged"):
            read_official(*files)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answers": []}, "question 1: answers: expected a list of length >= 1"),
        ({"answers": "yes"}, "question 1: answers: expected a list, got a string"),
        ({"answers": ["yes"]}, r"question 1: answers\[0\]: expected an object, got a string"),
        ({"answers": [{"answer": 2}]}, r"answers\[0\].answer: expected a string, got an integer"),
        ({"answers": [{"answer": None}]}, r"answers\[0\].answer: expected a string, got null"),
        ({"answers": [{"answer": "a"}, {"answer_id": 1}]}, r'answers\[1\] has no "answer"'),
        ({"answer_type": 5}, "answer_type: expected a string, got an integer"),
        ({"image_id": []}, "image_id: expected an integer or a string, got a list"),
    ],
)
def test_bad_annotations(changes: dict[str, Any], message: str, files: tuple[Path, Path]) -> None:
    write(files[1], changed(1, **changes))
    with pytest.raises(DataError, match=message) as error:
        read_official(*files)
    assert "a.json: record 2 of 'annotations': " in str(error.value)


def test_bad_records_can_be_set_aside(files: tuple[Path, Path]) -> None:
    records = changed(1, answers=[{"answer": 2}])
    records["annotations"].append(records["annotations"][0])
    write(files[1], records)
    bad: BadRecords = []
    assert [row[0] for row in official_rows(*files, bad_records=bad)] == ["2", "3"]
    assert [(Path(each.file).name, each.number, each.repeats_id) for each in bad] == [
        ("a.json", 2, False),
        ("a.json", 4, True),
    ]
    assert bad[1].reason == "question id '2' is already in record 1"
    # One bad record does not excuse two questions without an annotation.
    del records["annotations"][2:]
    write(files[1], records)
    with pytest.raises(DataError, match=r"without annotation 2 \(first: 1, 3\)"):
        list(official_rows(*files, bad_records=[]))


def test_other_ids_and_repeated_ids(files: tuple[Path, Path]) -> None:
    write(files[1], changed(1, question_id=9))
    with pytest.raises(DataError, match=r"without annotation 1 \(first: 1\), without question 1 \(first: 9\)"):
        read_official(*files)
    write(files[1], changed(1, question_id="2"))
    with pytest.raises(DataError, match=r"question ids must be unique, more than once occur 1 \(first: 2\)"):
        read_official(*files)


def test_results(tmp_path: Path) -> None:
    path = write(tmp_path / "r.json", [{"question_id": 1, "answer": "a"}, {"question_id": "2", "answer": ""}])
    assert read_results(path) == (["1", "2"], ["a", ""])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"1": "a"}, 'expected a list of {"question_id", "answer"}, got an object'),
        ("yes", "got a string"),
        ([["1", "a"]], "record 1: expected an object, got a list"),
        ([{"question_id": 1, "answer": 2}], "record 1: question 1: answer: expected a string, got an integer"),
        ([{"question_id": 1, "answer": ["a"]}], "answer: expected a string, got a list"),
        ([{"question_id": 1}], 'question 1: the record has no "answer"'),
        ([{"answer": "a"}], 'record 1: the record has no "question_id"'),
    ],
)
def test_bad_results(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_results(write(tmp_path / "r.json", content))


def test_published_majority_answers(files: tuple[Path, Path]) -> None:
    assert read_majority_answers(files[1]) == {"1": "a", "2": "a", "3": "a"}
    write(files[1], changed(0, multiple_choice_answer=None))
    assert read_majority_answers(files[1]) == {"1": "a", "3": "a"}
