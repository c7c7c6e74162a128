"""Readers, one per format: files in, a QuestionTable out; a bad line is set aside with its reason, never lost."""

from __future__ import annotations

from collections.abc import Callable

from vqa.data.cards import DatasetCard
from vqa.data.options import NORMALIZED
from vqa.data.readers.annotators import simulate_annotators
from vqa.data.readers.collector import QuestionCollector
from vqa.data.readers.csv_questions import read_csv
from vqa.data.readers.daquar import read_daquar
from vqa.data.readers.easy_vqa import read_easy_vqa
from vqa.data.readers.json_records import read_json, read_jsonl
from vqa.data.readers.vqa_json import read_vqa_json
from vqa.data.readers.zjb import read_zjb
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError, did_you_mean

Reader = Callable[[DatasetCard, str], QuestionCollector]

READERS: dict[str, Reader] = {
    "csv": read_csv,
    "daquar": read_daquar,
    "easy-vqa": read_easy_vqa,
    "json": read_json,
    "jsonl": read_jsonl,
    "vqa-json": read_vqa_json,
    "zjb": read_zjb,
}


def read_split(card: DatasetCard, split: str, max_bad: float = 0.01, answers: str = "") -> QuestionTable:
    """Read the questions of one split.

    Parameters
    ----------
    card : of `load_card`
    split : name of one of the card's splits
    max_bad : the largest fraction of bad lines that is accepted, in [0, 1]
    answers : "exact" or "normalized", how answers are compared; "" as the card says

    Raises
    ------
    ConfigError
        The card has no such split, `max_bad` is not a fraction, or annotators should be simulated over a data set
        that has several answers per question.
    DataError
        More than `max_bad` of the lines are bad (the first are named), or no question is left.
    """
    if split not in card.splits:
        raise ConfigError(f"{card.path}: no split {split!r}{did_you_mean(split, card.splits)}")
    if not 0 <= max_bad <= 1:
        raise ConfigError(f"expected a fraction of bad lines in [0, 1], got {max_bad}")
    table = READERS[card.format](card, split).table(max_bad)
    if card.annotators is not None:
        table = _with_simulated_annotators(card, card.annotators, table)
    return table.with_normalized_answers() if (answers or card.answers) == NORMALIZED else table


def _with_simulated_annotators(card: DatasetCard, annotators: int, table: QuestionTable) -> QuestionTable:
    if table.num_slots > 1:
        raise ConfigError(
            f"{card.path}: annotators are simulated over single-answer data only, but {table.source} has up to "
            f"{table.num_slots} answers per question; remove the key annotators"
        )
    return simulate_annotators(table, annotators)
