"""What a network says of one batch of questions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Forward(NamedTuple):
    """Logits and losses of one batch.

    Attributes
    ----------
    rows : int64 (N,), rows of the question table
    logits : float32 (N, C)
    loss : float32 (N,), nats; 0 for a question with no known answer
    known : bool (N,), whether the question has an answer in the vocabulary
    """

    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    loss: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]
