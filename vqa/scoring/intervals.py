"""95 % intervals of rates over questions that come in clusters: those about one image are not independent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vqa.scoring.answer_sets import Floats, Integers, Strings, distinct_codes
from vqa.scoring.beta import beta_quantile, student_t_quantile

RESAMPLES = 1000
CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2
# Sums of squares per question below this are rounding errors.
_NO_SPREAD = 1e-12
Key = TypeVar("Key", bound=Hashable)
# Numbers in one block of resampled weights: bounds the memory, not the result.
_BLOCK = 4_000_000
# Numbers that are drawn at once: few enough to stay in the processor's cache, where fresh memory takes twice the time.
_PART = 100_000


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
    """Return what each question is clustered with: its image, or itself where it has none."""
    return [f"image {image}" if image else f"question {question}" for question, image in zip(question_ids, image_ids)]


class ClusterSums(NamedTuple):
    """What the intervals of K rates are computed from, each float64 (K,).

    With z_g = sum over the questions of cluster g of (value - rate), and m_g their number:

    Attributes
    ----------
    questions, clusters : their number
    rate : the mean value
    squares : sum over the questions of (value - rate)^2
    second, fourth : sum over the clusters of z_g^2, of z_g^4
    sizes : sum over the clusters of m_g^2
    """

    questions: Floats
    clusters: Floats
    rate: Floats
    squares: Floats
    second: Floats
    fourth: Floats
    sizes: Floats


def _sums(values: Floats, codes: Integers) -> list[float]:
    """Return the numbers of `ClusterSums` for one rate, of values (N,) in the clusters `codes`, int64 (N,); N > 0."""
    rate = values.mean()
    gaps = values - rate
    # Not np.unique, which sorts: clusters without a question add nothing to the sums, and are only not counted.
    squares = np.bincount(codes, weights=gaps) ** 2
    sizes = np.bincount(codes).astype(np.float64)
    return [len(values), np.count_nonzero(sizes), rate, gaps @ gaps, squares.sum(), squares @ squares, sizes @ sizes]


def rate_interval(sums: ClusterSums) -> tuple[Floats, Floats]:
    """Return the lower and upper bounds (K,) of K rates of values in [0, 1], from their sums, each (K,).

    The interval is that of Clopper and Pearson for n* questions of which rate n* are right, after Korn and Graubard:

        n*     = n b / effect, but never below n^2 / sum of m_g^2, to which clusters of one answer each would lead
        b      = rate (1 - rate) / variance of the values with one 0 and one 1 added, at least 1; 1 for right or wrong
        effect = design effect (t_v / t_(n-1))^2
        design effect = G / (G - 1) sum of z_g^2 / (n / (n - 1) sum of (value - rate)^2), at least 1
        v      = (sum of z_g^2)^2 / sum of z_g^4, at most G - 1: how many clusters the design effect is known from

    with t_v the 0.975 quantile of Student's t. One question per cluster gives n* = n and the interval of Clopper and
    Pearson. Where all values are equal, nothing is known of the clusters: the bound for G clusters is taken, with all
    of them right 0.025^(1/G). One cluster tells nothing, unless all its values are equal.

    Source: Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", 1998; v after Satterthwaite, "An approximate distribution of estimates of variance
    components", 1946.

    >>> low, high = rate_interval(ClusterSums(*np.array([[10], [10], [0.9], [0.9], [0.9], [0.657], [10]])))
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.555, 0.9975)
    """
    n, clusters, rate, squares = sums[:4]
    equal = squares <= _NO_SPREAD * n
    several = ~equal & (clusters > 1)
    unseen = 1 - _TAIL ** (1 / clusters)
    low = np.where(equal, rate * (1 - unseen), 0.0)
    high = np.where(equal, 1 - (1 - rate) * (1 - unseen), 1.0)
    if several.any():
        n, clusters, rate, squares, second, fourth, sizes = (each[several] for each in sums)
        design = np.maximum(1.0, clusters / (clusters - 1) * second / (n / (n - 1) * squares))
        freedom = np.clip(second**2 / np.maximum(fourth, _NO_SPREAD**2), 1.0, clusters - 1)
        quantiles = student_t_quantile(CONFIDENCE, np.concatenate((freedom, n - 1))).reshape(2, -1)
        binomial = rate * (1 - rate)
        independent = n * binomial / np.minimum(binomial, (squares + rate**2 + (1 - rate) ** 2) / n) / design
        effective = np.maximum(independent * (quantiles[1] / quantiles[0]) ** 2, n**2 / sizes)
        effective = np.minimum(effective, independent)
        right, wrong = rate * effective, (1 - rate) * effective
        # The upper bound of the right ones is 1 minus the lower bound of the wrong ones.
        bounds = beta_quantile(_TAIL, np.concatenate((right, wrong)), np.concatenate((wrong, right)) + 1)
        low[several], high[several] = bounds[: len(n)], 1 - bounds[len(n) :]
    return low, high


def rates_from_sums(sums: Mapping[Key, Sequence[float]]) -> dict[Key, Rate]:
    """Return rates with their intervals, all computed at once, from the numbers of `ClusterSums` of each."""
    if not sums:
        return {}
    columns = ClusterSums(*np.array(list(sums.values())).T)
    numbers = zip(sums, columns.rate.tolist(), columns.questions.tolist(), *rate_interval(columns))
    return {name: Rate(rate, int(n), float(low), float(high)) for name, rate, n, low, high in numbers}


def clustered_variance(values: Floats, codes: Integers) -> float:
    """Return the variance of the mean of values (N,) in clusters `codes`, int64 (N,); 0 for a single cluster.

    With z_g the sum over cluster g of (value - mean): G / (G - 1) sum of z_g^2 / N^2.
    """
    num_clusters = len(np.unique(codes))
    if num_clusters < 2:
        return 0.0
    squares = np.bincount(codes, weights=values - values.mean()) ** 2
    return num_clusters / (num_clusters - 1) * float(squares.sum()) / len(values) ** 2


def design_effect(values: Floats, codes: Integers) -> float | None:
    """Return `clustered_variance` over what it would be for independent questions; None where all values are equal."""
    independent = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    return clustered_variance(values, codes) / independent if independent else None


class Clusters:
    """Questions in clusters, and the rates over them with their intervals.

    Parameters
    ----------
    names : name of the cluster of each of N questions
    """

    def __init__(self, names: Sequence[str] | Strings) -> None:
        self.codes, distinct = distinct_codes(names)
        self.num_clusters = len(distinct)

    def rate(self, values: npt.ArrayLike, rows: npt.ArrayLike | None = None) -> Rate | None:
        """Return the mean of `values` (N,) in [0, 1] with its interval, over `rows` where given; None over none.

        NaN is no value: the mean and its n are over the questions that have one.
        """
        return self._rates(values, {"": slice(None) if rows is None else np.asarray(rows)}).get("")

    def rates_of(self, columns: Mapping[Key, npt.ArrayLike]) -> dict[Key, Rate]:
        """Return the `rate` of each column of values (N,), as single calls but faster; none for one without a value."""
        return self._with_intervals((name, values, slice(None)) for name, values in columns.items())

    def rates_by_name(self, values: npt.ArrayLike, names: Sequence[str] | Strings) -> dict[str, Rate]:
        """Return the rate for each distinct non-empty name of `names` (N,), the most frequent first."""
        return self._rates(values, rows_by_name(names))

    def rates_by_groupings(
        self, values: npt.ArrayLike, *groupings: Mapping[str, Integers]
    ) -> tuple[Rate | None, list[dict[str, Rate]]]:
        """Return the rate over all questions, and those over the rows of each name of each grouping, `rows_by_name`."""
        rows_of: dict[tuple[int, str], Integers | slice] = {(-1, ""): slice(None)}
        for number, grouping in enumerate(groupings):
            rows_of.update({(number, name): rows for name, rows in grouping.items()})
        found = self._rates(values, rows_of)
        by_grouping: list[dict[str, Rate]] = [{} for _ in groupings]
        for (number, name), rate in found.items():
            if number >= 0:
                by_grouping[number][name] = rate
        return found.get((-1, "")), by_grouping

    def _rates(self, values: npt.ArrayLike, rows_of: Mapping[Key, Integers | slice]) -> dict[Key, Rate]:
        """Return the rate over the rows of each name; names without a value have none."""
        return self._with_intervals((name, values, rows) for name, rows in rows_of.items())

    def _with_intervals(self, parts: Iterable[tuple[Key, npt.ArrayLike, Integers | slice]]) -> dict[Key, Rate]:
        """Return the rates over rows of values by their names, all intervals at once: they take longest one by one."""
        found = {}
        for name, values, rows in parts:
            part = np.asarray(values, dtype=np.float64)[rows]
            there = ~np.isnan(part)
            if there.any():
                found[name] = _sums(part[there], self.codes[rows][there])
        return rates_from_sums(found)


class ClusterBootstrap(Clusters):
    """Clusters that are also resampled, for what no formula gives: whole clusters with replacement, from one seed.

    Parameters
    ----------
    names : name of the cluster of each of N questions
    seed : of the random generator
    """

    def __init__(self, names: Sequence[str] | Strings, *, seed: int = 1, resamples: int = RESAMPLES) -> None:
        super().__init__(names)
        self.seed = seed
        self.resamples = resamples

    def statistics(self, columns: Floats, compute: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds (K,) of K statistics that are computed from sums over the questions.

        Parameters
        ----------
        columns : float64 (N, C)
        compute : gives K statistics (B, K) for B rows of sums (B, C)
        """
        table = np.column_stack([np.bincount(self.codes, weights=column) for column in columns.T])
        found = np.concatenate([compute(weights @ table) for weights in self._weights()])
        low, high = np.quantile(found, (_TAIL, 1 - _TAIL), axis=0)
        return low, high

    def _weights(self) -> Iterator[Floats]:
        """Yield blocks (B, G) of the weights: how often each cluster is drawn in each resample."""
        generator = np.random.default_rng(self.seed)
        size = self.num_clusters
        block, part = max(1, _BLOCK // max(size, 1)), max(1, _PART // max(size, 1))
        for start in range(0, self.resamples, block):
            weights = np.empty((min(block, self.resamples - start), size))
            for rows in (weights[first : first + part] for first in range(0, len(weights), part)):
                drawn = generator.integers(size, size=rows.shape)
                drawn += size * np.arange(len(rows))[:, np.newaxis]
                rows[:] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(rows.shape)
            yield weights


def rows_by_name(names: Sequence[str] | Strings) -> dict[str, Integers]:
    """Return for each distinct non-empty name of `names` (N,) its rows, the most frequent name first."""
    codes, distinct = distinct_codes(names)
    counts = np.bincount(codes, minlength=len(distinct))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    order = sorted(range(len(distinct)), key=lambda code: (-counts[code], distinct[code]))
    return {distinct[code]: rows[code] for code in order if distinct[code]}
