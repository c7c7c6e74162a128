"""Readers zjb, vqa-json and easy-vqa."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from vqa.data.cards import DatasetCard, load_card
from vqa.data.readers import easy_vqa, read_split
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.data.table import QuestionTable
from vqa.errors import DataError, InstallationError

# --- zjb


def zjb(folder: Path, content: str | bytes, max_bad: float = 1.0) -> QuestionTable:
    (folder / "train.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    card = folder / "card.toml"
    card.write_text('name = "z"\nformat = "zjb"\n[splits.train]\nfile = "train.txt"\n')
    return read_split(load_card(card), "train", max_bad)


def line(video: str, num_answers: int) -> str:
    cells = [[f"q{k}", *(f"a{k}{slot}" for slot in range(num_answers))] for k in range(1, 6)]
    return ",".join([video, *(cell for question in cells for cell in question)])


def test_zjb_lines_with_three_answers_and_with_one(tmp_path: Path) -> None:
    table = zjb(tmp_path, f"{line('V1', 3)}\n\n{line('V2', 1)},\n")
    assert len(table) == 10
    assert list(table.question_id[:2]) == ["train-V1-1", "train-V1-2"]
    assert set(table.image_id[:5]) == {"V1"}
    assert (table.question[4], table.answers[4]) == ("q5", ("a50", "a51", "a52"))
    assert (table.question_id[9], table.question[9], table.answers[9]) == ("train-V2-5", "q5", ("a50",))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line("V2", 3).rsplit(",", 1)[0], "got 20 fields"),
        (line("V2", 3) + ",more", "got 22 fields"),
        (line("V2", 0), "got 6 fields"),
        ("V2", "got 1 fields"),
        (line("V2", 3) + ",,", "field 22 is empty"),
        (line("V2", 3).replace("a21", " "), "field 8 is empty"),
        (line("", 3), "field 1 is empty"),
        (line("V1", 3), "question id 'train-V1-1' is already on line 1"),
        (line("V\udcff", 3), "not UTF-8"),
    ],
)
def test_a_bad_zjb_line_is_set_aside_whole(tmp_path: Path, bad: str, reason: str) -> None:
    content = f"{line('V1', 3)}\n{bad}\n{line('V3', 3)}\n".encode("utf-8", "surrogateescape")
    table = zjb(tmp_path, content)
    assert list(dict.fromkeys(table.image_id)) == ["V1", "V3"]
    assert [bad_line.line for bad_line in table.bad_lines] == [2]
    assert reason in table.bad_lines[0].reason


def test_the_real_zjb_file(shared_data: Path, tmp_path: Path) -> None:
    table = zjb(tmp_path, (shared_data / "zjb/train.txt").read_bytes(), max_bad=0)
    assert len(table) == 10
    assert table.answers[table.row_of("train-ZJL963-2")] == ("standing", "sitting", "sitting")
    assert table.question[table.row_of("train-ZJL2495-4")] == "where is the person in the video"


def test_the_real_zjb_predictions(shared_data: Path, tmp_path: Path) -> None:
    table = zjb(tmp_path, (shared_data / "zjb/predictions.txt").read_bytes(), max_bad=0)
    assert (len(table), table.num_slots) == (834 * 5, 1)


# --- vqa-json


def official(folder: Path, questions: Any, annotations: Any, extra: str = "") -> DatasetCard:
    (folder / "q.json").write_text(json.dumps({"questions": questions}))
    (folder / "a.json.gz").write_bytes(gzip.compress(json.dumps({"annotations": annotations}).encode()))
    card = folder / "card.toml"
    card.write_text(
        'name = "v"\nformat = "vqa-json"\n[splits.val]\nquestions = "q.json"\nannotations = "a.json.gz"\n' + extra
    )
    return load_card(card)


def question(number: int, **others: Any) -> dict[str, Any]:
    return {"question_id": number, "image_id": 40 + number, "question": f"what {number}?", **others}


def annotation(number: int, *answers: str) -> dict[str, Any]:
    records = [{"answer": answer, "answer_id": slot} for slot, answer in enumerate(answers, 1)]
    return {"question_id": number, "image_id": 40 + number, "answers": records, "answer_type": "other"}


def test_official_files(tmp_path: Path) -> None:
    card = official(tmp_path, [question(2), question(1)], [annotation(1, "a", "", "a"), annotation(2, "b", "c", "d")])
    table = read_split(card, "val")
    assert list(table.question_id) == ["1", "2"]
    assert list(table.image_id) == ["41", "42"]
    assert list(table.question) == ["what 1?", "what 2?"]
    assert list(table.answers) == [("a", "", "a"), ("b", "c", "d")]  # as written, the empty one too
    assert (table.answer_type[0], table.question_type[0]) == ("other", "")


def test_image_names_are_made_of_the_pattern(tmp_path: Path) -> None:
    pattern = 'image_name = "train2014/COCO_train2014_{image_id:0>12}.jpg"\n'
    table = read_split(official(tmp_path, [question(1)], [annotation(1, "a")], pattern), "val")
    assert list(table.image_id) == ["train2014/COCO_train2014_000000000041.jpg"]


def test_a_bad_record_is_set_aside_with_its_number(tmp_path: Path) -> None:
    card = official(
        tmp_path, [question(1), question(2), question(3, question=5)], [annotation(n, "a") for n in (1, 2, 3)]
    )
    table = read_split(card, "val", max_bad=0.5)
    assert list(table.question_id) == ["1", "2"]
    assert [(bad.file, bad.line) for bad in table.bad_lines] == [(str(tmp_path / "q.json"), 3)]
    with pytest.raises(DataError, match="1 of 3 lines cannot be read"):
        read_split(card, "val")


def test_the_60k_subset(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "vqa_v2_60k"
    text = 'name = "v"\nformat = "vqa-json"\n'
    for split in ("val", "test"):
        text += f'[splits.{split}]\nquestions = "{folder}/{split}_questions.json.gz"\n'
        text += f'annotations = "{folder}/{split}_annotations.json.gz"\n'
    (tmp_path / "card.toml").write_text(text)
    card = load_card(tmp_path / "card.toml")
    val, test = read_split(card, "val", 0), read_split(card, "test", 0)
    assert (len(val), len(test), val.num_slots) == (8977, 2962, 10)
    assert val.question[val.row_of("413918000")] == "What insurance company is a sponsor?"
    assert val.answers[val.row_of("413918000")] == ("state farm",) * 10
    assert set(val.answer_type) == {"yes/no", "number", "other"}


# --- easy-vqa


def test_easy_vqa_as_published(project: Path) -> None:
    card = load_card(project / "data/easy_vqa.toml")
    train, test = read_split(card, "train", 0), read_split(card, "test", 0)
    assert (len(train), len(set(train.image_id)), train.num_slots) == (38575, 4000, 1)
    assert (len(test), len(set(test.image_id)), test.num_slots) == (9673, 1000, 1)
    assert (train.question_id[0], train.image_id[0], train.question[0]) == (
        "train-0",
        "train/0",
        "what is the blue shape?",
    )
    assert train.answers[0] == ("rectangle",)
    assert not set(train.question_id) & set(test.question_id)
    assert not set(train.image_id) & set(test.image_id)
    assert len(set(train.answers)) == 13


def test_easy_vqa_is_found_without_importing_it() -> None:
    before = "easy_vqa" in sys.modules
    assert (easy_vqa.package_folder() / "train/images/0.png").is_file()
    assert ("easy_vqa" in sys.modules) == before


def test_easy_vqa_not_installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easy_vqa.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InstallationError, match=r"pip install easy-vqa==1\.0"):
        read_split(load_card(project / "data/easy_vqa.toml"), "train")


def test_easy_vqa_damaged(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/questions.json").write_text('[["what", "a", 0],')
    monkeypatch.setattr(easy_vqa, "package_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="damaged"):
        read_split(load_card(project / "data/easy_vqa.toml"), "train")


def test_a_nul_character_in_a_text_sets_the_record_aside() -> None:
    questions = QuestionCollector("questions.json")
    questions.add(1, [Question("1", "", "what\0is it", ("a",))])
    questions.add(2, [Question("2", "", "what is it", ("a\0",))])
    questions.add(3, [Question("3", "", "what is it", ("a",))])
    table = questions.table(max_bad=1.0)
    assert table.question_id.tolist() == ["3"]
    assert [(bad.line, bad.reason) for bad in table.bad_lines] == [
        (1, "a text contains a NUL character"),
        (2, "a text contains a NUL character"),
    ]
