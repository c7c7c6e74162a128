"""Can a printed accuracy come from a whole number of hits?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation

from vqa.errors import ConfigError

_ROUNDINGS = (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)


@dataclass(frozen=True)
class WholeHits:
    """The numbers of hits that are printed as `printed` percent of `questions`, and the nearest percentages if none is.

    Attributes
    ----------
    hits : whole numbers, in increasing order; empty where the accuracy cannot be a share of that many questions
    nearest : exact percentages of the hits just below and above
    """

    printed: str
    questions: int
    hits: list[int]
    nearest: list[float]

    def to_text(self) -> str:
        """Return the answer as one line."""
        if self.hits:
            found = f"{self.hits[0]:,}" if len(self.hits) == 1 else f"{self.hits[0]:,} to {self.hits[-1]:,}"
            return f"{self.printed} % of {self.questions:,} questions: {found} hits"
        near = " and ".join(f"{value:.4f}" for value in self.nearest)
        return (
            f"{self.printed} % cannot come from a whole number of hits on {self.questions:,} questions "
            f"(nearest: {near}): another number of questions, partial scores, or a mean of means"
        )


def whole_hits(printed: str, questions: int) -> WholeHits:
    """Return the numbers of hits h for which 100 h / questions is printed so, rounded to its digits or cut off.

    Raises
    ------
    ConfigError
        `printed` is not a percentage from 0 to 100.

    >>> whole_hits("72.5", 451).hits, whole_hits("72.4", 451).hits
    ([327], [])
    """
    try:
        value = Decimal(printed)
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= 100):
        raise ConfigError(f"expected a percentage from 0 to 100, such as 72.5, got {printed!r}")
    digits = Decimal(1).scaleb(int(value.as_tuple().exponent))
    middle = int(value * questions / 100)
    # All that can be printed so lies within one unit of the last digit.
    reach = int(digits * questions / 100) + 2
    hits = [
        count
        for count in range(max(0, middle - reach), min(questions, middle + reach) + 1)
        if any((100 * Decimal(count) / questions).quantize(digits, rounding) == value for rounding in _ROUNDINGS)
    ]
    nearest = [] if hits else [100 * count / questions for count in (middle, min(questions, middle + 1))]
    return WholeHits(printed, questions, hits, nearest)
