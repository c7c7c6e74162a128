"""What a comparison of several systems holds: the keys of its JSON are these fields, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vqa.scoring.intervals import Rate
from vqa.scoring.seeds import SeedSpread


@dataclass(frozen=True)
class RankedSystem:
    """One system: its rank by any-of accuracy (1 is best, equals share one), file and provenance, and rates.

    Attributes
    ----------
    any_of : of a system with several seeds the mean over them, with an interval for other questions and seeds
    vqa_official : over the questions with at least two answers, None where there are none
    seeds : the spread of the any-of accuracy over seeds, None where there is one run
    not_told_apart : files of the systems from which these questions do not tell it
    """

    rank: int
    system: dict[str, Any]
    any_of: Rate
    vqa_official: Rate | None
    seeds: SeedSpread | None
    not_told_apart: list[str]


@dataclass(frozen=True)
class RankedPair:
    """Two systems, the higher rank first: first minus second, the p-value as it is and corrected after Holm."""

    first: str
    second: str
    difference: Rate
    p_value: float
    p_value_holm: float
    told_apart: bool


@dataclass(frozen=True)
class RankingReport:
    """The comparison of several systems; the keys of its JSON are these fields.

    Attributes
    ----------
    questions, images : their number
    systems : the best any-of accuracy first
    pairs : each two systems; told apart where the corrected p-value is below 0.05
    notes : what must be said about where the predictions come from
    """

    questions: int
    images: int
    seed: int
    systems: list[RankedSystem]
    pairs: list[RankedPair]
    notes: list[str]
