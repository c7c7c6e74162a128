"""What a comparison holds: the keys of its JSON are these fields, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vqa.scoring.intervals import Rate


@dataclass(frozen=True)
class PairedRates:
    """The rates of two sets of predictions on the same questions, and the second minus the first."""

    first: Rate
    second: Rate
    difference: Rate


@dataclass(frozen=True)
class McNemar:
    """Questions by who has them right, and the p-value of McNemar's exact test."""

    both_right: int
    only_first_right: int
    only_second_right: int
    both_wrong: int
    p_value: float


@dataclass(frozen=True)
class Permutation:
    """The exact test that flips the signs of whole images, and what these questions could have shown.

    Attributes
    ----------
    p_value : two-sided, of equal any-of accuracies
    detectable : smallest difference that these questions show with 80 % power, None where none differs
    design_effect : variance of the difference over that of independent questions, None likewise
    """

    p_value: float
    detectable: float | None
    design_effect: float | None


@dataclass(frozen=True)
class MarginTest:
    """Whether the interval of the difference lies within a margin that would not matter, on one side or both.

    Attributes
    ----------
    margin : a difference of any-of accuracies
    second_no_worse, first_no_worse : shown to be worse than the other by less than the margin, if at all
    equivalent : both
    """

    margin: float
    second_no_worse: bool
    first_no_worse: bool
    equivalent: bool


@dataclass(frozen=True)
class TypeComparison:
    """The any-of accuracies over the `n` questions of one type; the p-value as it is and corrected after Holm."""

    n: int
    first: Rate
    second: Rate
    difference: Rate
    p_value: float
    p_value_holm: float


@dataclass(frozen=True)
class ChangedQuestion:
    """A question that exactly one side has right: "won" or "lost" by the second."""

    question_id: str
    image_id: str
    question: str
    answers: list[str]
    first: str
    second: str
    change: str


@dataclass(frozen=True)
class ComparisonReport:
    """The comparison of two sets of predictions.

    Attributes
    ----------
    first, second : file and provenance
    questions, images : their number
    any_of, vqa_official : rates and their difference; the official one over the questions with at least two answers,
        None where there are none
    margin : whether one is no worse than the other by more than a margin, None where none was given
    by_answer_type, by_question_type : any-of accuracy for each type, the most frequent first
    predictions_differ : number of questions that are answered differently
    changed : the questions that exactly one side has right
    notes : what must be said about where the predictions come from
    """

    first: dict[str, Any]
    second: dict[str, Any]
    questions: int
    images: int
    seed: int
    any_of: PairedRates
    vqa_official: PairedRates | None
    mcnemar: McNemar
    permutation: Permutation
    margin: MarginTest | None
    by_answer_type: dict[str, TypeComparison]
    by_question_type: dict[str, TypeComparison]
    predictions_differ: int
    changed: list[ChangedQuestion]
    notes: list[str]
