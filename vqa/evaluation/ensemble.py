"""Several runs as one system: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqa.errors import ConfigError
from vqa.evaluation.predict import predict
from vqa.evaluation.probabilities import probabilities
from vqa.evaluation.trained_model import TrainedModel
from vqa.training.forward import Forward

# No probability is 0, so that each has a logarithm.
SMALLEST = 1e-300


def predict_together(models: Sequence[TrainedModel], split: str = "test") -> pd.DataFrame:
    """Return the predictions table of a split by the mean of the models' probabilities; the loss is the mean of theirs.

    Parameters
    ----------
    models : at least one, trained with a softmax on the same answers, such as one recipe with several seeds
    split : name of a split of the first model's data set

    Raises
    ------
    ConfigError
        The models know different answers, or were trained with another activation.
    """
    first = models[0]
    for model in models:
        if model.activation != "softmax" or model.vocabulary.answers != first.vocabulary.answers:
            raise ConfigError(f"expected models with a softmax over the answers of {first.path}, got {model.path}")
    table = first.dataset.table(split)
    shape = len(table), first.spec.num_answers
    mean, losses, known = np.zeros(shape), np.zeros(len(table)), np.zeros(len(table), dtype=bool)
    for model in models:
        for rows, logits, loss, is_known in model.forward_passes(first.dataset, split, None):
            mean[rows] += probabilities(logits, "softmax") / len(models)
            losses[rows] += loss / len(models)
            known[rows] = is_known
    logarithms = np.log(np.maximum(mean, SMALLEST)).astype(np.float32)
    # As logits of a softmax, logarithms of probabilities give these probabilities back.
    together = Forward(np.arange(len(table)), logarithms, losses.astype(np.float32), known)
    return predict([together], table, first.vocabulary.answers, "softmax")[0]
