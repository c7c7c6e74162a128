"""Reader of CSV files in any dialect: with a header, or in the founding form ``question,answer,answer,answer,``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

from vqa.data.cards import CsvDialect, DatasetCard
from vqa.data.columns import NAMES, NUMBERED_ANSWER, Columns
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.data.readers.records import RecordReader
from vqa.errors import DataError, did_you_mean
from vqa.scoring.id_lists import duplicates
from vqa.scoring.json_decoding import unpacked_bytes

# A first record with one of these cells is a header, even if another cell is misspelt, and not a question.
HEADER_CELL = re.compile(r"(question|image|video)(_?id)?|answers?|answer_?\d+|(answer|question)_type", re.IGNORECASE)
UNDECODED = re.compile("[\udc80-\udcff]")
SEPARATORS = (",", ";", "\t", "|")
MAX_RECORD_LINES = 1000

Record = tuple[int, Union[list[str], str]]


def read_csv(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split's CSV file; questions without an id get ``"<split>-<line>"``.

    Raises
    ------
    DataError
        The header has an unknown, repeated or missing column, or the file is not in the encoding of the card.
    """
    path = card.splits[split].file
    assert path is not None  # checked by load_card
    lines = _read_lines(path, card.csv.encoding)
    dialect = _dialect(lines, card)
    questions = QuestionCollector(source=str(path))
    rows: _NamedRows | _PlainRows | None = None
    for line, record in read_records(lines, dialect):
        if isinstance(record, str):
            questions.reject(line, record)
            continue
        if rows is None:
            rows, is_header = _rows(record, card, split, path, line)
            if is_header:
                continue
        parsed = rows.question(record, f"{split}-{line}")
        if isinstance(parsed, Question):
            questions.add(line, [parsed])
        elif parsed:
            questions.reject(line, parsed)
    if isinstance(rows, _NamedRows):
        rows.reader.require_selected()
    return questions


def _read_lines(path: Path, encoding: str) -> list[str]:
    """Return the lines of a text file, plain or gzipped, with their ends."""
    # A line that is not UTF-8 is set aside by itself; in other encodings it is unknown where it ends.
    encoding, errors = ("utf-8-sig", "surrogateescape") if encoding == CsvDialect.encoding else (encoding, "strict")
    try:
        return list(io.TextIOWrapper(io.BytesIO(unpacked_bytes(path)), encoding, errors, newline=""))
    except UnicodeError as error:
        raise DataError(f"{path}: not in the encoding {encoding} that [csv] of the card names: {error}") from error


def _dialect(lines: Sequence[str], card: DatasetCard) -> dict[str, Any]:
    """Return the keyword arguments of `csv.reader` for a file."""
    options = card.csv
    found: dict[str, Any] = {
        "skipinitialspace": True,
        "strict": True,
        "escapechar": options.escape,
        **({"quotechar": options.quote} if options.quote else {"quoting": csv.QUOTE_NONE}),
    }
    return {**found, "delimiter": options.separator or _find_separator(lines, found, card.columns)}


def _find_separator(lines: Sequence[str], dialect: dict[str, Any], columns: Columns) -> str:
    """Return the separator under which the first record is a header, or else has several fields; the comma if none."""
    first_records = {}
    for separator in SEPARATORS:
        records = read_records(lines, {**dialect, "delimiter": separator})
        first_records[separator] = next((fields for _, fields in records if isinstance(fields, list)), [])
    for separator, fields in first_records.items():
        if len(fields) > 1 and _is_header(fields, columns):
            return separator
    return next((separator for separator, fields in first_records.items() if len(fields) > 1), SEPARATORS[0])


def _is_header(fields: Sequence[str], columns: Columns) -> bool:
    named = columns.named()
    if named:
        return not columns.by_position and any(name in fields for name in named)
    return any(map(HEADER_CELL.fullmatch, fields))


def read_records(lines: Sequence[str], dialect: dict[str, Any]) -> Iterator[Record]:
    """Yield (number of the first line, its stripped fields or the reason why it is bad).

    Blank lines are skipped. After a line that is not CSV, reading continues with the next line.
    """
    start = begin = 0

    def following() -> Iterator[str]:
        # The reader asks for further lines where a quoted field continues past the end of a line. Where each line
        # begins such a field, every one of them would be read to the end of the file.
        for number in range(start, len(lines)):
            if number - begin == MAX_RECORD_LINES:
                raise csv.Error(f"a field of more than {MAX_RECORD_LINES} lines: is a quotation mark missing?")
            yield lines[number]

    while start < len(lines):
        begin = start
        reader = csv.reader(following(), **dialect)
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
    advice = 'save the file as UTF-8, or name its encoding in the card: [csv] encoding = "cp1252"'
    undecoded = UNDECODED.search(text)
    if undecoded:
        return f"not UTF-8: byte 0x{ord(undecoded.group()) - 0xDC00:02x}; {advice}"
    return f"contains a NUL byte; {advice}" if "\0" in text else None


def _rows(
    first: list[str], card: DatasetCard, split: str, path: Path, line: int
) -> tuple[_NamedRows | _PlainRows, bool]:
    """Return what makes questions of the rows of a file, by its first record, and whether that is a header."""
    where, selected = f"{path}:{line}", card.splits[split].where
    if card.columns.by_position:
        names = [str(number) for number in range(1, len(first) + 1)]
        return _NamedRows(names, RecordReader(card, split, names, where)), False
    mapped = bool(card.columns.named())
    if mapped or selected or _is_header(first, card.columns):
        names = _without_trailing_blanks(first)
        repeated = duplicates(names)
        if not mapped:
            _check_usual_names([name for name in names if name not in selected], where)
        if repeated:
            raise DataError(f"{where}: the column {repeated[0]!r} occurs twice")
        return _NamedRows(names, RecordReader(card, split, names, where)), True
    if card.images:
        raise DataError(f"{path}: the card {card.path} has images, so the file needs a header with a column image_id")
    return _PlainRows(), False


def _check_usual_names(names: list[str], where: str) -> None:
    """Refuse a header that lacks a column, or has one that may be misspelt, where the card maps no columns."""
    for name in names:
        if name not in NAMES and not NUMBERED_ANSWER.fullmatch(name):
            hint = did_you_mean(name, [*NAMES, "answer_1"])
            raise DataError(f"{where}: unknown column {name!r}{hint} ([columns] in the card maps other names)")
    for needed, found in (("question", "question" in names), ("answer_1", any(map(NUMBERED_ANSWER.fullmatch, names)))):
        if not found:
            raise DataError(f"{where}: the header has no column {needed!r}, only {', '.join(names)}")


def _without_trailing_blanks(fields: list[str]) -> list[str]:
    end = len(fields)
    while end and not fields[end - 1]:
        end -= 1
    return fields[:end]


class _NamedRows:
    """Rows under a header."""

    def __init__(self, names: list[str], reader: RecordReader) -> None:
        self._names, self.reader = names, reader

    def question(self, fields: list[str], default_id: str) -> Question | str:
        """Return the question of a row, why there is none, or "" where the split does not take the row."""
        if len(fields) < len(self._names) or any(fields[len(self._names) :]):
            return f"expected {len(self._names)} fields as in the header, got {len(fields)}"
        record = dict(zip(self._names, fields))
        return self.reader.question(record, default_id) if self.reader.selects(record) else ""


class _PlainRows:
    """Rows ``question,answer,answer,answer,`` without a header."""

    def question(self, fields: list[str], default_id: str) -> Question | str:
        """Return the question of a row, or why there is none."""
        fields = _without_trailing_blanks(fields)
        if "" in fields:
            return f"field {fields.index('') + 1} is empty: a stray comma?"
        if len(fields) < 2:
            return f"expected a question and its answers, got {len(fields)} fields"
        return Question(default_id, "", fields[0], tuple(fields[1:]))
