"""deaccumulate: undo a metric that was never reset, from the values that it printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vqa.errors import DataError

Verdict = Literal["never reset", "reset every pass", "neither", "undecided"]

# Values may have been computed in float32 before they were printed.
FLOAT32_EPSILON = 2.0**-23
# An explanation counts as proven when random numbers would fit the log less often than this.
PROOF = 1e-3


@dataclass(frozen=True)
class Deaccumulated:
    """A log of accuracies, and what each pass must have been.

    Attributes
    ----------
    verdict : "never reset", "reset every pass", "neither" fits, or "undecided" for too few passes or digits
    fits : whether whole hit counts explain the log as one metric that was never reset
    hits : the hits of each pass; empty where `fits` is false
    accuracies : the accuracy of each pass, in [0, 1]; from the printed values alone where `fits` is false
    counts : the samples of each pass
    largest_distance : largest distance of a running number of hits from a whole number, in hits
    allowed_distance : the distance that rounding of the printed digits can explain at that place, in hits
    chance : probability that values drawn at random would fit as well, in [0, 1]
    """

    verdict: Verdict
    fits: bool
    hits: tuple[int, ...]
    accuracies: tuple[float, ...]
    counts: tuple[int, ...]
    largest_distance: float
    allowed_distance: float
    chance: float

    def __str__(self) -> str:
        distance = (
            f"the running hits are at most {self.largest_distance:.2g} from a whole number, "
            f"{self.allowed_distance:.2g} allowed"
        )
        if self.verdict == "never reset":
            return f"one metric that was never reset explains the log: {distance}"
        if self.verdict == "reset every pass":
            return "the metric was reset before every pass: each value is the accuracy of its own pass"
        if self.verdict == "neither":
            return (
                f"neither a metric that was never reset nor one that was reset every pass explains the log: {distance}"
            )
        if self.chance < PROOF:
            return "the log fits both a metric that was never reset and one that was reset every pass"
        return f"too few passes or digits to tell: random values would fit in {self.chance:.1%} of cases"


def deaccumulate(values: Sequence[float | str], counts: Sequence[int]) -> Deaccumulated:
    """Undo a running accuracy that was never reset between passes.

    The k-th value is (h_1 + ... + h_k) / (n_1 + ... + n_k) with whole hits 0 <= h_i <= n_i. The running sums are
    rounded to the nearest whole numbers that keep every pass within its bounds. If the printed digits allow none, the
    log has another explanation.

    Parameters
    ----------
    values : accuracies in the order in which they were printed, fractions with every printed digit; text keeps
        trailing zeros
    counts : samples of each pass

    Raises
    ------
    DataError
        The lengths differ, there is no pass, a count is below 1, or a value is not a number.

    >>> log = deaccumulate([0.5, 0.6, 0.7], [10, 10, 20])
    >>> log.hits, log.accuracies
    ((5, 7, 16), (0.5, 0.7, 0.8))
    """
    numbers, digits = _parsed(values, counts)
    totals = [sum(counts[: place + 1]) for place in range(len(counts))]
    running = [value * total for value, total in zip(numbers, totals)]
    allowed = [_allowed(value, total, digits) for value, total in zip(numbers, totals)]
    sums = _whole_sums(running, allowed, counts)
    chance = math.prod(min(1.0, 2 * distance) for distance in allowed)
    if sums:
        hits = tuple(after - before for before, after in zip([0, *sums], sums))
        accuracies = tuple(hit / count for hit, count in zip(hits, counts))
    else:
        hits = ()
        accuracies = tuple((after - before) / n for before, after, n in zip([0.0, *running], running, counts))
    distances = [abs(value - round(value)) for value in running]
    worst = max(range(len(running)), key=lambda place: distances[place] / allowed[place])
    return Deaccumulated(
        _verdict(bool(sums), chance, _fits_reset(numbers, counts, digits)),
        bool(sums),
        hits,
        accuracies,
        tuple(counts),
        distances[worst],
        allowed[worst],
        chance,
    )


def _parsed(values: Sequence[float | str], counts: Sequence[int]) -> tuple[list[float], int]:
    """Return the values as numbers, and the digits after the point that the log was printed with."""
    if len(values) != len(counts) or not len(values):
        raise DataError(
            f"expected one count per value, and at least one value, got {len(values)} values and {len(counts)} counts"
        )
    wrong = [count for count in counts if count < 1 or count != int(count)]
    if wrong:
        raise DataError(f"expected counts of at least 1, got {wrong[0]}")
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise DataError(f"expected accuracies as numbers: {error}") from error
    if not all(map(math.isfinite, numbers)):
        raise DataError(f"expected accuracies as numbers, got {values[[*map(math.isfinite, numbers)].index(False)]}")
    # Python drops trailing zeros, so the longest value shows how many digits were printed.
    return numbers, max(_digits(value) for value in values)


def _digits(value: float | str) -> int:
    """Return the number of digits after the decimal point.

    >>> _digits(0.25), _digits("0.250"), _digits(1e-07)
    (2, 3, 7)
    """
    mantissa, _, exponent = (value if isinstance(value, str) else repr(float(value))).lower().partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))


def _allowed(value: float, total: int, digits: int) -> float:
    """Return how far ``value * total`` may be from a whole number of hits through rounding alone."""
    return total * (0.5 * 10.0**-digits + abs(value) * FLOAT32_EPSILON)


def _whole_sums(running: Sequence[float], allowed: Sequence[float], counts: Sequence[int]) -> list[int]:
    """Return whole running sums within the allowed distances that rise by 0 to n per pass, or [] if there are none."""
    # Forwards: the sums that can be reached. Backwards: the reachable sum nearest to each printed value.
    lows, highs = [], []
    low = high = 0
    for value, distance, count in zip(running, allowed, counts):
        low = max(low, math.ceil(value - distance))
        high = min(high + count, math.floor(value + distance))
        if low > high:
            return []
        lows.append(low)
        highs.append(high)
    sums = [0] * len(counts)
    for place in range(len(counts) - 1, -1, -1):
        low, high = lows[place], highs[place]
        if place + 1 < len(counts):
            low, high = max(low, sums[place + 1] - counts[place + 1]), min(high, sums[place + 1])
        sums[place] = min(max(round(running[place]), low), high)
    return sums


def _fits_reset(numbers: Sequence[float], counts: Sequence[int], digits: int) -> bool:
    """Tell whether every value is a whole number of hits of its own pass."""
    return all(
        0 <= value <= 1 and abs(value * count - round(value * count)) <= _allowed(value, count, digits)
        for value, count in zip(numbers, counts)
    )


def _verdict(fits: bool, chance: float, fits_reset: bool) -> Verdict:
    if fits and not fits_reset:
        return "never reset" if chance < PROOF else "undecided"
    if fits_reset and not fits:
        return "reset every pass"
    return "undecided" if fits else "neither"
