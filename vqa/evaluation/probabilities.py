"""From logits to the few best answers of each question and their probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Candidates that are kept for every question.
TOP = 5


def probabilities(logits: npt.ArrayLike, activation: str) -> Floats:
    """Return the probabilities that logits stand for under the activation that the loss trained them with.

    Parameters
    ----------
    logits : float (N, C)
    activation : "softmax" (one answer is true: rows sum to 1) or "sigmoid" (each answer is true or not by itself)

    Returns
    -------
    float64 (N, C) in [0, 1]; finite for every finite logit

    Raises
    ------
    ValueError
        The activation is another one.

    >>> probabilities([[1000.0, 0.0]], "softmax").tolist()
    [[1.0, 0.0]]
    >>> probabilities([[0.0, -1000.0]], "sigmoid").tolist()
    [[0.5, 0.0]]
    """
    values = np.asarray(logits, dtype=np.float64)
    if activation == "softmax":
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
    if activation == "sigmoid":
        # tanh saturates where exp would overflow.
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))
    raise ValueError(f"expected the activation 'softmax' or 'sigmoid', got {activation!r}")


def top_classes(values: npt.NDArray[np.floating], count: int) -> Integers:
    """Return the `count` classes with the highest values of each row (N, C), best first, the lower class among equals.

    >>> top_classes(np.array([[0.1, 0.7, 0.2]]), 2).tolist()
    [[1, 2]]
    """
    left = values.copy()
    found = np.empty((len(values), min(count, values.shape[1])), dtype=np.int64)
    for rank in range(found.shape[1]):
        # The same class as argmax names, whatever ties.
        found[:, rank] = left.argmax(axis=1)
        np.put_along_axis(left, found[:, rank : rank + 1], -np.inf, axis=1)
    return found


def top_answers(logits: npt.NDArray[np.floating], activation: str, count: int = TOP) -> tuple[Integers, Floats]:
    """Return the `count` best classes of each row of logits (N, C), as `top_classes`, and their probabilities.

    Classes rank by their logits, not by their probabilities: two of those may both have been rounded to 1.
    """
    classes = top_classes(logits, count)
    return classes, np.take_along_axis(probabilities(logits, activation), classes, axis=1)
