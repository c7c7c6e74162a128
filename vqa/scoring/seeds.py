"""One system trained from several seeds: the mean, the spread over seeds, and what it would be with other questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqa.scoring.answer_sets import Floats
from vqa.scoring.beta import student_t_quantile
from vqa.scoring.intervals import CONFIDENCE, Clusters, Rate, clustered_variance


@dataclass(frozen=True)
class SeedSpread:
    """A rate of one system over several seeds.

    Attributes
    ----------
    mean : over seeds and questions; its interval is for other questions and other seeds
    values : the rate of each seed
    standard_deviation : of `values`, S - 1 in the denominator
    variance : of one seed's rate, with other questions: the sum of the three shares is 1, or all are 0
    seeds_share : of the variance, from the seed alone: it moves all questions
    questions_share : from the questions alone: which are easy for all seeds
    both_share : from the questions whose answer depends on the seed
    """

    mean: Rate
    values: list[float]
    standard_deviation: float
    variance: float
    seeds_share: float
    questions_share: float
    both_share: float


def seed_spread(scores: Sequence[Floats], clusters: Clusters) -> SeedSpread | None:
    """Return how a rate varies over S seeds and over questions in clusters; None where no question has a score.

    With y_sn the score of seed s on question n, y_s and y_n its means over questions and over seeds, y the mean of all,
    r_sn = y_sn - y_s - y_n + y, and sums over the questions of cluster g:

        both      = G / (G - 1) / (S - 1) sum over s and g of (sum of r_sn)^2 / N^2
        questions = G / (G - 1) sum over g of (sum of y_n - y)^2 / N^2 - both / S, at least 0
        seeds     = sum over s of (y_s - y)^2 / (S - 1) - both, at least 0

    Source: the components of a two-way layout, Searle, Casella and McCulloch, "Variance components", 1992, section 4.3,
    with sums over clusters in the place of questions.

    Parameters
    ----------
    scores : S arrays (N,) in [0, 1], S at least 2; NaN, in all of them, for a question without a score

    >>> spread = seed_spread([np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])], Clusters("abcd"))
    >>> spread.mean.value, spread.values, round(spread.standard_deviation, 4)
    (0.625, [0.5, 0.75], 0.1768)
    """
    table = np.stack(scores)  # (S, N)
    there = ~np.isnan(table[0])
    mean = clusters.rate(table.mean(axis=0))
    if mean is None:
        return None
    table, codes = table[:, there], clusters.codes[there]
    num_seeds = len(table)
    of_seeds, of_questions = table.mean(axis=1), table.mean(axis=0)
    spread = float(of_seeds.var(ddof=1))
    rest = table - of_seeds[:, None] - of_questions + mean.value
    both = sum(clustered_variance(row, codes) for row in rest) / (num_seeds - 1)
    questions = max(0.0, clustered_variance(of_questions, codes) - both / num_seeds)
    seeds = max(0.0, spread - both)
    variance = seeds + questions + both
    shares = [part / variance if variance else 0.0 for part in (seeds, questions, both)]
    return SeedSpread(_with_seeds(mean, spread, num_seeds), of_seeds.tolist(), spread**0.5, variance, *shares)


def _with_seeds(mean: Rate, spread: float, num_seeds: int) -> Rate:
    """Return the mean over seeds, its interval widened by what other seeds would change."""
    more = float(student_t_quantile(CONFIDENCE, [num_seeds - 1])[0]) ** 2 * spread / num_seeds
    low = mean.value - ((mean.value - mean.low) ** 2 + more) ** 0.5
    high = mean.value + ((mean.high - mean.value) ** 2 + more) ** 0.5
    return Rate(mean.value, mean.n, max(0.0, low), min(1.0, high))


def render_spread(label: str, spread: SeedSpread) -> list[str]:
    """Return a rate over seeds as lines of text."""
    mean = spread.mean
    values = ", ".join(f"{value:.4f}" for value in spread.values)
    return [
        f"{label:<18}{mean.value:.4f}, 95 % interval [{mean.low:.4f}, {mean.high:.4f}], standard deviation over "
        f"{len(spread.values)} seeds {spread.standard_deviation:.4f}",
        f"  each seed        {values}",
        f"  variance         {100 * spread.seeds_share:.0f} % seeds, {100 * spread.questions_share:.0f} % questions, "
        f"{100 * spread.both_share:.0f} % both (questions whose answer depends on the seed)",
    ]
