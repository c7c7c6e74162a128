"""Dataset: a card's splits, read when first asked for, with their vocabulary and images."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from vqa.data.cards import DatasetCard, load_card
from vqa.data.image_files import UnusableImagesError
from vqa.data.images import ImageStore, open_images
from vqa.data.options import EXACT, NORMALIZED, DataOptions
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable, answer_spellings
from vqa.data.vocab import EncodedQuestions, Vocabulary, build_vocabulary, encode_questions
from vqa.display import visible
from vqa.errors import ConfigError, DataError, ImageError

log = logging.getLogger(__name__)

TRAIN = "train"
# Published data sets whose answers are compared as their authors compare them.
FORMATS_WITH_A_CONVENTION = ("easy-vqa", "vqa-json")


class Dataset:
    """The splits of a data set; made by `load_dataset`.

    Attributes
    ----------
    card : the dataset card
    vocabulary : of the train split
    options : how the files are read and how the vocabulary was made; `answers` is never ""
    """

    def __init__(
        self,
        card: DatasetCard,
        vocabulary: Vocabulary,
        options: DataOptions | None = None,
        *,
        tables: dict[str, QuestionTable] | None = None,
    ) -> None:
        """Take a card, a vocabulary, and the tables of splits that are already read."""
        self.card = card
        self.vocabulary = vocabulary
        options = options or DataOptions()
        self.options = replace(options, answers=options.answers or card.answers or EXACT)
        self._tables = dict(tables or {})
        self._encoded: dict[str, EncodedQuestions] = {}
        self._images: ImageStore | None = None

    def __repr__(self) -> str:
        splits = visible(", ".join(self.splits))
        return f"Dataset({self.card.name!r}, splits {splits}, {self.vocabulary.num_answers} answers)"

    @property
    def splits(self) -> list[str]:
        """Names of the splits: those of the card in its order, then those that were passed as tables."""
        return list(dict.fromkeys([*self.card.splits, *self._tables]))

    def table(self, split: str) -> QuestionTable:
        """Return the questions of a split, read on the first call.

        Raises
        ------
        ConfigError
            The card has no such split.
        DataError
            The files cannot be read, or share question ids with a split that was read earlier.
        """
        if split not in self._tables:
            table = _read_split(self.card, split, self.options)
            for other, other_table in self._tables.items():
                _require_disjoint(split, table, other, other_table)
            self._tables[split] = table
            self._images = None  # opened again with the images of this split
        return self._tables[split]

    def encoded(self, split: str) -> EncodedQuestions:
        """Return the questions of a split as integer arrays, made on the first call."""
        if split not in self._encoded:
            self._encoded[split] = encode_questions(self.table(split), self.vocabulary)
        return self._encoded[split]

    @property
    def images(self) -> ImageStore:
        """The images of all splits read so far (of the first split if none was).

        A store that was returned does not change; after another split is read, a new store is returned.
        """
        if self._images is None:
            if not self._tables:
                self.table(self.splits[0])
            self._images = open_images(self.card, self._tables)
        return self._images

    def with_table(self, split: str, table: QuestionTable) -> Dataset:
        """Return a data set with the same card and vocabulary whose split `split` is `table` instead of a file."""
        table = table.with_normalized_answers() if self.options.answers == NORMALIZED else table
        return Dataset(self.card, self.vocabulary, self.options, tables={split: table})


def _read_split(card: DatasetCard, split: str, options: DataOptions) -> QuestionTable:
    """Read a split and log how many lines were set aside, with the first of them."""
    table = read_split(card, split, options.max_bad, options.answers)
    if table.bad_lines:
        first = "; ".join(map(str, table.bad_lines[:3]))
        log.warning("%s: set aside %d bad lines, the first: %s", table.source, len(table.bad_lines), first)
    return _without_bad_images(card, split, table, options) if options.skip_bad_images and card.images else table


def _without_bad_images(card: DatasetCard, split: str, table: QuestionTable, options: DataOptions) -> QuestionTable:
    """Return the questions whose images can be used; every image that cannot is named on the log."""
    total = len(set(table.image_id))
    faults: dict[str, str] = {}
    while True:
        try:
            open_images(card, {split: table})
        except UnusableImagesError as error:
            # Missing files are found first; what cannot be decoded, once the others are there.
            faults.update(error.faults)
            if len(faults) > options.max_bad * total or len(faults) == total:
                raise ImageError(
                    f"{table.source}: {len(faults)} of {total} images cannot be used, more than --max-bad "
                    f"{options.max_bad:g} allows; {error}"
                ) from error
            table = table.take(np.flatnonzero([image_id not in error.faults for image_id in table.image_id]))
        else:
            break
    for reason in faults.values():
        log.warning("%s: left out the questions about an image: %s", table.source, reason)
    if faults:
        log.warning("%s: %d of %d images left out; %d questions are left", table.source, len(faults), total, len(table))
    return table


def _log_spellings(table: QuestionTable, card: DatasetCard, options: DataOptions) -> None:
    """Log which answers of the train split differ only in spelling, and what becomes of them."""
    if card.format in FORMATS_WITH_A_CONVENTION or (not table.normalized and (options.answers or card.answers)):
        return
    groups = answer_spellings(table)
    if not groups:
        return
    example = ", ".join(f"{spelling!r} ({count})" for spelling, count in groups[0].most_common(4))
    found = f"{table.source}: {sum(map(len, groups))} spellings of {len(groups)} answers, such as {example},"
    if table.normalized:
        log.info('%s are the same answers (answers = "normalized")', found)
    else:
        log.warning(
            '%s count as different answers; write answers = "normalized" into %s to merge them, or '
            'answers = "exact" to keep them apart',
            found,
            card.path,
        )


def _require_disjoint(split: str, table: QuestionTable, other: str, other_table: QuestionTable) -> None:
    known = set(other_table.question_id)
    shared = [question_id for question_id in table.question_id if question_id in known]
    if shared:
        raise DataError(
            f"the splits {other!r} and {split!r} share {len(shared)} question ids, the first is {shared[0]!r}: "
            f"a question belongs to one split ({other_table.source}, {table.source})"
        )


def load_dataset(
    card_path: str | Path,
    *,
    max_bad: float = DataOptions.max_bad,
    max_answers: int | None = None,
    min_word_count: int = DataOptions.min_word_count,
    answers: str = DataOptions.answers,
    skip_bad_images: bool = DataOptions.skip_bad_images,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Load a data set by its card.

    Parameters
    ----------
    card_path : the TOML file, or the name of an included card, such as "easy_vqa_3"
    max_bad : largest fraction of bad lines that is accepted in a split, in [0, 1]
    max_answers : keep this many of the commonest answers of the train split; None or 0: all
    min_word_count : keep the words that occur at least this often in the train split's questions
    answers : how answers are compared and trained, "exact" (as written) or "normalized"; "" as the card says
    skip_bad_images : leave out the questions whose images are missing or cannot be decoded, up to the fraction
        `max_bad` of a split's images, instead of stopping
    vocabulary : of a trained run; without it one is made from the split "train"

    Raises
    ------
    ConfigError
        The card is wrong, a number is out of its range, or there is no split "train" to make the vocabulary from.
    DataError
        The train split cannot be read.
    """
    card = load_card(card_path)
    options = DataOptions(max_bad, max_answers or 0, min_word_count, answers, skip_bad_images)
    if vocabulary is not None:
        return Dataset(card, vocabulary, options)
    if TRAIN not in card.splits:
        raise ConfigError(
            f"{card.path}: no split {TRAIN!r} to make the vocabulary from, only {', '.join(card.splits)}; "
            "give a trained run's vocabulary, or add [splits.train]"
        )
    table = _read_split(card, TRAIN, options)
    _log_spellings(table, card, options)
    vocabulary = build_vocabulary(table, max_answers=max_answers or None, min_word_count=min_word_count)
    return Dataset(card, vocabulary, options, tables={TRAIN: table})
