"""Columns: which column of a CSV file, or key of a JSON record, holds the question, its answers, its image ..."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from vqa.data.toml_values import Table, check_keys, is_whole, text
from vqa.errors import ConfigError, DataError, did_you_mean

NUMBERED_ANSWER = re.compile(r"answer_([1-9]\d{0,8})")
NAMES = ("question_id", "image_id", "question", "answer_type", "question_type")
LISTS = ("answers", "options")
SEPARATORS = ("answer_separator", "option_separator")
KEYS = (*NAMES, *LISTS, "correct_option", "first_option", *SEPARATORS)


@dataclass(frozen=True)
class Columns:
    """The section [columns] of a card; None or () where it does not name a column.

    Attributes
    ----------
    question_id, image_id, question, answer_type, question_type : names of columns
    answers : the columns that hold answers, each a text, a number or (in JSON) a list
    options : the columns that hold the options of multiple choice, each a text or (in JSON) a list
    correct_option : the column that says which option is right: a letter from A, or a number from `first_option`
    first_option : the number of the first option, 0 or 1
    answer_separator, option_separator : what separates several answers, or options, in one text
    by_position : whether the columns are numbers, counted from 1, of a CSV file without a header
    """

    question_id: str | None = None
    image_id: str | None = None
    question: str | None = None
    answer_type: str | None = None
    question_type: str | None = None
    answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    correct_option: str | None = None
    first_option: int | None = None
    answer_separator: str | None = None
    option_separator: str | None = None
    by_position: bool = False

    def named(self) -> list[str]:
        """Return the columns that the card names."""
        single = (*(getattr(self, name) for name in NAMES), self.correct_option)
        return [column for column in (*single, *self.answers, *self.options) if column is not None]


class Layout(NamedTuple):
    """The columns of one file: those that the card names, and the usual names where it does not."""

    question: str
    answers: list[str]
    options: list[str]
    correct_option: str | None
    question_id: str | None
    image_id: str | None
    answer_type: str | None
    question_type: str | None


def read_columns(table: Table, where: str) -> Columns:
    """Check the section [columns] of a card.

    Raises
    ------
    ConfigError
        A key is unknown, a value has the wrong type, or two keys contradict each other.
    """
    check_keys(table, KEYS, where)
    values: dict[str, Any] = {}
    for key in (*NAMES, "correct_option"):
        if key in table:
            values[key] = _column(table[key], key, where)
    for key in LISTS:
        if key in table:
            listed = table[key] if isinstance(table[key], list) else [table[key]]
            if not listed:
                raise ConfigError(f"{where}: {key} must name at least one column, got []")
            values[key] = tuple(_column(value, key, where) for value in listed)
    for key in SEPARATORS:
        if key in table:
            # A separator may be a blank, which `text` refuses.
            if not isinstance(table[key], str) or not table[key]:
                raise ConfigError(f"{where}: {key} must be a text that is not empty, got {table[key]!r}")
            values[key] = table[key]
    if "first_option" in table:
        if table["first_option"] not in (0, 1) or isinstance(table["first_option"], bool):
            raise ConfigError(f"{where}: first_option must be 0 or 1, got {table['first_option']!r}")
        values["first_option"] = table["first_option"]
    _check_options(values, where)
    columns = Columns(**values)
    positions = [column for column in _raw(table) if isinstance(column, int)]
    if positions and len(positions) != len(columns.named()):
        raise ConfigError(f"{where}: name all columns by their header, or all by their position (from 1)")
    return Columns(**values, by_position=bool(positions))


def _raw(table: Table) -> Iterable[Any]:
    for key in (*NAMES, *LISTS, "correct_option"):
        value = table.get(key, [])
        yield from value if isinstance(value, list) else [value]


def _column(value: Any, key: str, where: str) -> str:
    if is_whole(value, least=1):
        return str(value)
    return text({key: value}, key, where)


def _check_options(values: dict[str, Any], where: str) -> None:
    if "correct_option" in values and "answers" in values:
        raise ConfigError(f"{where}: the right answer is in the column answers or correct_option, not in both")
    for key in ("correct_option", "option_separator"):
        if key in values and "options" not in values:
            raise ConfigError(f"{where}: {key} needs the key options, the columns that hold the options")
    if "first_option" in values and "correct_option" not in values:
        raise ConfigError(f"{where}: first_option needs the key correct_option")


def layout(columns: Columns, names: Iterable[str], where: str) -> Layout:
    """Return the columns of a file.

    Parameters
    ----------
    columns : of the card
    names : the columns that the file has
    where : the file, for messages

    Raises
    ------
    DataError
        The file lacks a column that is named, or has no question or no answers under a usual name.
    """
    names = list(names)
    for column in columns.named():
        if column not in names:
            hint = did_you_mean(column, names)
            raise DataError(f"{where}: no column {column!r}, which [columns] of the card names{hint}")

    def find(key: str) -> str | None:
        return getattr(columns, key) or (key if key in names else None)

    question = find("question")
    if question is None:
        raise DataError(f"{where}: no column 'question', only {', '.join(names)}; name it with question in [columns]")
    answers = list(columns.answers) or _usual_answers(names)
    if not answers and columns.correct_option is None:
        raise DataError(f"{where}: no column of answers, only {', '.join(names)}; name it with answers in [columns]")
    return Layout(
        question,
        [] if columns.correct_option else answers,
        list(columns.options),
        columns.correct_option,
        find("question_id"),
        find("image_id"),
        find("answer_type"),
        find("question_type"),
    )


def _usual_answers(names: list[str]) -> list[str]:
    numbered = [name for name in names if NUMBERED_ANSWER.fullmatch(name)]
    if numbered:
        return sorted(numbered, key=lambda name: int(name.removeprefix("answer_")))
    return [name for name in names if name in ("answers", "answer")][:1]
