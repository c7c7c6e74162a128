"""The split of a data set into questions to train on and questions to validate on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqa.data.dataset import Dataset
from vqa.data.table import QuestionTable
from vqa.training.config import TrainConfig

Rows = npt.NDArray[np.int64]

VALIDATION_SPLIT = "val"

# Below so many groups a held-out part says nothing; the training questions themselves are then watched.
FEWEST_GROUPS = 20


def train_validation_split(dataset: Dataset, config: TrainConfig) -> tuple[Rows, str, Rows]:
    """Return the rows of the split "train" to train on, the split to validate on, and its rows to validate on.

    That split is "val" where the data set has one, else "train", with a part held out by image, else (a handful of
    questions) "train" as a whole.
    """
    table = dataset.table("train")
    everything = np.arange(len(table))
    if VALIDATION_SPLIT in dataset.splits:
        return everything, VALIDATION_SPLIT, np.arange(len(dataset.table(VALIDATION_SPLIT)))
    training_rows, validation_rows = hold_out(table, config.validation_fraction, config.seed)
    if not len(validation_rows):
        return everything, "train", everything
    return training_rows, "train", validation_rows


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
