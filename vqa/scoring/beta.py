"""Quantiles of the beta distribution, and of Student's t, which follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import Floats

_STEPS = 100
_TERMS_AT_ONCE = 16
_PRECISION = 1e-10
_LAST_STEP = 1e-4
# From this many degrees of freedom on, four terms of the expansion of Student's t are exact to nine digits.
_MANY = 50


def incomplete_beta(x: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the regularised incomplete beta function, P(X <= x) for X of the beta distribution with a and b.

    Source: Press et al., "Numerical Recipes", section 6.4: a continued fraction, by the method of Lentz.

    Parameters
    ----------
    x : float (K,) in [0, 1]
    a, b : float (K,), above 0

    >>> incomplete_beta([0.25, 0.5], [1, 2], [1, 2]).round(6).tolist()
    [0.25, 0.5]
    """
    x, a, b = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (x, a, b)))
    # The fraction converges fast on this side of the mean; the other side is its mirror image.
    mirrored = x > (a + 1) / (a + b + 2)
    x, a, b = np.where(mirrored, 1 - x, x), np.where(mirrored, b, a), np.where(mirrored, a, b)
    with np.errstate(divide="ignore"):
        front = np.exp(a * np.log(x) + b * np.log1p(-x) - _log_beta(a, b)) / a
    below = np.where((x > 0) & (x < 1), front * _fraction(x, a, b), np.where(x > 0, 1.0, 0.0))
    return np.where(mirrored, 1 - below, below)


def _log_beta(a: Floats, b: Floats) -> Floats:
    return np.array([math.lgamma(one) + math.lgamma(two) - math.lgamma(one + two) for one, two in zip(a, b)])


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    top: Floats = np.ones_like(x)
    bottom = 1 / (1 - (a + b) * x / (a + 1))
    value = bottom
    # What has converged stays as it is: a result does not depend on what is computed beside it.
    going = np.ones(x.shape, dtype=bool)
    for terms in _terms(x, a, b):
        for term in terms:
            bottom = 1 / (1 + term * bottom)
            top = 1 + term / top
            factor = bottom * top
            value = np.where(going, value * factor, value)
        going &= np.abs(factor - 1) >= 1e-12
        if not going.any():
            break
    return value


def _terms(x: Floats, a: Floats, b: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield the even and the odd term of every step of the fraction, computed for several steps at once."""
    for first in count(1, _TERMS_AT_ONCE):
        step = np.arange(first, first + _TERMS_AT_ONCE)[:, np.newaxis]
        place = a + 2 * step
        even = step * (b - step) * x / ((place - 1) * place)
        odd = -(a + step) * (a + b + step) * x / (place * (place + 1))
        yield from zip(even, odd)


def beta_quantile(probability: float, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return x (K,) with P(X <= x) = probability for X of the beta distributions with a and b, float (K,) above 0.

    >>> beta_quantile(0.025, [10], [1]).round(4).tolist()
    [0.6915]
    """
    a, b = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (a, b)))
    low, high = np.zeros(a.shape), np.ones(a.shape)
    log_beta = _log_beta(a, b)
    x = _guess(probability, a, b)
    width = np.sqrt(a * b / (a + b + 1)) / (a + b)
    for _ in range(_STEPS):
        excess = incomplete_beta(x, a, b) - probability
        low, high = np.where(excess < 0, x, low), np.where(excess < 0, high, x)
        with np.errstate(all="ignore"):
            density = np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - log_beta)
            # Newton's step, by Halley's formula; where it leaves the bracket, the middle of the bracket instead.
            step = excess / density
            step = step / (1 - 0.5 * np.clip(step * ((a - 1) / x - (b - 1) / (1 - x)), -1, 1))
            following = x - step
        inside = (following >= low) & (following <= high) & (following > 0) & (following < 1)
        following = np.where(inside, following, (low + high) / 2)
        moved = np.abs(following - x)
        x = following
        # The relative error of Halley's formula is the cube of its step's; where the bracket is halved it is the step.
        scale = np.minimum(width, np.minimum(x, 1 - x))
        if np.all(moved <= np.where(inside, _LAST_STEP * scale, _PRECISION)):
            break
    return x


def _guess(probability: float, a: Floats, b: Floats) -> Floats:
    """Return about the quantile: Abramowitz and Stegun, 26.5.22, or where a or b is below 1 the power of a tail."""
    normal = NormalDist().inv_cdf(probability)
    bend = (normal**2 - 3) / 6
    with np.errstate(all="ignore"):
        mean = 2 / (1 / (2 * a - 1) + 1 / (2 * b - 1))
        shift = (1 / (2 * b - 1) - 1 / (2 * a - 1)) * (bend + 5 / 6 - 2 / (3 * mean))
        near_normal = a / (a + b * np.exp(2 * (-normal * np.sqrt(bend + mean) / mean - shift)))
        left, right = (a / (a + b)) ** a / a, (b / (a + b)) ** b / b
        tails = np.where(
            probability < left / (left + right),
            (a * (left + right) * probability) ** (1 / a),
            1 - (b * (left + right) * (1 - probability)) ** (1 / b),
        )
    guess = np.where((a >= 1) & (b >= 1), near_normal, tails)
    return np.where((guess > 0) & (guess < 1), guess, a / (a + b))


def student_t_quantile(probability: float, freedom: npt.ArrayLike) -> Floats:
    """Return t (K,) with P(|T| <= t) = probability for Student's distributions with `freedom`, float (K,) above 0.

    T^2 / (freedom + T^2) has the beta distribution with 1/2 and freedom / 2. Source of the expansion for many degrees
    of freedom: Abramowitz and Stegun, 26.7.5.

    >>> student_t_quantile(0.95, [1, 10]).round(3).tolist()
    [12.706, 2.228]
    """
    freedom = np.asarray(freedom, dtype=np.float64)
    z = NormalDist().inv_cdf((1 + probability) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    quantile: Floats = np.polynomial.polynomial.polyval(1 / freedom, terms)
    few = freedom < _MANY
    share = beta_quantile(probability, np.full(few.sum(), 0.5), freedom[few] / 2)
    quantile[few] = np.sqrt(freedom[few] * share / (1 - share))
    return quantile
