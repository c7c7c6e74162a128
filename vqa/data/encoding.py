"""A split as integer arrays, made once: what a loader cuts its batches from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary


class EncodedQuestions(NamedTuple):
    """N questions as arrays.

    Attributes
    ----------
    tokens : int32 (total number of words,), the word ids of all questions, one after the other
    starts : int64 (N + 1,), question n has the tokens ``tokens[starts[n]:starts[n + 1]]``
    answers : int32 (N, A), -1 for an unknown answer or an empty slot
    image_number : int64 (N,), position in `image_ids`
    image_ids : the distinct images in the order of their first question
    """

    tokens: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int32]
    image_number: npt.NDArray[np.int64]
    image_ids: list[str]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of words of each question, int64 (N,), at least 1."""
        return np.diff(self.starts)

    def padded_tokens(self, rows: npt.NDArray[np.int64], width: int, padding_id: int) -> npt.NDArray[np.int32]:
        """Return the word ids of some questions, int32 (len(rows), width), padded at the end.

        The same as gluonnlp's batchify.Pad, which goes row by row and takes 0.6 ms for 256 questions, against 0.02 ms.
        """
        column = np.arange(width)
        real = column < self.lengths[rows][:, np.newaxis]
        # Positions beyond a question's end are clipped to a valid one and then covered by the padding.
        position = np.minimum(self.starts[rows][:, np.newaxis] + column, len(self.tokens) - 1)
        return np.where(real, self.tokens[position], np.int32(padding_id))


def encode_questions(table: QuestionTable, vocabulary: Vocabulary) -> EncodedQuestions:
    """Encode all questions of a table."""
    text_number, texts = pd.factorize(table.question)
    encoded = [np.array(vocabulary.encode_question(text), dtype=np.int32) for text in texts]
    tokens = [encoded[number] for number in text_number]
    starts = np.zeros(len(table) + 1, dtype=np.int64)
    np.cumsum([len(ids) for ids in tokens], out=starts[1:])
    image_number, image_ids = pd.factorize(table.image_id)
    return EncodedQuestions(
        tokens=np.concatenate(tokens),
        starts=starts,
        answers=vocabulary.encode_answers(table.answers, table.num_slots),
        image_number=image_number.astype(np.int64),
        image_ids=list(image_ids),
    )
