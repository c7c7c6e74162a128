from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqa.data.cards import DatasetCard, load_card
from vqa.data.readers import csv_questions, read_split
from vqa.errors import ConfigError, DataError

Write = Callable[..., DatasetCard]
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(card: DatasetCard, max_bad: float = 1.0):
    return read_split(card, "train", max_bad)


def test_the_founding_rows(project: Path) -> None:
    table = read_split(load_card(project / "data/forum.toml"), "train")
    assert list(table.question_id) == [f"train-{line}" for line in range(1, 6)]
    assert table.question[1] == "what is the color of the person's clothes in video"
    assert list(table.answers) == [
        ("mirror", "pool", "shelf"),
        ("blue", "dark blue", "black blue"),
        ("cleaning up", "wiping mirror", "washing cup"),
        ("indoor", "washroom", "residence"),
        ("standing", "standing", "standing"),
    ]
    assert list(table.image_id) == [""] * 5
    assert table.bad_lines == ()


def test_a_header_with_every_column(csv_card: Write) -> None:
    table = read(
        csv_card(
            "question_id,image_id,answer_2,question,answer_1,answer_type,question_type\n"
            "q7,cat.png,kitten, what is it? ,cat,other,what is\n"
            "q8,dog.png,,is it a dog?,yes,yes/no,is it\n"
        )
    )
    assert list(table.question_id) == ["q7", "q8"]
    assert list(table.image_id) == ["cat.png", "dog.png"]
    assert list(table.question) == ["what is it?", "is it a dog?"]
    assert list(table.answers) == [("cat", "kitten"), ("yes",)]
    assert list(table.answer_type) == ["other", "yes/no"]
    assert list(table.question_type) == ["what is", "is it"]


def test_answer_columns_are_ordered_by_their_number(csv_card: Write) -> None:
    names = ",".join(f"answer_{number}" for number in (10, 2, 1, 9))
    assert read(csv_card(f"question,{names}\nq,j,b,a,i\n")).answers[0] == ("a", "b", "i", "j")


def test_ids_are_optional_and_made_of_split_and_line(csv_card: Write) -> None:
    table = read(csv_card("question,answer_1\n\nwhat,a\n\nwhere,b\n"))
    assert list(table.question_id) == ["train-3", "train-5"]


@pytest.mark.parametrize("content", ["\ufeffquestion,answer_1\r\nwhat,a\r\n", "question,answer_1\rwhat,a\r"])
def test_byte_order_mark_and_line_ends(csv_card: Write, content: str) -> None:
    table = read(csv_card(content))
    assert (table.question[0], table.answers[0], table.question_id[0]) == ("what", ("a",), "train-2")


def test_quotes_commas_and_newlines_inside_fields(csv_card: Write) -> None:
    table = read(csv_card('question,answer_1\n"what, ""this""\nor that?", "a, b"\nnext,c\n'))
    assert list(table.question) == ['what, "this"\nor that?', "next"]
    assert list(table.answers) == [("a, b",), ("c",)]
    assert list(table.question_id) == ["train-2", "train-4"]  # the first question takes two lines


def test_unicode_line_separators_do_not_count_as_lines(csv_card: Write) -> None:
    table = read(csv_card("a\u2028b\x0cc,x\nd,y\n"))
    assert list(table.question_id) == ["train-1", "train-2"]


BAD = [
    ("question,answer_1\nok,a\n,b\n", 3, "the question is empty"),
    ("question,answer_1\nok,a\nwhat,\n", 3, "the question has no answer"),
    ("question,answer_1\nok,a\nwhat\n", 3, "expected 2 fields as in the header, got 1"),
    ("question,answer_1\nok,a\nwhat,b,c\n", 3, "expected 2 fields as in the header, got 3"),
    ("question_id,question,answer_1\n1,ok,a\n,b,b\n", 3, "question_id is empty"),
    ("question_id,question,answer_1\n1,ok,a\n1,b,b\n", 3, "question id '1' is already on line 2"),
    ("ok,a\nwhat\n", 2, "expected a question and its answers, got 1 fields"),
    ("ok,a\nwhat,a,,b,\n", 2, "field 3 is empty: a stray comma?"),
    ("ok,a\n,a,\n", 2, "field 1 is empty: a stray comma?"),
    ("ok,a\n,,,\n", 2, "expected a question and its answers, got 0 fields"),
    (b"ok,a\ncaf\xe9,b\n", 2, "not UTF-8: byte 0xe9; save the file as UTF-8"),
    ("ok,a\nwh\0at,b\n", 2, "contains a NUL byte"),
    ('ok,a\n"what"is,b\nlast,c\n', 2, "not CSV:"),
    ('ok,a\n"never closed,b\nlast,c\n', 2, "not CSV:"),
]


@pytest.mark.parametrize(("content", "line", "reason"), BAD)
def test_a_bad_line_is_set_aside_with_its_number(csv_card: Write, content: str, line: int, reason: str) -> None:
    card = csv_card(content)
    table = read(card)
    assert table.question[0] == "ok"
    assert [bad.line for bad in table.bad_lines] == [line]
    assert reason in table.bad_lines[0].reason
    assert table.bad_lines[0].file == str(card.splits["train"].file)
    if "last" in str(content):
        assert list(table.question) == ["ok", "last"]  # reading continues after a line that is not CSV


def test_line_numbers_after_a_quoted_newline_and_a_bad_line(csv_card: Write) -> None:
    table = read(csv_card('question,answer_1\n"two\nlines",a\n"open,b\nlast,c\nbad\n'))
    assert list(table.question_id) == ["train-2", "train-5"]
    assert [bad.line for bad in table.bad_lines] == [4, 6]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("question,answer\nq,a\n", "unknown column 'answer'; did you mean 'answer_1'?"),
        ("Question,answer_1\nq,a\n", "unknown column 'Question'; did you mean 'question'?"),
        ("questions_id,question,answer_1\nq,a\n", "unknown column 'questions_id'; did you mean 'question_id'?"),
        ("question,answer_0\nq,a\n", "unknown column 'answer_0'"),
        ("question,answer_1,answer_1\nq,a,b\n", "the column 'answer_1' occurs twice"),
        ("question,image_id\nq,a\n", "the header has no column 'answer_1'"),
        ("image_id,answer_1\nq,a\n", "the header has no column 'question'"),
    ],
)
def test_a_wrong_header_is_an_error_of_its_line(csv_card: Write, content: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(csv_card("\n" + content))
    assert f"questions.csv:2: {message}" in str(caught.value)


def test_more_bad_lines_than_allowed(csv_card: Write) -> None:
    rows = [f"q{number},a" for number in range(99)]
    assert len(read(csv_card("\n".join([*rows, "bad"])), max_bad=0.01)) == 99  # 1 of 100 is not more than 1 %
    with pytest.raises(DataError, match=r"1 of 99 lines cannot be read.*--max-bad 0.01.*questions.csv:99: expected"):
        read(csv_card("\n".join([*rows[:98], "bad"])), max_bad=0.01)


def test_zero_accepts_no_bad_line_and_one_accepts_all(csv_card: Write) -> None:
    card = csv_card("ok,a\nbad\n")
    with pytest.raises(DataError, match="1 of 2 lines"):
        read(card, max_bad=0)
    assert len(read(card, max_bad=1)) == 1
    with pytest.raises(ConfigError, match="fraction of bad lines in"):
        read(card, max_bad=1.5)


@pytest.mark.parametrize("content", ["", "\n\n", "question,answer_1\n", "bad\n"])
def test_an_empty_split(csv_card: Write, content: str) -> None:
    with pytest.raises(DataError, match="expected at least one question, got none"):
        read(csv_card(content))


def test_an_utf_16_file_is_an_error_that_says_so(csv_card: Write) -> None:
    with pytest.raises(DataError, match="UTF-8"):
        read(csv_card("question,answer_1\nwhat,a\n".encode("utf-16")), max_bad=0.01)


def test_an_unknown_split(csv_card: Write) -> None:
    with pytest.raises(ConfigError, match=r"no split 'tran'; did you mean 'train'\?"):
        read_split(csv_card("q,a\n"), "tran")


def test_images_need_the_column_image_id(csv_card: Write, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    images = '[images]\nkind = "pixels"\npath = "images"\n'
    for content in ("q,a\n", "question,answer_1\nq,a\n"):
        with pytest.raises(DataError, match=r"needs a (header with a )?column image_id"):
            read(csv_card(content, extra=images))
    table = read(csv_card("image_id,question,answer_1\n,q,a\nx,r,b\n", extra=images))
    assert [bad.reason for bad in table.bad_lines] == ["image_id is empty"]


def test_annotators_only_over_single_answers(csv_card: Write) -> None:
    assert len(read(csv_card("q,red\n", extra="annotators = 3")).answers[0]) == 3
    with pytest.raises(ConfigError, match="single-answer data only"):
        read(csv_card("q,red,blue\n", extra="annotators = 3"))


# Any text that is not blank at its ends; a lone carriage return inside a quoted field is a line end to csv as well.
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and not text.startswith("\ufeff")
)


@given(rows=st.lists(st.tuples(CELL, st.lists(CELL, min_size=1, max_size=4)), min_size=1, max_size=6))
@ANY
def test_what_the_csv_module_writes_is_read_back(csv_card: Write, rows: list[tuple[str, list[str]]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["question", *(f"answer_{number}" for number in range(1, 5))])
    for question, answers in rows:
        writer.writerow([question, *answers, *[""] * (4 - len(answers))])
    table = read(csv_card(text.getvalue()), max_bad=0)
    assert list(table.question) == [question for question, _ in rows]
    assert list(table.answers) == [tuple(answers) for _, answers in rows]


@given(good=st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
@ANY
def test_every_line_is_either_a_question_or_set_aside(csv_card: Write, good: list[bool]) -> None:
    table = read(csv_card("".join("what,a\n" if fine else "what\n" for fine in good)))
    assert list(table.question_id) == [f"train-{line}" for line, fine in enumerate(good, 1) if fine]
    assert [bad.line for bad in table.bad_lines] == [line for line, fine in enumerate(good, 1) if not fine]


class CountingLines(list):
    reads = 0

    def __getitem__(self, number):
        self.reads += 1
        return super().__getitem__(number)


def test_lines_that_all_open_a_quotation_are_not_each_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_questions, "MAX_RECORD_LINES", 10)
    lines = CountingLines(['a","\n'] * 2000)
    found = list(csv_questions.read_records(lines, {"strict": True}))
    assert found[0] == (1, "not CSV: a field of more than 10 lines: is a quotation mark missing?")
    assert [line for line, _ in found] == list(range(1, 2001))
    assert lines.reads <= 12 * len(lines)


def test_many_bad_lines_are_each_read_a_few_times() -> None:
    lines = CountingLines(['"a"b\n'] * 2000)
    assert len(list(csv_questions.read_records(lines, {"strict": True}))) == 2000
    assert lines.reads <= 3 * len(lines)


def test_a_field_of_many_lines(csv_card: Write) -> None:
    answer = "\n".join(["line"] * 900)
    table = read(csv_card(f'question,answer_1\nwhat,"{answer}"\nwho,he\n'))
    assert list(table.answers) == [(answer,), ("he",)]
