"""Records, rows of a CSV file or objects of a JSON file, made into questions by the card's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from vqa.data.cards import DatasetCard, SplitFiles
from vqa.data.columns import Columns, Layout, layout
from vqa.data.readers.collector import Question
from vqa.errors import ConfigError, DataError, did_you_mean
from vqa.scoring.json_decoding import type_name
from vqa.scoring.normalize import normalize_leniently

Record = Mapping[str, Any]
EXAMPLES = 3


class RecordReader:
    """Makes questions of the records of one split.

    Parameters
    ----------
    card : the dataset card
    split : name of the split
    names : the columns that the file has
    where : the file, for messages

    Raises
    ------
    DataError
        The file lacks a column that the card names, or the images' ids.
    """

    def __init__(self, card: DatasetCard, split: str, names: Iterable[str], where: str) -> None:
        names = list(names)
        self.columns: Columns = card.columns
        self.layout: Layout = layout(card.columns, names, where)
        self._files: SplitFiles = card.splits[split]
        self._where = where
        self._needs_image = card.images is not None
        # Formatting every id takes time: "" where the name is the id.
        self._image_name = "" if self._files.image_name == SplitFiles.image_name else self._files.image_name
        self._selected = not self._files.where
        self._passed_over: list[str] = []
        if self._needs_image and self.layout.image_id is None:
            raise DataError(
                f"{where}: the card {card.path} has images, so the file needs a column image_id, or another one that "
                f"[columns] of the card names; it has {', '.join(names)}"
            )
        for column in self._files.where:
            if column not in names:
                raise DataError(
                    f"{where}: no column {column!r}, which where in [splits.{split}] of the card names"
                    f"{did_you_mean(column, names)}"
                )

    def selects(self, record: Record) -> bool:
        """Return whether the split takes this record, by its key `where`."""
        if not self._files.where:
            return True
        found = {column: _shown(record.get(column)) for column in self._files.where}
        if all(found[column] in values for column, values in self._files.where.items()):
            self._selected = True
            return True
        if not self._selected and len(self._passed_over) < EXAMPLES:
            self._passed_over.append(", ".join(f"{column} = {value}" for column, value in found.items()))
        return False

    def require_selected(self) -> None:
        """Raise a DataError if the split's key `where` took none of the records."""
        if not self._selected:
            wanted = ", ".join(f"{column} = {' or '.join(values)}" for column, values in self._files.where.items())
            found = "; ".join(dict.fromkeys(self._passed_over))
            raise DataError(f"{self._where}: no record with {wanted}, which where of the card asks for; found {found}")

    def question(self, record: Record, default_id: str) -> Question | str:
        """Return the question of a record, or why it cannot be used; `default_id` is for files without ids."""
        try:
            return self._question(record, default_id)
        except _UnusableError as error:
            return str(error)

    def _question(self, record: Record, default_id: str) -> Question:
        at = self.layout
        question_id = _cell(record, at.question_id) if at.question_id else default_id
        image_id = _cell(record, at.image_id)
        if not question_id:
            raise _UnusableError(f"{at.question_id} is empty")
        if self._needs_image and not image_id:
            raise _UnusableError(f"{at.image_id} is empty")
        options = tuple(_cells(record, at.options, self.columns.option_separator)) if at.options else ()
        if at.correct_option:
            answers = [self._correct_option(options, _cell(record, at.correct_option))]
        else:
            answers = _cells(record, at.answers, self.columns.answer_separator)
            if options:
                _check_answer_is_an_option(answers, options)
        return Question(
            question_id,
            self._image_name.format(image_id=image_id) if self._image_name and image_id else image_id,
            _cell(record, at.question),
            tuple(answers),
            _cell(record, at.answer_type),
            _cell(record, at.question_type),
            options,
        )

    def _correct_option(self, options: tuple[str, ...], value: str) -> str:
        """Return the option that a letter (from A) or a number (from `first_option`) names."""
        column = self.layout.correct_option
        if value.isdecimal():
            if self.columns.first_option is None:
                raise ConfigError(
                    f"{column} numbers the options ({value}): say in [columns] of the card whether they count from 0 "
                    "or from 1, with first_option = 0 or first_option = 1"
                )
            number = int(value) - self.columns.first_option if len(value) < 10 else -1
        else:
            number = ord(value.upper()) - ord("A") if len(value) == 1 and value.isalpha() else -1
        if not 0 <= number < len(options):
            raise _UnusableError(f"{column} is {value!r}, expected the letter or number of one of {len(options)}")
        return options[number]


def _shown(value: Any) -> str:
    return "true" if value is True else "false" if value is False else "" if value is None else str(value).strip()


class _UnusableError(Exception):
    """Says why a record is no question."""


def _check_answer_is_an_option(answers: list[str], options: tuple[str, ...]) -> None:
    if answers and not {*map(normalize_leniently, answers)} & {*map(normalize_leniently, options)}:
        raise _UnusableError(f"no answer ({', '.join(answers)}) is among the options ({', '.join(options)})")


def _text(value: Any, column: str) -> str:
    """Return a text, a number or true/false as text without the spaces around it; nothing where there is no value."""
    if type(value) is str:
        return value.strip()
    if value is None or isinstance(value, (bool, int, float)):
        return _shown(value)
    raise _UnusableError(f"{column}: expected a text or a number, got {type_name(value)}")


def _cell(record: Record, column: str | None) -> str:
    return "" if column is None else _text(record.get(column), column)


def _cells(record: Record, columns: Iterable[str], separator: str | None) -> list[str]:
    """Return the texts of some columns that are not empty, those of a list and the parts of a separated text each."""
    texts: list[str] = []
    for column in columns:
        value = record.get(column)
        if type(value) is str and not separator:  # as most cells are
            text = value.strip()
            if text:
                texts.append(text)
            continue
        for item in value if isinstance(value, list) else (value,):
            # As in VQA and VizWiz: [{"answer": "yes", "answer_confidence": "maybe"}, ...]
            text = _text(item["answer"] if isinstance(item, dict) and "answer" in item else item, column)
            if separator:
                texts += filter(None, map(str.strip, text.split(separator)))
            elif text:
                texts.append(text)
    return texts


def all_names(records: Iterable[Record]) -> list[str]:
    """Return the names that occur in some record, in the order of their first occurrence."""
    return list(dict.fromkeys(chain.from_iterable(records)))
