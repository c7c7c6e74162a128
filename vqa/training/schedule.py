"""The learning rate of a step, and the split of training rows into a training and a validation part."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vqa.data.table import QuestionTable

Rows = npt.NDArray[np.int64]

# Below so many groups a held-out part says nothing; the training questions themselves are then watched.
FEWEST_GROUPS = 20


def learning_rate(step: int, num_steps: int, highest: float, warmup: float) -> float:
    """Return the learning rate of step `step` in [0, num_steps): a linear rise, then half a cosine down to 0.

    >>> [round(learning_rate(step, 10, 1.0, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 0.99, 0.92, 0.8, 0.65, 0.47, 0.29, 0.14, 0.04]
    """
    rising = int(num_steps * warmup)
    if step < rising:
        return highest * (step + 1) / rising
    done = (step - rising + 0.5) / (num_steps - rising)
    return highest * 0.5 * (1 + math.cos(math.pi * done))


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
