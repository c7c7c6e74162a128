"""95 % intervals of means over questions: a bootstrap over images, since questions about one image go together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import Floats, Integers, Strings, distinct_codes

RESAMPLES = 1000
CONFIDENCE = 0.95
_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
# Sums of scores that differ by less are rounding errors of one sum.
_DECIMALS = 12
# Numbers in one block of resampled weights: bounds the memory, not the result.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Rate:
    """A mean over `n` questions with its 95 % interval from `low` to `high`."""

    value: float
    n: int
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """Return {"value", "n", "low", "high"}."""
        return {"value": self.value, "n": self.n, "low": self.low, "high": self.high}


def cluster_names(question_ids: Sequence[str] | Strings, image_ids: Sequence[str] | Strings) -> list[str]:
    """Return what each question is resampled with: its image, or itself where it has none."""
    return [f"image {image}" if image else f"question {question}" for question, image in zip(question_ids, image_ids)]


class ClusterBootstrap:
    """Resamples whole clusters of questions with replacement, `resamples` times, from one seed.

    Each call draws from the seed anew, so that a number does not depend on what was computed before it.

    Parameters
    ----------
    clusters : name of the cluster of each of N questions
    seed : of the random generator
    """

    def __init__(self, clusters: Sequence[str] | Strings, *, seed: int = 1, resamples: int = RESAMPLES) -> None:
        self.codes, distinct = distinct_codes(clusters)
        self.num_clusters = len(distinct)
        self.seed = seed
        self.resamples = resamples

    def mean(self, values: npt.ArrayLike, rows: npt.ArrayLike | None = None) -> Rate | None:
        """Return the mean of `values` (N,) with its percentile interval, over `rows` where given; None over none.

        Clusters with equal sums and counts are interchangeable, so only their numbers are drawn: a multinomial
        over the few distinct (sum, count) pairs has exactly the distribution of drawing the clusters one by one.
        """
        chosen = np.asarray(values, dtype=np.float64)
        codes = self.codes
        if rows is not None:
            index = np.asarray(rows)
            chosen, codes = chosen[index], codes[index]
        if not len(chosen):
            return None
        pairs, multiplicity = _distinct_pairs(chosen, codes)
        sums = self._multinomial_sums(pairs, multiplicity)
        low, high = np.quantile(sums[:, 0] / sums[:, 1], _TAILS)
        value = float(chosen.mean())
        return Rate(value, len(chosen), min(value, float(low)), max(value, float(high)))

    def rate(self, values: npt.ArrayLike, rows: npt.ArrayLike | None = None) -> Rate | None:
        """Return the mean of values in [0, 1] with its interval; as `mean`, but honest where resampling sees no spread.

        Where every question scores 0, or every one 1, the exact binomial bound for the number of clusters stands in:
        with all of G clusters right the rate may be as low as 0.025^(1/G). One cluster alone tells nothing more.
        """
        mean = self.mean(values, rows)
        if mean is None or round(mean.high - mean.low, _DECIMALS - 3):
            return mean
        codes = self.codes if rows is None else self.codes[np.asarray(rows)]
        num_clusters = len(np.unique(codes))
        bound = _TAILS[0] ** (1 / num_clusters)
        if mean.value in (0.0, 1.0):
            low, high = (bound, 1.0) if mean.value else (0.0, 1 - bound)
            return Rate(mean.value, mean.n, low, high)
        return Rate(mean.value, mean.n, 0.0, 1.0) if num_clusters == 1 else mean

    def rates_by_name(self, values: npt.ArrayLike, names: Sequence[str] | Strings) -> dict[str, Rate]:
        """Return the rate for each distinct non-empty name of `names` (N,), the most frequent first."""
        rates = {name: self.rate(values, rows) for name, rows in rows_by_name(names).items()}
        return {name: rate for name, rate in rates.items() if rate is not None}

    def statistics(self, columns: Floats, compute: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds (K,) of K statistics that are computed from sums over the questions.

        Parameters
        ----------
        columns : float64 (N, C)
        compute : gives K statistics (B, K) for B rows of sums (B, C)
        """
        table = np.column_stack([np.bincount(self.codes, weights=column) for column in columns.T])
        generator = np.random.default_rng(self.seed)
        size = len(table)
        block = max(1, _BLOCK // max(size, 1))
        found = []
        for start in range(0, self.resamples, block):
            drawn = generator.integers(size, size=(min(block, self.resamples - start), size))
            weights = np.stack([np.bincount(row, minlength=size) for row in drawn]).astype(np.float64)
            found.append(compute(weights @ table))
        low, high = np.quantile(np.concatenate(found), _TAILS, axis=0)
        return low, high

    def _multinomial_sums(self, pairs: Floats, multiplicity: Integers) -> Floats:
        """Return float64 (resamples, 2): resampled sums of the columns of `pairs` (U, 2)."""
        generator = np.random.default_rng(self.seed)
        total = int(multiplicity.sum())
        block = max(1, _BLOCK // len(pairs))
        sums = [
            generator.multinomial(total, multiplicity / total, size=min(block, self.resamples - start)) @ pairs
            for start in range(0, self.resamples, block)
        ]
        return np.concatenate(sums)


def rows_by_name(names: Sequence[str] | Strings) -> dict[str, Integers]:
    """Return for each distinct non-empty name of `names` (N,) its rows, the most frequent name first."""
    codes, distinct = distinct_codes(names)
    counts = np.bincount(codes, minlength=len(distinct))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    order = sorted(range(len(distinct)), key=lambda code: (-counts[code], distinct[code]))
    return {distinct[code]: rows[code] for code in order if distinct[code]}


def _distinct_pairs(values: Floats, codes: Integers) -> tuple[Floats, Integers]:
    """Return the distinct (sum, count) of the clusters present, float64 (U, 2), and how many clusters have each."""
    counts = np.bincount(codes)
    present = counts > 0
    sums = np.bincount(codes, weights=values)[present].round(_DECIMALS)
    counts = counts[present]
    order = np.lexsort((sums, counts))
    pairs = np.column_stack((sums, counts))[order]
    starts = np.concatenate(([True], (pairs[1:] != pairs[:-1]).any(axis=1)))
    return pairs[starts], np.diff(np.append(np.flatnonzero(starts), len(pairs)))
