"""Reader of CSV files: with a header, or in the founding form ``question,answer,answer,answer,``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Union

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.errors import DataError, did_you_mean

PLAIN_COLUMNS = ("question_id", "image_id", "question", "answer_type", "question_type")
ANSWER_COLUMN = re.compile(r"answer_([1-9]\d*)")
# A first record with one of these cells is a header, even if another cell is misspelt, and not a question.
HEADER_CELL = re.compile(r"(question|image|video)(_?id)?|answers?|answer_?\d+|(answer|question)_type", re.IGNORECASE)
UNDECODED = re.compile("[\udc80-\udcff]")

Record = tuple[int, Union[list[str], str]]


class Header(NamedTuple):
    """The columns of a CSV file: position by name, and the positions of the answers in their order."""

    names: list[str]
    position: dict[str, int]
    answers: list[int]


def read_csv(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split's CSV file; questions without an id get ``"<split>-<line>"``.

    Raises
    ------
    DataError
        The header has an unknown, repeated or missing column.
    """
    path = card.splits[split].file
    assert path is not None  # checked by load_card
    questions = QuestionCollector(source=str(path))
    header: Header | None = None
    first = True
    for line, record in read_records(path):
        if isinstance(record, str):
            questions.reject(line, record)
            continue
        if first:
            first = False
            header = _header(record, path, line) if any(map(HEADER_CELL.fullmatch, record)) else None
            _require_images(card, header, path)
            if header:
                continue
        parsed = _named_row(record, header, f"{split}-{line}") if header else _plain_row(record, f"{split}-{line}")
        if isinstance(parsed, Question) and card.images and not parsed.image_id:
            parsed = "image_id is empty"
        if isinstance(parsed, str):
            questions.reject(line, parsed)
        else:
            questions.add(line, [parsed])
    return questions


def read_records(path: Path) -> Iterator[Record]:
    """Yield (number of the first line, its stripped fields or the reason why it is bad).

    Blank lines are skipped. After a line that is not CSV, reading continues with the next line.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = list(file)
    start = 0
    while start < len(lines):
        # The reader asks for further lines where a quoted field continues past the end of a line.
        reader = csv.reader((lines[number] for number in range(start, len(lines))), skipinitialspace=True, strict=True)
        begin = start
        try:
            for fields in reader:
                record = _clean(fields)
                if record:
                    yield begin + 1, record
                begin = start + reader.line_num
            return
        except csv.Error as error:
            yield begin + 1, _encoding_fault(lines[begin]) or f"not CSV: {error}"
            start = begin + 1


def _clean(fields: Sequence[str]) -> list[str] | str:
    """Return the stripped fields, or why they cannot be used; an empty list for a blank line."""
    text = "".join(fields)
    fault = _encoding_fault(text)
    if fault:
        return fault
    if len(fields) < 2 and not text.strip():
        return []
    return [field.strip() for field in fields]


def _encoding_fault(text: str) -> str | None:
    undecoded = UNDECODED.search(text)
    if undecoded:
        return f"not UTF-8: byte 0x{ord(undecoded.group()) - 0xDC00:02x}; save the file as UTF-8"
    return "contains a NUL byte; save the file as UTF-8" if "\0" in text else None


def _header(names: list[str], path: Path, line: int) -> Header:
    """Check the names of the columns."""
    names = _without_trailing_blanks(names)
    position: dict[str, int] = {}
    for number, name in enumerate(names):
        if name not in PLAIN_COLUMNS and not ANSWER_COLUMN.fullmatch(name):
            hint = did_you_mean(name, [*PLAIN_COLUMNS, "answer_1"])
            raise DataError(f"{path}:{line}: unknown column {name!r}{hint}")
        if name in position:
            raise DataError(f"{path}:{line}: the column {name!r} occurs twice")
        position[name] = number
    answers = sorted((name for name in names if ANSWER_COLUMN.fullmatch(name)), key=lambda name: int(name[7:]))
    for needed, there in (("question", "question" in position), ("answer_1", answers)):
        if not there:
            raise DataError(f"{path}:{line}: the header has no column {needed!r}, only {', '.join(names)}")
    return Header(names, position, [position[name] for name in answers])


def _require_images(card: DatasetCard, header: Header | None, path: Path) -> None:
    if card.images and (header is None or "image_id" not in header.position):
        raise DataError(f"{path}: the card {card.path} has images, so the file needs a header with a column image_id")


def _without_trailing_blanks(fields: list[str]) -> list[str]:
    end = len(fields)
    while end and not fields[end - 1]:
        end -= 1
    return fields[:end]


def _named_row(fields: list[str], header: Header, default_id: str) -> Question | str:
    """Return the question of a row under a header, or why there is none."""
    if len(fields) < len(header.names) or any(fields[len(header.names) :]):
        return f"expected {len(header.names)} fields as in the header, got {len(fields)}"

    def cell(name: str, default: str = "") -> str:
        return fields[header.position[name]] if name in header.position else default

    if not cell("question_id", default_id):
        return "question_id is empty"
    return Question(
        cell("question_id", default_id),
        cell("image_id"),
        cell("question"),
        tuple(fields[position] for position in header.answers if fields[position]),
        cell("answer_type"),
        cell("question_type"),
    )


def _plain_row(fields: list[str], question_id: str) -> Question | str:
    """Return the question of a row ``question,answer,answer,answer,``, or why there is none."""
    fields = _without_trailing_blanks(fields)
    if "" in fields:
        return f"field {fields.index('') + 1} is empty: a stray comma?"
    if len(fields) < 2:
        return f"expected a question and its answers, got {len(fields)} fields"
    return Question(question_id, "", fields[0], tuple(fields[1:]))
