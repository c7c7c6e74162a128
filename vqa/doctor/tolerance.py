"""Tolerance: how far two right answers to one question may lie apart, measured on the network itself."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vqa.doctor.state import Array, changed_parameters, is_whole, with_signs
from vqa.doctor.subject import Logits, Subject

# Rounding is provoked by changing every weight and input by this many units in the last place ...
JITTER = 4
# ... and this many times its effect still counts as rounding: other block sizes in a matrix product stay under one.
MARGIN = 16
# No leak worth the name moves a logit by less than this part of its range over the rows.
LEAST_EFFECT = 1e-4
# Values this many times larger than the others are of another scale: answers masked with -1e9, say.
OTHER_SCALE = 1e3


class Deviation(NamedTuple):
    """The difference between two answers to one question that exceeds its tolerance the most.

    Attributes
    ----------
    ratio : the difference in units of its tolerance; above 1 rounding does not explain it
    difference : absolute difference of the two logits; infinite where the answers cannot be compared
    bound : the tolerance there
    spread : the range of that class's logit over the rows
    """

    ratio: float
    difference: float
    bound: float
    spread: float

    @property
    def exceeds(self) -> bool:
        """Tell whether rounding does not explain the difference."""
        return self.ratio > 1

    def __str__(self) -> str:
        return (
            f"by up to {self.difference:.1e} (tolerance {self.bound:.1e}; this logit's range over the rows is "
            f"{self.spread:.1e})"
        )


NO_DEVIATION = Deviation(0.0, 0.0, 0.0, 0.0)
INCOMPARABLE = Deviation(np.inf, np.inf, 0.0, 0.0)


@dataclass(frozen=True)
class Tolerance:
    """How far the answers of two passes may lie apart.

    Each logit has its own tolerance, from the rounding, the size and the range over the rows of the logits of its class
    that are of its scale: one large logit does not hide what happens to the others.

    Attributes
    ----------
    bound, spread : float, shape (N, values per question)
    """

    bound: Logits
    spread: Logits

    def worst(self, answers: Logits, expected: Logits, rows: npt.NDArray[np.int64]) -> Deviation:
        """Return the largest deviation of `answers` from `expected`, answers to the questions `rows`."""
        if answers.shape != expected.shape:
            return INCOMPARABLE
        same = (answers == expected) | (np.isnan(answers) & np.isnan(expected))
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = np.where(same, 0.0, np.abs(answers - expected))
            ratio = np.where(same, 0.0, difference / self.bound[rows])
        ratio = np.where(np.isnan(ratio), np.inf, ratio)
        if not ratio.size or not ratio.max():
            return NO_DEVIATION
        row, column = np.unravel_index(int(ratio.argmax()), ratio.shape)
        place = rows[row], column
        worst = float(difference[row, column])
        return Deviation(
            float(ratio[row, column]),
            worst if np.isfinite(worst) else np.inf,
            float(self.bound[place]),
            float(self.spread[place]),
        )

    def visibility(self) -> float:
        """Return how many tolerances a logit ranges over, for the better quarter of the logits; low: little is seen."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ranges = np.nan_to_num(self.spread / self.bound, nan=0.0, posinf=0.0)
        return float(np.quantile(ranges, 0.75)) if ranges.size else 0.0


def tolerance(base: Logits, noise: Logits | float, epsilon: float) -> Tolerance:
    """Return the tolerance of answers `base` in which rounding makes the differences `noise`.

    >>> masked = np.array([[0.5, -1e9], [1.5, -1e9]], dtype=np.float32)
    >>> tolerance(masked, 0.0, 1e-7).bound.round(6).tolist()
    [[0.0001, 1600.0], [0.0001, 1600.0]]
    """
    noise = np.broadcast_to(noise, base.shape)
    bound, spread = np.zeros(base.shape), np.zeros(base.shape)
    groups = _scales(base)
    for group in range(int(groups.max(initial=0)) + 1):
        inside = groups == group
        usual = np.maximum(_usual(noise, inside), epsilon * _largest(np.abs(base), inside))
        ranges = np.maximum(_largest(base, inside) + _largest(-base, inside), 0.0)
        bounds = np.maximum(MARGIN * _not_below_others(usual), _not_below_others(LEAST_EFFECT * ranges))
        # A row of its own rounding, one with a norm near zero for example, does not decide for the others.
        bound = np.where(inside, np.maximum(bounds, MARGIN * noise), bound)
        spread = np.where(inside, ranges, spread)
    return Tolerance(bound, spread)


def _scales(base: Logits) -> npt.NDArray[np.int64]:
    """Return a number for each logit, equal for logits of one scale; scales are separated by a wide gap."""
    sizes = np.abs(base).ravel()
    # A sample shows the scales of very large outputs as well.
    order = np.sort(sizes[:: 1 + sizes.size // 1_000_000])
    order = order[order > 0]
    # A few values near zero do not form a scale of their own.
    smallest = min(len(base), 4)
    jumps = smallest + np.nonzero(order[smallest:] > OTHER_SCALE * order[smallest - 1 : -1])[0]
    return np.searchsorted(order[jumps], np.abs(base), side="right")


def _largest(values: Logits, inside: npt.NDArray[np.bool_]) -> Array:
    """Return the largest of each class's values that are `inside`, shape (values per question,); -inf where none is."""
    return np.where(inside, values, -np.inf).max(axis=0)


def _usual(values: Logits, inside: npt.NDArray[np.bool_]) -> Array:
    """Return the upper quartile of each class's values that are `inside`, shape (values per question,)."""
    if inside.all():
        return np.quantile(values, 0.75, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = np.nanquantile(np.where(inside, values, np.nan), 0.75, axis=0)
    return np.where(np.isnan(usual), -np.inf, usual)


def _not_below_others(values: Array) -> Array:
    """Return the values raised to the lower quartile of them all: one class may be exact by chance, or dead."""
    known = values[np.isfinite(values)]
    return np.maximum(values, np.quantile(known, 0.25)) if len(known) else values


def plain_tolerance(subject: Subject, base: Logits) -> Tolerance:
    """Return the tolerance of two passes over the same arrays, where even the order of the sums is the same."""
    return tolerance(base, 0.0, subject.epsilon)


def rounding_noise(subject: Subject, base: Logits, random: np.random.RandomState, passes: int) -> Logits:
    """Return how far rounding moves each logit, float (N, values per question).

    Other batch sizes and other places in the batch add the same numbers in another order. What that does to a logit
    is found by changing weights and real-valued inputs in their last places, so that a network which enlarges
    rounding (a root near zero, a division by a small norm) is measured on itself.
    """
    noise = np.zeros(base.shape)
    for _ in range(passes):

        def jitter(name: str, values: Array) -> Array | None:
            if is_whole(values):
                return None
            epsilon = float(np.finfo(values.dtype).eps)
            return with_signs(values, lambda signs: 1 + JITTER * epsilon * signs, random)

        changed = [jitter("", values) for values in subject.arrays]
        arrays = [values if other is None else other for values, other in zip(subject.arrays, changed)]
        with changed_parameters(subject.net, jitter):
            answers = subject.answer(arrays)
        with np.errstate(invalid="ignore"):
            moved = np.where(answers == base, 0.0, np.abs(answers - base))
        noise = np.maximum(noise, np.nan_to_num(moved, nan=np.inf))
    return noise
