"""95 % intervals of means: a bootstrap over images, because questions about one image are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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

    Every number is computed on the same resamples, so that it does not depend on what was computed before it.

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

        NaN is no value: the mean and its n are over the questions that have one.
        """
        chosen, codes = self._chosen(values, rows)
        if not len(chosen):
            return None
        sums: Floats = np.bincount(codes, weights=chosen, minlength=self.num_clusters).astype(np.float64)
        counts = np.bincount(codes, minlength=self.num_clusters)
        drawn_sums, drawn_counts = self._resampled_sums(sums, counts).T
        there = drawn_counts > 0  # a resample may have none of the few clusters that `rows` are from
        low, high = np.quantile(drawn_sums[there] / drawn_counts[there], _TAILS)
        value = float(chosen.mean())
        return Rate(value, len(chosen), min(value, float(low)), max(value, float(high)))

    def _chosen(self, values: npt.ArrayLike, rows: npt.ArrayLike | None) -> tuple[Floats, Integers]:
        """Return the values of `rows` that are not NaN, and their clusters."""
        chosen, codes = np.asarray(values, dtype=np.float64), self.codes
        if rows is not None:
            index = np.asarray(rows)
            chosen, codes = chosen[index], codes[index]
        there = ~np.isnan(chosen)
        return (chosen, codes) if there.all() else (chosen[there], codes[there])

    def rate(self, values: npt.ArrayLike, rows: npt.ArrayLike | None = None) -> Rate | None:
        """Return the mean of values in [0, 1] with its interval; as `mean`, but honest where resampling sees no spread.

        Where every question scores 0, or every one 1, the exact binomial bound for the number of clusters is used:
        with all of G clusters right the rate may be as low as 0.025^(1/G). One cluster alone tells nothing more.
        """
        mean = self.mean(values, rows)
        if mean is None or round(mean.high - mean.low, _DECIMALS - 3):
            return mean
        num_clusters = len(np.unique(self._chosen(values, rows)[1]))
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
        found = np.concatenate([compute(weights @ table) for weights in self._weights()])
        low, high = np.quantile(found, _TAILS, axis=0)
        return low, high

    def _resampled_sums(self, sums: Floats, counts: Integers) -> Floats:
        """Return float64 (resamples, 2): resampled totals of each cluster's sum and count, both (G,).

        Clusters with equal sums and counts are interchangeable. Few clusters are drawn one by one, in the order of
        their numbers, which are then the same in whatever order the questions come. Of many, only how many of each
        kind are drawn: a multinomial over the few distinct pairs has exactly that distribution.
        """
        if self._fits_one_block:
            (weights,) = self._weights()
            return weights @ _in_order(sums, counts)
        there = counts > 0
        pairs = _in_order(sums[there], counts[there])
        starts = np.flatnonzero(np.concatenate(([True], (pairs[1:] != pairs[:-1]).any(axis=1))))
        # The clusters without a question are one more kind, the first.
        kinds = np.concatenate((np.zeros((1, 2)), pairs[starts]))
        multiplicity = np.concatenate(([self.num_clusters - len(pairs)], np.diff(np.append(starts, len(pairs)))))
        kinds, multiplicity = kinds[multiplicity > 0], multiplicity[multiplicity > 0]
        generator = np.random.default_rng(self.seed)
        size, block = self.num_clusters, max(1, _BLOCK // len(kinds))
        drawn = [
            generator.multinomial(size, multiplicity / size, size=min(block, self.resamples - start))
            for start in range(0, self.resamples, block)
        ]
        return np.concatenate([numbers @ kinds for numbers in drawn])

    @property
    def _fits_one_block(self) -> bool:
        return self.num_clusters * self.resamples <= _BLOCK

    def _weights(self) -> Iterable[Floats]:
        """Return blocks (B, G) of the weights: how often each cluster is drawn in each resample."""
        return (self._only_block,) if self._fits_one_block else self._blocks()

    @cached_property
    def _only_block(self) -> Floats:
        (weights,) = self._blocks()
        return weights

    def _blocks(self) -> Iterator[Floats]:
        generator = np.random.default_rng(self.seed)
        size = self.num_clusters
        block = max(1, _BLOCK // max(size, 1))
        for start in range(0, self.resamples, block):
            drawn = generator.integers(size, size=(min(block, self.resamples - start), size))
            yield np.stack([np.bincount(row, minlength=size) for row in drawn]).astype(np.float64)


def _in_order(sums: Floats, counts: Integers) -> Floats:
    """Return float64 (G, 2): the pairs of a sum and a count, sorted, without the rounding errors of the sums."""
    rounded = sums.round(_DECIMALS)
    return np.column_stack((rounded, counts))[np.lexsort((rounded, counts))]


def rows_by_name(names: Sequence[str] | Strings) -> dict[str, Integers]:
    """Return for each distinct non-empty name of `names` (N,) its rows, the most frequent name first."""
    codes, distinct = distinct_codes(names)
    counts = np.bincount(codes, minlength=len(distinct))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    order = sorted(range(len(distinct)), key=lambda code: (-counts[code], distinct[code]))
    return {distinct[code]: rows[code] for code in order if distinct[code]}
