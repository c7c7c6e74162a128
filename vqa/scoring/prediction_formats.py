"""Files with the answers of any system: CSV, JSON lines, JSON, Parquet and Excel, recognised by their content."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vqa.errors import DataError
from vqa.scoring.json_decoding import decode, read_bytes
from vqa.scoring.table_files import excel_rows, parquet_rows, read_table

PARQUET_MAGIC = b"PAR1"
ZIP_MAGIC = b"PK\x03\x04"
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_OBJECTS: msgspec.json.Decoder[list[dict[str, Any]]] = msgspec.json.Decoder(list[dict[str, Any]])


class Form(NamedTuple):
    """A known form of answer files.

    Attributes
    ----------
    name : for messages
    keys : fields that every record has
    answer : the field with the system's answer
    question_id : the field with the question's id; "" where the form has none and rows are in the order of the split
    question : the field that holds the question's text, among other text perhaps; "" where there is none
    """

    name: str
    keys: frozenset[str]
    answer: str
    question_id: str
    question: str = ""


# The first whose keys are all there.
FORMS = (
    Form("lmms-eval samples", frozenset(("doc_id", "filtered_resps")), "filtered_resps", "", "input"),
    Form("VLMEvalKit", frozenset(("index", "question", "prediction")), "prediction", "index", "question"),
    Form("GQA", frozenset(("questionId", "prediction")), "prediction", "questionId"),
    Form("predictions", frozenset(("question_id", "prediction")), "prediction", "question_id", "question"),
    Form("LLaVA", frozenset(("question_id", "text")), "text", "question_id"),
    Form("results", frozenset(("question_id", "answer")), "answer", "question_id"),
)


@dataclass(frozen=True)
class SystemAnswers:
    """What a file holds: N answers, in the order of the file.

    Attributes
    ----------
    path : the file
    form : name of the recognised form
    question_ids : N ids as strings, or None where the form has none
    positions : row of the split that each answer belongs to, or None where the form does not say it
    answers : N answers as the system wrote them; "" where the file has none
    probabilities : N numbers in [0, 1], NaN where unknown, or None where the file has no such column
    questions : N texts that hold the question, or None
    several : number of records with more than one answer, of which the first counts
    """

    path: str
    form: str
    question_ids: list[str] | None
    positions: list[int] | None
    answers: list[str]
    probabilities: list[float] | None
    questions: list[str] | None
    several: int = 0


def read_system_answers(path: str | Path) -> SystemAnswers:
    """Read a file of answers.

    Raises
    ------
    DataError
        The file is damaged, its form is not known, or a record lacks a field or holds another type.
    InstallationError
        The file is an Excel file and openpyxl is not installed.
    OSError
        The file cannot be read.
    """
    records = list(_records(Path(path)))
    if not records:
        raise DataError(f"{path}: expected at least one answer, got none")
    form = _recognise(path, records[0][1])
    answers, several = [], 0
    for place, record in records:
        missing = form.keys - record.keys()
        if missing:
            raise DataError(f"{path}: {place} has no {sorted(missing)[0]!r}, as the first one has ({form.name})")
        answer, more = _answer(record[form.answer], f"{path}: {place}")
        answers.append(answer)
        several += more
    ids, positions = None, None
    if form.question_id:
        ids = [_identifier(record[form.question_id], f"{path}: {place}") for place, record in records]
    else:
        nested = [_nested_identifier(record) for _, record in records]
        ids = [name for name in nested if name is not None] if None not in nested else None
        positions = [_position(record["doc_id"], f"{path}: {place}") for place, record in records]
    questions = None
    if form.question and all(form.question in record for _, record in records):
        questions = [_text(record[form.question]) for _, record in records]
    probabilities = None
    if any("probability" in record for _, record in records):
        probabilities = [_probability(record.get("probability"), f"{path}: {place}") for place, record in records]
    return SystemAnswers(str(path), form.name, ids, positions, answers, probabilities, questions, several)


def _recognise(path: str | Path, record: dict[str, Any]) -> Form:
    for form in FORMS:
        if form.keys <= record.keys():
            return form
    known = "; ".join(f"{' and '.join(sorted(form.keys))} ({form.name})" for form in FORMS)
    raise DataError(f"{path}: expected fields of a known form, got {', '.join(list(record)[:8])}; known: {known}")


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, record) of a file."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start == PARQUET_MAGIC:
        yield from read_table(parquet_rows, path, "Parquet")
    elif start == ZIP_MAGIC:
        yield from read_table(excel_rows, path, "Excel")
    else:
        raw = read_bytes(path)
        first = raw.lstrip()[:1]
        if first == b"[":
            records = decode(raw, _OBJECTS, str(path))
            yield from ((f"record {number}", record) for number, record in enumerate(records, start=1))
        elif first == b"{":
            for number, line in enumerate(raw.split(b"\n"), start=1):
                if line.strip():
                    yield f"line {number}", decode(line, _OBJECT, f"{path}: line {number}")
        else:
            yield from _csv_rows(path, raw.decode("utf-8"))


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a file with a header; the separator is the commonest of tab, comma and semicolon in it."""
    header = text.lstrip().partition("\n")[0]
    separator = max("\t,;", key=header.count)
    csv.field_size_limit(2**31 - 1)  # the whole of a long answer
    rows = csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=separator)
    names = [name.strip() for name in next(rows, [])]
    for values in rows:
        if len(values) != len(names):
            if not values:
                continue
            raise DataError(
                f"{path}:{rows.line_num}: expected {len(names)} cells, as the header has, got {len(values)}; "
                "a cell with a separator or a line break needs quotation marks"
            )
        yield f"line {rows.line_num}", dict(zip(names, values))


def _answer(value: Any, place: str) -> tuple[str, bool]:
    """Return the answer in a cell, and whether the cell holds more than one."""
    more = False
    while isinstance(value, (list, tuple)):
        more = more or len(value) > 1
        value = value[0] if value else ""
    return _text(value, place), more


def _text(value: Any, place: str = "") -> str:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, Real) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool):
        raise DataError(f"{place}: expected an answer as text, got {str(value).lower()} without quotation marks")
    if place:
        raise DataError(f"{place}: expected an answer as text, got {type(value).__name__}")
    return str(value)


def _identifier(value: Any, place: str) -> str:
    if isinstance(value, (str, Integral)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise DataError(f"{place}: expected the question's id as text or a whole number, got {value!r}")


def _nested_identifier(record: dict[str, Any]) -> str | None:
    """Return the question id in the document of a record or in one of its metrics, such as "submission"."""
    for value in (record.get("doc"), *record.values()):
        if isinstance(value, dict) and isinstance(value.get("question_id"), (int, str)):
            return str(value["question_id"])
    return None


def _position(value: Any, place: str) -> int:
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        return int(value)
    raise DataError(f"{place}: expected doc_id to be a row of the split, from 0, got {value!r}")


def _probability(value: Any, place: str) -> float:
    if value is None or value == "":
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not (0 <= number <= 1 or math.isnan(number)):
        raise DataError(f"{place}: expected a probability from 0 to 1, got {value!r}")
    return number


def in_words(text: str) -> str:
    """Return a text in lower case with single spaces, for comparing questions.

    >>> in_words(" What  is it? ")
    'what is it?'
    """
    return " ".join(text.lower().split())


def rows_in_order(answers: SystemAnswers, questions: Sequence[str]) -> list[int]:
    """Return the row of the split of each answer of a file without question ids, checked by the questions' texts.

    Parameters
    ----------
    questions : texts of the split's questions, in their order

    Raises
    ------
    DataError
        The file does not hold the questions' texts, a position is outside the split, or a text is not that of the
        question in its place.
    """
    rows = list(range(len(answers.answers))) if answers.positions is None else answers.positions
    if answers.questions is None:
        raise DataError(
            f"{answers.path}: the records name no question id of this split and no question text by which their order "
            "could be checked; add a question_id to each"
        )
    outside = [row for row in rows if row >= len(questions)]
    if outside:
        raise DataError(f"{answers.path}: expected rows 0 to {len(questions) - 1} of the split, got row {outside[0]}")
    wrong = [
        number
        for number, (row, text) in enumerate(zip(rows, answers.questions))
        if in_words(questions[row]) not in in_words(text)
    ]
    if wrong:
        first = wrong[0]
        raise DataError(
            f"{answers.path}: {len(wrong)} of {len(rows)} records ask something else than the question in their place "
            f"in the split, the first is record {first + 1}: {answers.questions[first][:80]!r} instead of "
            f"{questions[rows[first]][:80]!r}; give the split that was answered, or a question_id in each record"
        )
    return rows
