"""The split of a data set into questions to train on and questions to validate on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.data.dataset import TRAIN, Dataset
from vqa.data.table import QuestionTable
from vqa.errors import TrainingError
from vqa.training.config import TrainConfig

Rows = npt.NDArray[np.int64]

VALIDATION_SPLIT = "val"

# With fewer groups than this, a held-out part is too small to mean anything.
FEWEST_GROUPS = 20


class TrainValidationSplit(NamedTuple):
    """What is trained on and what is validated on.

    Attributes
    ----------
    training_rows : int64, ascending, of the split "train"
    validation_split : name of the split that is validated on
    validation_rows : int64, ascending, of that split
    """

    training_rows: Rows
    validation_split: str
    validation_rows: Rows

    @property
    def holds_nothing_out(self) -> bool:
        """Whether the training questions themselves are validated on."""
        return self.validation_split == TRAIN and len(self.validation_rows) == len(self.training_rows)


def train_validation_split(dataset: Dataset, config: TrainConfig) -> TrainValidationSplit:
    """Return what of a data set is trained on and what is validated on.

    Validation is on the split "val" where the data set has one, else on a part of "train" held out by image, else (a
    handful of questions) on the training questions themselves.

    Raises
    ------
    TrainingError
        No training question has an answer in the vocabulary.
    """
    table = dataset.table(TRAIN)
    everything = np.arange(len(table))
    if VALIDATION_SPLIT in dataset.splits:
        split = TrainValidationSplit(everything, VALIDATION_SPLIT, np.arange(len(dataset.table(VALIDATION_SPLIT))))
    else:
        training_rows, validation_rows = hold_out(table, config.validation_fraction, config.seed)
        split = TrainValidationSplit(training_rows, TRAIN, validation_rows)
        if not len(validation_rows):
            split = TrainValidationSplit(everything, TRAIN, everything)
    if not (dataset.encoded(TRAIN).answers[split.training_rows] >= 0).any():
        raise TrainingError(
            f"none of the {len(split.training_rows)} training questions has an answer in the vocabulary of "
            f"{dataset.vocabulary.num_answers}; read the data set with more answers (--max-answers)"
        )
    return split


def hold_out(table: QuestionTable, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Split the rows of a table into a training and a validation part, no image being in both.

    Questions without an image are grouped by their text instead, so that no question is in both.

    Parameters
    ----------
    fraction : part of the groups that is held out, in [0, 1)

    Returns
    -------
    training rows, validation rows : int64, ascending; the second is empty where there are too few groups to spare
    """
    groups = [image or f"?{question}" for image, question in zip(table.image_id, table.question)]
    _, group_of_row = np.unique(np.array(groups, dtype=object), return_inverse=True)
    num_groups = int(group_of_row.max()) + 1
    num_held_out = round(num_groups * fraction) if num_groups >= FEWEST_GROUPS else 0
    held_out = np.zeros(num_groups, dtype=bool)
    held_out[np.random.default_rng([seed, 0x5EED]).permutation(num_groups)[:num_held_out]] = True
    mask = held_out[group_of_row]
    return np.flatnonzero(~mask), np.flatnonzero(mask)
