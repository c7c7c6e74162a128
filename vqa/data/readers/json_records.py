"""Readers of JSON files with a list of records, and of JSON lines, plain or gzipped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import QuestionCollector
from vqa.data.readers.records import RecordReader, all_names
from vqa.errors import DataError
from vqa.scoring.json_decoding import decode, read_bytes, type_name

# Where the records are the values of an object, its keys are their ids.
OBJECT_KEY = "question_id"
DECODER = msgspec.json.Decoder()

# The number of each record in its file, the record, and why it could not be decoded.
NumberedRecords = list[tuple[int, Any, str]]


def read_json(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split of a JSON file; the "line" of a bad record is its number in the list, from 1.

    The file holds a list of records; or an object with such a list under one of its keys; or an object whose values
    are the records, by question id.

    Raises
    ------
    DataError
        The file is not JSON or has no such list, or no record has a column that the card names.
    """
    path = _file(card, split)
    records = _records(decode(read_bytes(path), DECODER, str(path)), path)
    return _collect(card, split, path, [(number, record, "") for number, record in enumerate(records, start=1)])


def read_jsonl(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split of a file with one JSON record on each line.

    Raises
    ------
    DataError
        The file is not UTF-8, or no record has a column that the card names.
    """
    path = _file(card, split)
    numbered: NumberedRecords = []
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            try:
                numbered.append((number, decode(line, DECODER), ""))
            except DataError as error:
                numbered.append((number, None, str(error).removeprefix(":1: ")))
    return _collect(card, split, path, numbered)


def _file(card: DatasetCard, split: str) -> Path:
    path = card.splits[split].file
    assert path is not None  # checked by load_card
    return path


def _records(content: Any, path: Path) -> list[Any]:
    """Return the list of records that a JSON file holds."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a list of records, got {type_name(content)}")
    if content and all(isinstance(value, dict) for value in content.values()):
        return [{OBJECT_KEY: key, **record} for key, record in content.items()]
    lists = {key: value for key, value in content.items() if isinstance(value, list) and _has_records(value)}
    if len(lists) != 1:
        raise DataError(
            f"{path}: expected a list of records, got an object with {len(lists)} such lists among its keys "
            f"{', '.join(content)}"
        )
    return next(iter(lists.values()))


def _has_records(values: Iterable[Any]) -> bool:
    return any(isinstance(value, dict) for value in values)


def _collect(card: DatasetCard, split: str, path: Path, numbered: NumberedRecords) -> QuestionCollector:
    """Make questions of numbered records."""
    questions = QuestionCollector(source=str(path))
    names = all_names(record for _, record, _ in numbered if isinstance(record, dict))
    reader = RecordReader(card, split, names, str(path)) if names else None
    for number, record, fault in numbered:
        if reader is None or not isinstance(record, dict):
            questions.reject(number, fault or f"expected an object, got {type_name(record)}")
        elif reader.selects(record):
            parsed = reader.question(record, f"{split}-{number}")
            if isinstance(parsed, str):
                questions.reject(number, parsed)
            else:
                questions.add(number, [parsed])
    if reader is not None:
        reader.require_selected()
    return questions
