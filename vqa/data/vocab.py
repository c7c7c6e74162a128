"""Vocabulary: question words and answers as integer ids, made from the train split alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa._mxnet import gluonnlp
from vqa.data.answers import commonest_answers
from vqa.data.table import QuestionTable, Strings
from vqa.errors import ConfigError, DataError

UNKNOWN = "[unk]"
PADDING = "[pad]"
# Letters and digits of any script, with apostrophes inside: "person's" is one word.
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def tokenize(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    >>> tokenize("What's the person's T-shirt?")
    ["what's", 'the', "person's", 't', 'shirt']
    """
    return [word.replace("’", "'") for word in WORD.findall(text.lower())]


class Vocabulary:
    """Ids of question words and of answers.

    Attributes
    ----------
    words : gluonnlp.Vocab with the unknown token "[unk]" and the padding token "[pad]"
    answers : answer strings by id, commonest in the train split first

    Raises
    ------
    DataError
        There is no answer, or an answer or word occurs twice.
    """

    def __init__(self, words: Sequence[str], answers: Sequence[str]) -> None:
        """Take the words, commonest first and without the two special tokens, and the answers by id."""
        if not answers:
            raise DataError("expected at least one answer to choose from, got none")
        for name, values in (("word", [UNKNOWN, PADDING, *words]), ("answer", answers)):
            if len(set(values)) != len(values):
                value, _ = Counter(values).most_common(1)[0]
                raise DataError(f"the vocabulary's {name} {value!r} occurs twice")
        # gluonnlp orders by count: falling counts keep the words as they are given.
        counts = Counter({word: len(words) - position for position, word in enumerate(words)})
        self.words = gluonnlp.Vocab(
            counts, unknown_token=UNKNOWN, padding_token=PADDING, bos_token=None, eos_token=None
        )
        self.answers = list(answers)
        self._word_id: dict[str, int] = dict(self.words.token_to_idx)
        self._answer_id = {answer: number for number, answer in enumerate(self.answers)}
        self._unknown_id: int = self._word_id[UNKNOWN]

    @property
    def num_words(self) -> int:
        """Number of word ids, the unknown and the padding token included."""
        return len(self.words)

    @property
    def num_answers(self) -> int:
        """Number of answer ids (C, the classes)."""
        return len(self.answers)

    @property
    def padding_id(self) -> int:
        """Word id that fills a question up to the length of the longest in its batch."""
        return self._word_id[PADDING]

    def encode_question(self, text: str) -> list[int]:
        """Return the word ids of a question, at least one: a text without words gives the unknown token."""
        return [self._word_id.get(word, self._unknown_id) for word in tokenize(text)] or [self._unknown_id]

    def unknown_words(self, text: str) -> list[str]:
        """Return the words of a text that are not in the vocabulary, in their order."""
        return [word for word in tokenize(text) if word not in self._word_id]

    def encode_answers(
        self, answers: Sequence[tuple[str, ...]] | Strings, num_slots: int | None = None
    ) -> npt.NDArray[np.int32]:
        """Return answer ids, int32 (N, A): repeats kept, -1 for an unknown answer or an empty slot.

        Parameters
        ----------
        answers : one tuple of raw answers a question
        num_slots : A; by default the largest number of answers that a question has

        Raises
        ------
        DataError
            A question has more than `num_slots` answers.
        """
        counts = np.fromiter(map(len, answers), dtype=np.int64, count=len(answers))
        most = int(counts.max(initial=0))
        num_slots = most if num_slots is None else num_slots
        if most > num_slots:
            raise DataError(f"expected at most {num_slots} answers a question, got {most}")
        flat = chain.from_iterable(answers)
        ids = np.fromiter((self._answer_id.get(answer, -1) for answer in flat), dtype=np.int32, count=int(counts.sum()))
        encoded = np.full((len(counts), num_slots), -1, dtype=np.int32)
        encoded[np.arange(num_slots) < counts[:, np.newaxis]] = ids
        return encoded

    def to_json(self) -> str:
        """Return the vocabulary as JSON: {"words": [by id, special tokens first], "answers": [by id]}."""
        return json.dumps({"words": self.words.idx_to_token, "answers": self.answers}, indent=0)

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Return the vocabulary that `to_json` wrote.

        Raises
        ------
        DataError
            The text is not JSON, or not a vocabulary.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise DataError(f"the vocabulary is not JSON: {error}") from error
        if not isinstance(content, dict) or set(content) != {"words", "answers"}:
            raise DataError('expected a vocabulary with the two keys "words" and "answers"')
        words, answers = (_strings(content[key], key) for key in ("words", "answers"))
        if words[:2] != [UNKNOWN, PADDING]:
            raise DataError(f"the vocabulary's words must begin with {UNKNOWN} and {PADDING}, got {words[:2]}")
        return cls(words[2:], answers)


def _strings(values: Any, key: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(f"the vocabulary's {key} must be a list of strings")
    return values


def build_vocabulary(table: QuestionTable, *, max_answers: int | None = None, min_word_count: int = 1) -> Vocabulary:
    """Make the vocabulary of a train split.

    Parameters
    ----------
    table : the questions of the TRAIN split
    max_answers : keep so many of the commonest answers; None: all
    min_word_count : keep the question words that occur at least so often

    Raises
    ------
    ConfigError
        One of the two numbers is below 1.
    """
    for name, value in (("max_answers", max_answers), ("min_word_count", min_word_count)):
        if value is not None and value < 1:
            raise ConfigError(f"expected {name} of at least 1, got {value}")
    counts = gluonnlp.data.count_tokens(list(chain.from_iterable(map(tokenize, _texts(table)))))
    words = gluonnlp.Vocab(
        counts, min_freq=min_word_count, unknown_token=UNKNOWN, padding_token=PADDING, bos_token=None, eos_token=None
    )
    return Vocabulary(words.idx_to_token[2:], commonest_answers(table.answers, max_answers))


def _texts(table: QuestionTable) -> Iterable[str]:
    return table.question
