"""Calibration: does a prediction that is given with probability p come true in p of the cases?

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2 (expected calibration error);
Brier, "Verification of forecasts expressed in terms of probability", 1950, for the event "the prediction is right".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError
from vqa.scoring.answer_sets import Floats
from vqa.scoring.intervals import ClusterBootstrap, Rate

NUM_BINS = 15

ANOTHER_ANNOTATOR = "another annotator's answer"
"""Event: an annotator, drawn from those of the question, gave the predicted answer."""

IN_ANSWER_SET = "in the answer set"
"""Event: the predicted answer is one of the question's answers."""

EVENTS = (ANOTHER_ANNOTATOR, IN_ANSWER_SET)


def event_of(loss: str, activation: str) -> str:
    """Return what the probabilities of a network are probabilities of, which its loss decides.

    A softmax that is trained on the answers (or on soft scores) predicts how the next annotator answers. The loss
    "any" and a classifier per answer predict whether the answer is in the set.

    >>> event_of("softmax", "softmax"), event_of("any", "softmax"), event_of("bce", "sigmoid")
    ("another annotator's answer", 'in the answer set', 'in the answer set')
    """
    return IN_ANSWER_SET if loss == "any" or activation == "sigmoid" else ANOTHER_ANNOTATOR


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions with a confidence in (low, high]: their number, mean confidence and accuracy, None where empty."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """The event that is predicted, expected calibration error, Brier score, and the bins that the error sums up."""

    event: str
    ece: Rate
    brier: Rate
    bins: list[ReliabilityBin]


def check_probabilities(probabilities: npt.ArrayLike, num_questions: int) -> Floats:
    """Return `probabilities` as float64 (N,).

    Raises
    ------
    DataError
        Their number is not `num_questions`, or one is not in [0, 1].
    """
    checked = np.asarray(probabilities, dtype=np.float64)
    if checked.shape != (num_questions,):
        raise DataError(f"expected one probability per question, shape ({num_questions},), got {checked.shape}")
    # Sums of float32 softmax terms exceed 1 by their rounding error.
    if not np.all((checked >= 0) & (checked <= 1 + 1e-6)):
        wrong = checked[~((checked >= 0) & (checked <= 1 + 1e-6))][0]
        raise DataError(
            f"expected probabilities in [0, 1], got {wrong}: "
            "give the softmax or sigmoid values of the predictions, not their logits"
        )
    return np.minimum(checked, 1.0)


def reliability_bins(probabilities: Floats, hits: Floats) -> list[ReliabilityBin]:
    """Return the 15 equal-width bins of confidence. A bin holds low < p <= high, the first one 0 as well.

    Parameters
    ----------
    probabilities : float64 (N,) in [0, 1], of the predicted answers
    hits : float64 (N,), 1 where the prediction is right
    """
    bins = _bin_numbers(probabilities)
    counts = np.bincount(bins, minlength=NUM_BINS)
    confidence = np.bincount(bins, weights=probabilities, minlength=NUM_BINS)
    right = np.bincount(bins, weights=hits, minlength=NUM_BINS)
    return [
        ReliabilityBin(
            low=number / NUM_BINS,
            high=(number + 1) / NUM_BINS,
            n=int(count),
            confidence=float(confidence[number] / count) if count else None,
            accuracy=float(right[number] / count) if count else None,
        )
        for number, count in enumerate(counts)
    ]


def _bin_numbers(probabilities: Floats) -> npt.NDArray[np.int64]:
    return np.clip(np.ceil(probabilities * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1)


def calibration(
    probabilities: npt.ArrayLike,
    hits: Sequence[float] | Floats,
    bootstrap: ClusterBootstrap,
    event: str = IN_ANSWER_SET,
) -> Calibration:
    """Return how well probabilities (N,) predict hits (N,), the share in [0, 1] of the cases in which the event occurs.

    For `ANOTHER_ANNOTATOR` a hit is the share of the question's answers that equal the prediction.

    ece = sum over bins of (questions of the bin / questions) |accuracy - confidence|
    brier = mean of hit (probability - 1)^2 + (1 - hit) probability^2, over annotators where hits are shares of them

    Raises
    ------
    DataError
        The probabilities are not N numbers in [0, 1].
    """
    right = np.asarray(hits, dtype=np.float64)
    confidence = check_probabilities(probabilities, len(right))
    columns = np.zeros((len(right), NUM_BINS + 1))
    columns[np.arange(len(right)), _bin_numbers(confidence)] = right - confidence
    columns[:, -1] = 1
    low, high = bootstrap.statistics(columns, _error)
    value = float(_error(columns.sum(axis=0, keepdims=True))[0, 0])
    # Resampling adds noise to every bin and so lifts the error: the interval is made to hold the value.
    ece = Rate(value, len(right), min(value, float(low[0])), max(value, float(high[0])))
    brier = bootstrap.rate(right * (confidence - 1) ** 2 + (1 - right) * confidence**2)
    assert brier is not None, "every question has a probability, and there is at least one"
    return Calibration(event, ece, brier, reliability_bins(confidence, right))


def _error(sums: Floats) -> Floats:
    """Return (B, 1): the calibration error from sums (B, bins + 1) of `calibration`'s columns."""
    return np.abs(sums[:, :-1]).sum(axis=1, keepdims=True) / sums[:, -1:]
