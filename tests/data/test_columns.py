"""Files in other layouts, read by their cards alone: columns, CSV dialects, JSON, JSON lines, multiple choice."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError, DataError


def read(
    folder: Path,
    content: str | bytes,
    card: str = "",
    *,
    data_format: str = "csv",
    file: str = "data.txt",
    split: str = "",
) -> QuestionTable:
    """Write a file and a card over it and read the split "train", with every bad line accepted."""
    (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "card.toml").write_text(
        f'name = "test"\nformat = "{data_format}"\n[splits.train]\nfile = "{file}"\n{split}\n{card}\n', encoding="utf-8"
    )
    return read_split(load_card(folder / "card.toml"), "train", max_bad=1)


# --- columns


def test_columns_by_the_names_of_the_file(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "img,Q,a1,a2,kind\ncat.png,what is it,cat,a cat,animal\n,who,me,,\n",
        '[columns]\nquestion = "Q"\nanswers = ["a1", "a2"]\nimage_id = "img"\nquestion_type = "kind"',
    )
    assert list(table.question) == ["what is it", "who"]
    assert list(table.answers) == [("cat", "a cat"), ("me",)]
    assert list(table.image_id) == ["cat.png", ""]
    assert list(table.question_type) == ["animal", ""]
    assert list(table.question_id) == ["train-2", "train-3"]


def test_columns_that_the_card_does_not_name_have_their_usual_names(tmp_path: Path) -> None:
    table = read(tmp_path, "question_id,question,reply,other\n7,what,cat,x\n", '[columns]\nanswers = "reply"')
    assert (table.question_id[0], table.question[0], table.answers[0]) == ("7", "what", ("cat",))


def test_columns_by_position_in_a_file_without_a_header(tmp_path: Path) -> None:
    card = "[columns]\nimage_id = 1\nquestion = 3\nanswers = [4, 5]"
    table = read(tmp_path, "cat.png,x,question,cat,kitten\ndog.png,x,who,dog,\nshort,x\n", card)
    assert list(table.question) == ["question", "who"]
    assert list(table.answers) == [("cat", "kitten"), ("dog",)]
    assert list(table.image_id) == ["cat.png", "dog.png"]
    assert [str(bad).split(":", 1)[1] for bad in table.bad_lines] == ["3: expected 5 fields as in the header, got 2"]


def test_answers_in_one_cell_become_a_set_on_request(tmp_path: Path) -> None:
    content = 'question,answer\nwhat is there,"book, scissor, ,papers"\nwhat else,book\n'
    whole = read(tmp_path, content, '[columns]\nanswers = "answer"')
    assert list(whole.answers) == [("book, scissor, ,papers",), ("book",)]
    split = read(tmp_path, content, '[columns]\nanswers = "answer"\nanswer_separator = ","')
    assert list(split.answers) == [("book", "scissor", "papers"), ("book",)]


def test_a_split_takes_the_rows_that_its_card_selects(tmp_path: Path) -> None:
    content = "question,answer_1,part,fold\na,b,train,1\nc,d,test,1\ne,f,dev,2\nbad,,test,1\n"
    both = 'where = { part = ["train", "dev"], fold = 2 }'
    assert list(read(tmp_path, content, split=both).question) == ["e"]
    mapped = read(tmp_path, content, '[columns]\nanswers = "answer_1"', split='where = { part = "train" }')
    assert (list(mapped.question), mapped.bad_lines) == (["a"], ())


@pytest.mark.parametrize(
    ("split", "card", "message"),
    [
        (
            'where = { part = "val" }',
            "",
            "no record with part = val, which where of the card asks for; found part = train",
        ),
        ('where = { prt = "a" }', "", "unknown column 'part'"),
        ('where = { prt = "a" }', '[columns]\nquestion = "question"', "no column 'prt', which where in .*'part'"),
        ("", '[columns]\nquestion = "q"', r"data\.txt:1: no column 'q', which \[columns\] of the card names"),
        ("", '[columns]\nimage_id = "part"\nanswers = "text"', "no column 'text'"),
    ],
)
def test_columns_that_the_file_lacks(tmp_path: Path, split: str, card: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, "question,answer_1,part\na,b,train\nc,d,train\n", card, split=split)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("[columns]\nquestoin = 1", r"\[columns\]: unknown key 'questoin'; did you mean 'question'\?"),
        ("[columns]\nquestion = true", "question must be a text that is not empty, got True"),
        ("[columns]\nanswers = []", "answers must name at least one column"),
        ('[columns]\nquestion = 1\nanswers = "a"', "name all columns by their header, or all by their position"),
        ('[columns]\nanswer_separator = ""', "answer_separator must be a text that is not empty"),
        ('[columns]\ncorrect_option = "a"', "correct_option needs the key options"),
        ('[columns]\noptions = "o"\nanswers = "a"\ncorrect_option = "c"', "answers or correct_option, not in both"),
        ('[columns]\noptions = "o"\ncorrect_option = "c"\nfirst_option = 2', "first_option must be 0 or 1, got 2"),
        ("[columns]\nfirst_option = 1", "first_option needs the key correct_option"),
        ("[[columns]]\nquestion = 1", "columns must be a table"),
        ('[csv]\nseparator = ""', r"\[csv\]: separator must be one character, got ''"),
        ('[csv]\nseparator = "; "', "separator must be one character, got '; '"),
        ('[csv]\nencoding = "latin-99"', "unknown encoding 'latin-99'"),
        ('[csv]\nencoding = "hex"', "unknown encoding 'hex'"),
        ('[csv]\ndelimiter = ";"', "unknown key 'delimiter'"),
    ],
)
def test_wrong_keys_of_the_card(tmp_path: Path, card: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, "q,a\n", card)


@pytest.mark.parametrize(
    ("data_format", "card", "message"),
    [
        ("zjb", "[columns]\nquestion = 1", r"\[columns\] is for the formats csv, json, jsonl, not zjb"),
        ("json", '[csv]\nseparator = ";"', r"\[csv\] is for the format csv, not json"),
    ],
)
def test_sections_of_other_formats(tmp_path: Path, data_format: str, card: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, "[]", card, data_format=data_format)


# --- dialects of CSV


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    header = ["question", "answer_1", "answer_2"]
    rows = [header, ["what, or who; is | it", "cat", "dog"], ["who", "me", ""]]
    content = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    table = read(tmp_path, content)
    assert list(table.question) == ["what, or who; is | it", "who"]
    assert list(table.answers) == [("cat", "dog"), ("me",)]
    mapped = read(tmp_path, content.replace("question", "Q"), '[columns]\nquestion = "Q"')
    assert list(mapped.question) == list(table.question)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_the_founding_form_with_another_separator(tmp_path: Path, separator: str) -> None:
    content = "\n".join(f"is it{number}{separator}yes{separator}no{separator}" for number in range(3))
    assert list(read(tmp_path, content).answers) == [("yes", "no")] * 3


def test_a_named_separator_wins(tmp_path: Path) -> None:
    table = read(tmp_path, "question:answer_1\nis it, or not:yes\n", '[csv]\nseparator = ":"')
    assert (table.question[0], table.answers[0]) == ("is it, or not", ("yes",))


def test_other_quotes_escapes_and_no_quotes(tmp_path: Path) -> None:
    single = read(tmp_path, "question,answer_1\n'is it, now','it''s'\n", '[csv]\nquote = "\'"')
    assert (single.question[0], single.answers[0]) == ("is it, now", ("it's",))
    escaped = read(tmp_path, 'question,answer_1\n"say \\"a, b\\"",c\n', "[csv]\nescape = '\\'")
    assert escaped.question[0] == 'say "a, b"'
    bare = read(tmp_path, 'question\tanswer_1\n5" or 6" wide\t6"\n', '[csv]\nquote = ""')
    assert (bare.question[0], bare.answers[0]) == ('5" or 6" wide', ('6"',))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8"])
def test_a_named_encoding(tmp_path: Path, encoding: str) -> None:
    content = "question;answer_1\nwas ist das;Möbel\n".encode(encoding)
    assert read(tmp_path, content, f'[csv]\nencoding = "{encoding}"').answers[0] == ("Möbel",)


def test_a_wrong_encoding(tmp_path: Path) -> None:
    content = "question,answer_1\nis it,a\nwas ist das,Möbel\n".encode("cp1252")
    (bad,) = read(tmp_path, content).bad_lines
    assert bad.line == 3
    assert bad.reason.endswith('name its encoding in the card: [csv] encoding = "cp1252"')
    with pytest.raises(DataError, match="not in the encoding ascii that"):
        read(tmp_path, content, '[csv]\nencoding = "ascii"')


def test_a_gzipped_file(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"is it,yes,\n"), file="data.csv.gz").answers[0] == ("yes",)


def test_a_file_of_which_every_line_is_bad_says_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, "question,answer_1\n" + "what is it\n" * 9)
    message = str(caught.value)
    assert "expected at least one question, got none (9 bad lines; the first:" in message
    assert "data.txt:2: expected 2 fields as in the header, got 1; " in message
    assert "data.txt:4: expected 2 fields" in message
    assert "data.txt:5" not in message


# --- JSON


RECORDS = [
    {"question": "what is it", "answers": ["cat", "a cat"], "image_id": 7, "extra": {"x": 1}},
    {"question": "how many", "answers": 2, "image_id": "cat.png", "question_id": 12},
    {"question": "is it", "answers": [{"answer": "yes", "answer_confidence": "maybe"}, {"answer": "no"}]},
    {"question": "is it so", "answers": True, "image_id": None},
]


def check_records(table: QuestionTable) -> None:
    assert list(table.question) == ["what is it", "how many", "is it", "is it so"]
    assert list(table.answers) == [("cat", "a cat"), ("2",), ("yes", "no"), ("true",)]
    assert list(table.image_id) == ["7", "cat.png", "", ""]


def without_ids(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "question_id"} for record in records]


def test_a_json_list_under_a_key_or_alone_plain_or_gzipped(tmp_path: Path) -> None:
    records = without_ids(RECORDS)
    for content in (records, {"info": "x", "licenses": [], "data": records}):
        text = json.dumps(content, indent=1).encode()
        for packed in (text, b"\xef\xbb\xbf" + text, gzip.compress(text)):
            table = read(tmp_path, packed, data_format="json")
            check_records(table)
            assert list(table.question_id) == ["train-1", "train-2", "train-3", "train-4"]


def test_json_records_by_question_id(tmp_path: Path) -> None:
    content = {str(900 + number): record for number, record in enumerate(without_ids(RECORDS))}
    table = read(tmp_path, json.dumps(content), data_format="json")
    check_records(table)
    assert list(table.question_id) == ["900", "901", "902", "903"]


def test_json_lines(tmp_path: Path) -> None:
    lines = [json.dumps(record) for record in without_ids(RECORDS)]
    lines[1:1] = ["", "{broken", "[1]", '"text"']
    table = read(tmp_path, "\n".join(lines), data_format="jsonl")
    check_records(table)
    assert [bad.line for bad in table.bad_lines] == [3, 4, 5]
    assert [bad.reason for bad in table.bad_lines][1:] == [
        "expected an object, got a list",
        "expected an object, got a string",
    ]
    assert table.bad_lines[0].reason.startswith("expected JSON, Expecting property name")


def test_bad_json_records_are_set_aside_with_their_number(tmp_path: Path) -> None:
    records = [
        {"question_id": 1, "question": "ok", "answers": "a"},
        {"question_id": 2, "question": ["no text"], "answers": "a"},
        {"question_id": 3, "question": "none"},
        {"question_id": 1, "question": "again", "answers": "a"},
        {"question_id": "", "question": "no id", "answers": "a"},
        "text",
    ]
    table = read(tmp_path, json.dumps(records), data_format="json")
    assert list(table.question_id) == ["1"]
    assert [(bad.line, bad.reason) for bad in table.bad_lines] == [
        (2, "question: expected a text or a number, got a list"),
        (3, "the question has no answer"),
        (4, "question id '1' is already on line 1; a question and all its answers belong on one line"),
        (5, "question_id is empty"),
        (6, "expected an object, got a string"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON"),
        ("3", "expected a list of records, got an integer"),
        ('{"a": 1}', "an object with 0 such lists among its keys a"),
        ('{"a": [{}], "b": [{}]}', "an object with 2 such lists among its keys a, b"),
        ("[]", "expected at least one question, got none"),
        ('[{"q": "what"}]', "no column 'question', only q; name it with question in"),
        ('[{"question": "what", "reply": "a"}]', "no column of answers, only question, reply"),
    ],
)
def test_json_files_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content, data_format="json")


def test_image_names_are_made_of_ids(tmp_path: Path) -> None:
    card = 'image_name = "COCO_{image_id:0>4}.jpg"'
    assert (
        read(tmp_path, json.dumps(without_ids(RECORDS)), split=card, data_format="json").image_id[0] == "COCO_0007.jpg"
    )
    content = "image_id,question,answer_1\n12,what,cat\n"
    assert read(tmp_path, content, split=card).image_id[0] == "COCO_0012.jpg"


# --- multiple choice


def test_multiple_choice_with_the_right_text(tmp_path: Path) -> None:
    content = "question,answer_1,A,B,C\nwhat,cat,cat,dog,\nwho,Dog.,cat,dog,bird\nwhy,cow,cat,dog,bird\n"
    table = read(tmp_path, content, '[columns]\nanswers = "answer_1"\noptions = ["A", "B", "C"]')
    assert list(table.options) == [("cat", "dog"), ("cat", "dog", "bird")]
    assert list(table.answers) == [("cat",), ("Dog.",)]
    assert [bad.reason for bad in table.bad_lines] == ["no answer (cow) is among the options (cat, dog, bird)"]


@pytest.mark.parametrize(("first", "right"), [(0, "dog"), (1, "cat")])
def test_multiple_choice_by_number(tmp_path: Path, first: int, right: str) -> None:
    card = f'[columns]\noptions = ["A", "B"]\ncorrect_option = "label"\nfirst_option = {first}'
    assert read(tmp_path, "question\tA\tB\tlabel\nwhat\tcat\tdog\t1\n", card).answers[0] == (right,)


def test_multiple_choice_by_letter_in_json(tmp_path: Path) -> None:
    records = [
        {"question": "what", "choices": ["cat", "dog"], "label": "B"},
        {"question": "who", "choices": ["cat", "dog"], "label": "C"},
        {"question": "why", "choices": "cat/dog", "label": "a"},
    ]
    card = '[columns]\noptions = "choices"\ncorrect_option = "label"\noption_separator = "/"'
    table = read(tmp_path, json.dumps(records), card, data_format="json")
    assert list(table.answers) == [("dog",), ("cat",)]
    assert list(table.options) == [("cat", "dog")] * 2
    assert [bad.reason for bad in table.bad_lines] == ["label is 'C', expected the letter or number of one of 2"]


def test_numbered_options_must_say_where_they_begin(tmp_path: Path) -> None:
    card = '[columns]\noptions = ["A", "B"]\ncorrect_option = "label"'
    with pytest.raises(ConfigError, match=r"label numbers the options .* first_option = 0 or first_option = 1"):
        read(tmp_path, "question,A,B,label\nwhat,cat,dog,1\n", card)


def test_options_follow_the_rows_and_the_rule_and_count_in_the_hash(tmp_path: Path) -> None:
    content = "question,answer_1,A,B\nwhat,Cat,The Cat,dog\nwho,x,,\n"
    table = read(tmp_path, content, '[columns]\nanswers = "answer_1"\noptions = ["A", "B"]')
    assert list(table.options) == [("The Cat", "dog"), ()]
    assert table.with_normalized_answers().options[0] == ("cat", "dog")
    assert list(table.take([1]).options) == [()]
    plain = read(tmp_path, content, '[columns]\nanswers = "answer_1"')
    assert list(plain.options) == [(), ()]
    assert plain.content_hash() != table.content_hash()
    assert plain.take([1]).content_hash() == table.take([1]).content_hash()
