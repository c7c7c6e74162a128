"""Where a trained model looks for the questions of a split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqa.data.loader import GroupedLoader
from vqa.evaluation.trained_model import TrainedModel


def attention_to(model: TrainedModel, split: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the weights of the regions in each hop, float32 (hops, N, R), for the questions `rows` (N,) of a split.

    Raises
    ------
    ConfigError
        The network has no attention.
    """
    found: dict[int, npt.NDArray[np.float32]] = {}
    for batch in GroupedLoader(model.dataset, split, rows=rows, numpy=True):
        weights = model.attention_of(*batch.inputs)
        found.update(zip(batch.rows.tolist(), weights.transpose(1, 0, 2)))
    return np.stack([found[row] for row in rows.tolist()], axis=1)
