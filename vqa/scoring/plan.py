"""How many questions, and images, are needed to tell two systems apart?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from statistics import NormalDist
from typing import Any

import numpy as np

from vqa.errors import ConfigError
from vqa.scoring.answer_sets import Floats, Strings
from vqa.scoring.formatting import format_count
from vqa.scoring.intervals import Clusters, design_effect

DISAGREEMENT = 0.2
CORRELATION = 0.05
_STEPS = 60


@dataclass(frozen=True)
class PairedQuestions:
    """What two systems' answers to questions about images look like, measured or assumed.

    Attributes
    ----------
    questions, images : their number in the data that this is known from; a question without an image counts as one
    disagreement : share of the questions that exactly one of the systems has right
    design_effect : variance of the difference over that of independent questions
    known_from : where disagreement and design effect come from
    """

    questions: int
    images: int
    disagreement: float
    design_effect: float
    known_from: str


@dataclass(frozen=True)
class Plan:
    """How many questions tell two systems apart; the keys of its JSON are these fields.

    Attributes
    ----------
    difference, level, power : of accuracies, of the two-sided test, and how often it is to find the difference
    questions, images : the number needed
    pair : what was assumed or measured
    detectable : the smallest difference that the questions at hand show with this power, None where they show none
    """

    difference: float
    level: float
    power: float
    questions: int
    images: int
    pair: PairedQuestions
    detectable: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a dict of plain values, fit for `json.dump`."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the plan as text."""
        pair = self.pair
        shown = "no difference" if self.detectable is None else f"a difference of {self.detectable:.4f}"
        return "\n".join(
            [
                f"{format_count(self.questions)} questions about {format_count(self.images)} images tell two systems "
                f"apart that differ by {self.difference:g}, in {100 * self.power:g} % of cases at level {self.level:g}",
                f"  answered right by one system only: {100 * pair.disagreement:.1f} % of the questions; design effect "
                f"of the images: {pair.design_effect:.2f}",
                f"  {pair.known_from}",
                f"  the {format_count(pair.questions)} questions about {format_count(pair.images)} images at hand show "
                f"{shown} as often",
            ]
        )


def plan(difference: float, pair: PairedQuestions, *, level: float = 0.05, power: float = 0.8) -> Plan:
    """Return how many questions are needed to tell two systems apart.

    questions = design effect (z_(1 - level / 2) sqrt(disagreement) + z_power sqrt(disagreement - d^2))^2 / d^2

    Source: Connor, "Sample size for testing differences in proportions for the paired-sample design", 1987; design
    effect as in Kish, "Survey Sampling", 1965.

    Parameters
    ----------
    difference : d of the two accuracies, above 0
    level : of the two-sided test
    power : how often the difference is to be found

    Raises
    ------
    ConfigError
        The systems disagree on fewer questions than the difference needs.

    >>> plan(0.02, PairedQuestions(5000, 500, 0.2, 1.0, "assumed")).questions
    3923
    """
    if difference > pair.disagreement:
        raise ConfigError(
            f"a difference of {difference:g} needs at least {difference:.1%} of the questions answered right by one "
            f"system only, got a disagreement of {pair.disagreement:.1%}"
        )
    questions = ceil(_needed(difference, pair, level, power))
    images = ceil(questions * pair.images / pair.questions)
    return Plan(difference, level, power, questions, images, pair, _detectable(pair, level, power))


def _needed(difference: float, pair: PairedQuestions, level: float, power: float) -> float:
    normal = NormalDist()
    spread = max(0.0, pair.disagreement - difference**2)
    root = normal.inv_cdf(1 - level / 2) * pair.disagreement**0.5 + normal.inv_cdf(power) * spread**0.5
    return pair.design_effect * root**2 / difference**2


def _detectable(pair: PairedQuestions, level: float, power: float) -> float | None:
    """Return the difference for which exactly the questions at hand are needed, by bisection."""
    low, high = 0.0, pair.disagreement
    if not high or _needed(high, pair, level, power) > pair.questions:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _needed(middle, pair, level, power) <= pair.questions else (middle, high)
    return high


def assumed(names: Sequence[str] | Strings, disagreement: float, correlation: float) -> PairedQuestions:
    """Return a pair of systems on questions in clusters `names` (N,) of which nothing but the clusters is known.

    design effect = 1 + (sum of squared cluster sizes / N - 1) correlation
    """
    clusters = Clusters(names)
    sizes = np.bincount(clusters.codes).astype(np.float64)
    effect = 1 + (float(sizes @ sizes) / len(names) - 1) * correlation
    known = f"assumed: the disagreement, and a correlation of {correlation:g} between questions about one image"
    return PairedQuestions(len(names), clusters.num_clusters, disagreement, effect, known)


def measured(
    names: Sequence[str] | Strings, hits: Floats, other: Floats | None, disagreement: float = DISAGREEMENT
) -> PairedQuestions:
    """Return a pair of systems from the hits (N,) of both, or of one on which the design effect is measured."""
    clusters = Clusters(names)
    values = hits if other is None else other - hits
    effect = max(1.0, (design_effect(values, clusters.codes) if clusters.num_clusters > 1 else None) or 1.0)
    known = "assumed: the disagreement; measured: the design effect, on the hits of one system"
    if other is not None:
        disagreement, known = float(np.abs(values).mean()), "both measured on the two files"
    return PairedQuestions(len(values), clusters.num_clusters, disagreement, effect, known)
