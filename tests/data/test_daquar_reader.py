"""DAQUAR's files: pairs of lines, the image's id inside the question, answers that may be lists."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError

LINES = """what is on the desk in the image3 ?
book, scissor, tape_dispenser
how many chairs in the image116 close to the shelf in the image116 ?
2
"""


def read(folder: Path, content: str, extra: str = "") -> QuestionTable:
    (folder / "qa.txt").write_text(content)
    (folder / "card.toml").write_text(
        f'name = "d"\nformat = "daquar"\n{extra}\n[splits.train]\nfile = "qa.txt"\n', encoding="utf-8"
    )
    return read_split(load_card(folder / "card.toml"), "train", max_bad=1)


def test_the_image_is_taken_out_of_the_question(tmp_path: Path) -> None:
    table = read(tmp_path, LINES)
    assert list(table.question_id) == ["train-1", "train-3"]
    assert list(table.image_id) == ["image3", "image116"]
    assert list(table.question) == [
        "what is on the desk in the image ?",
        "how many chairs in the image close to the shelf in the image ?",
    ]
    assert list(table.answers) == [("book, scissor, tape_dispenser",), ("2",)]


def test_a_list_is_a_set_on_request(tmp_path: Path) -> None:
    table = read(tmp_path, LINES, "[daquar]\nanswer_sets = true")
    assert list(table.answers) == [("book", "scissor", "tape_dispenser"), ("2",)]


def test_single_word_answers_only_are_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "vqa"):
        table = read(tmp_path, LINES, "[daquar]\nsingle_word_answers = true")
    assert list(table.answers) == [("2",)]
    assert caplog.messages == [f"{tmp_path / 'qa.txt'}: left out 1 of 2 questions, whose answers have several words"]


def test_lines_out_of_step_are_set_aside(tmp_path: Path) -> None:
    content = (
        "stray\nwhat in the image1 ?\nwho in the image2 ?\nme\n\nwhat in image1 or image2 ?\nx\nlast in the image4 ?"
    )
    table = read(tmp_path, content)
    assert list(table.question_id) == ["train-3"]
    assert [(bad.line, bad.reason) for bad in table.bad_lines] == [
        (1, "expected a question that names its image, such as image3"),
        (2, "expected the answer on the next line, got another question"),
        (6, "the question names several images: image1, image2"),
        (8, "expected the answer on the next line, got the end of the file"),
    ]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("[daquar]\nsingle = true", "unknown key 'single'"),
        ('[daquar]\nanswer_sets = "yes"', "answer_sets must be true or false, got 'yes'"),
    ],
)
def test_wrong_keys(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, LINES, extra)


def test_the_published_files(tmp_path: Path, project: Path, shared_data: Path) -> None:
    if not (shared_data / "daquar").is_dir():
        pytest.skip(f"no DAQUAR in {shared_data}")
    (tmp_path / "daquar").symlink_to(shared_data / "daquar")
    text = (project / "data/daquar.toml").read_text()
    card = tmp_path / "daquar.toml"
    for single, counts in ((True, (6149, 5076, 1446)), (False, (6795, 5673, 1447))):
        card.write_text(text.replace("single_word_answers = true", f"single_word_answers = {str(single).lower()}"))
        train, test = (read_split(load_card(card), split, max_bad=0) for split in ("train", "test"))
        assert (len(train), len(test), len({*train.image_id, *test.image_id})) == counts
        assert not set(train.image_id) & set(test.image_id)
        assert any("," in answer for answers in train.answers for answer in answers) != single
