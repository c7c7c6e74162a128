"""Two systems on the same questions: their rates, the difference with its interval, and the p-value."""

from __future__ import annotations

import numpy as np

from vqa.scoring.answer_sets import Floats, Integers
from vqa.scoring.comparison_schema import MarginTest, PairedRates, TypeComparison
from vqa.scoring.intervals import Clusters, Rate, rows_by_name
from vqa.scoring.sign_flips import holm, sign_flip_interval, sign_flip_p


class Pairs:
    """Questions in clusters, over which the scores of two systems are compared.

    Parameters
    ----------
    seed : of the random signs from which intervals come
    """

    def __init__(self, clusters: Clusters, seed: int) -> None:
        self.clusters = clusters
        self.seed = seed

    def p_value(self, first: Floats, second: Floats, rows: Integers | None = None, parts: int = 1) -> float:
        """Return the p-value of hits (N,) over `rows`, or over all; of shares of hits in whole `parts` of 1."""
        differences, codes = self._differences(first, second, rows)
        return sign_flip_p(np.rint(differences * parts), codes)

    def difference(
        self, first: Floats, second: Floats, rows: Integers | None = None, p_value: float | None = None
    ) -> Rate:
        """Return the mean of second - first over `rows`, or over all, with its interval."""
        differences, codes = self._differences(first, second, rows)
        interval = sign_flip_interval(differences, codes, p_value=p_value, seed=self.seed)
        return Rate(float(differences.mean()), len(differences), *interval)

    def rates(
        self, first: Floats, second: Floats, rows: Integers | None = None, p_value: float | None = None
    ) -> PairedRates:
        """Return both rates and their difference over `rows`, of which there is at least one, or over all."""
        one, other = self.clusters.rate(first, rows), self.clusters.rate(second, rows)
        assert one is not None
        assert other is not None
        return PairedRates(one, other, self.difference(first, second, rows, p_value))

    def by_name(self, hits: tuple[Floats, Floats], names: list[str]) -> dict[str, TypeComparison]:
        """Return the paired rates and the p-value for each non-empty name, the most frequent first."""
        rows_of = rows_by_name(names)
        p_values = [self.p_value(*hits, rows) for rows in rows_of.values()]
        found = {}
        for (name, rows), p_value, corrected in zip(rows_of.items(), p_values, holm(p_values)):
            rates = self.rates(*hits, rows, p_value)
            found[name] = TypeComparison(len(rows), **vars(rates), p_value=p_value, p_value_holm=corrected)
        return found

    def _differences(self, first: Floats, second: Floats, rows: Integers | None) -> tuple[Floats, Integers]:
        differences, codes = second - first, self.clusters.codes
        return (differences, codes) if rows is None else (differences[rows], codes[rows])


def margin_test(difference: Rate, margin: float) -> MarginTest:
    """Return whether the interval of second - first shows that neither is worse than the other by more than `margin`.

    >>> margin_test(Rate(0.01, 100, -0.005, 0.025), 0.01)
    MarginTest(margin=0.01, second_no_worse=True, first_no_worse=False, equivalent=False)
    """
    second, first = difference.low > -margin, difference.high < margin
    return MarginTest(margin, second, first, second and first)
