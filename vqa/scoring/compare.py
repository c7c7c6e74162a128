"""Two sets of predictions on the same questions: is one better than the other, and where?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from vqa.errors import DataError
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets, Floats
from vqa.scoring.compare_text import render, render_html
from vqa.scoring.comparison_schema import (
    ChangedQuestion,
    ComparisonReport,
    McNemar,
    Permutation,
)
from vqa.scoring.id_lists import name_ids
from vqa.scoring.intervals import Clusters, cluster_names
from vqa.scoring.pairs import Pairs, margin_test
from vqa.scoring.questions import question_types
from vqa.scoring.sign_flips import detectable_difference

MUST_AGREE = ("data_hash", "split", "protocol")
COLUMNS = ("question_id", "image_id", "question", "answers", "prediction", "answer_type", "question_type")


@dataclass(frozen=True)
class PredictionSet:
    """Predictions to compare: where they are from, and one row per question.

    Attributes
    ----------
    name : the file, for messages
    frame : the columns question_id, image_id, question, answers (tuples of raw strings), prediction, answer_type
        and question_type
    provenance : data_hash, split, protocol and what else is known; empty where nothing is
    other_seeds : tables as `frame` of the same system, trained from other seeds
    """

    name: str
    frame: pd.DataFrame
    provenance: Mapping[str, Any]
    other_seeds: Sequence[pd.DataFrame] = ()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found; differences are the second set's rate minus the first's."""

    report: ComparisonReport

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a dict of plain values, fit for `json.dump`."""
        return asdict(self.report)

    def to_text(self, *, changed: int = 5) -> str:
        """Return the comparison as text with at most `changed` of the questions won, and of those lost."""
        return render(self.report, changed)

    def _repr_html_(self) -> str:
        return render_html(self.report)


def compare(first: PredictionSet, second: PredictionSet, *, seed: int = 1, margin: float | None = None) -> Comparison:
    """Compare two sets of predictions question by question.

    Both are scored here from their predictions and answers; hits and scores that they carry are not used. P-value and
    interval of a difference come from one test, which flips the signs of whole images: the interval holds 0 if and
    only if the p-value is at least 0.05.

    Parameters
    ----------
    seed : of the random signs from which intervals come
    margin : difference of any-of accuracies, above 0, that would not matter: is either worse by more than that?

    Raises
    ------
    DataError
        Data hash, split or protocol differ, or the questions or their answers do; the message says which.
    """
    notes = check_provenance(first, second)
    left, right = align(first, second)
    sets = AnswerSets(left["answers"])
    pairs = Pairs(Clusters(cluster_names(left["question_id"].tolist(), left["image_id"].tolist())), seed)
    predictions = left["prediction"].tolist(), right["prediction"].tolist()
    scores = [rules.score_questions(each, sets) for each in predictions]
    hits = scores[0].any_of, scores[1].any_of
    several = np.flatnonzero(sets.counts > 1)
    official = pairs.rates(scores[0].official, scores[1].official, several) if len(several) else None
    p_value = pairs.p_value(*hits)
    any_of = pairs.rates(*hits, p_value=p_value)
    report = ComparisonReport(
        first={"file": first.name, **first.provenance},
        second={"file": second.name, **second.provenance},
        questions=len(left),
        images=len({image for image in left["image_id"] if image}),
        seed=seed,
        any_of=any_of,
        vqa_official=official,
        mcnemar=mcnemar(*hits),
        margin=None if margin is None else margin_test(any_of.difference, margin),
        permutation=Permutation(p_value, *detectable_difference(hits[1] - hits[0], pairs.clusters.codes)),
        by_answer_type=pairs.by_name(hits, left["answer_type"].tolist()),
        by_question_type=pairs.by_name(hits, question_types(left["question"], left["question_type"])),
        predictions_differ=sum(one != other for one, other in zip(*predictions)),
        changed=_changed(left, right, hits),
        notes=notes,
    )
    return Comparison(report)


def check_provenance(first: PredictionSet, second: PredictionSet) -> list[str]:
    """Return what must be said about where the predictions come from.

    Raises
    ------
    DataError
        Both say what they come from, and data hash, split or protocol differ.
    """
    different = [
        f"{key} ({first.provenance[key]!r} and {second.provenance[key]!r})"
        for key in MUST_AGREE
        if first.provenance.get(key) and second.provenance.get(key) and first.provenance[key] != second.provenance[key]
    ]
    if different:
        raise DataError(
            f"{first.name} and {second.name} cannot be compared, they differ in {', '.join(different)}; "
            "evaluate both runs on one split of one data set"
        )
    notes = []
    for each in (first, second):
        unknown = [key for key in MUST_AGREE if not each.provenance.get(key)]
        if unknown:
            notes.append(
                f"{each.name} does not say its {', '.join(unknown)}: "
                "compared because question ids and answers are equal"
            )
    return notes


def align(first: PredictionSet, second: PredictionSet) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables with the same questions in the order of the first.

    Raises
    ------
    DataError
        A question is in one of them only, or its human answers differ.
    """
    left = first.frame.loc[:, list(COLUMNS)].reset_index(drop=True)
    rows = {question_id: row for row, question_id in enumerate(second.frame["question_id"])}
    only_first = [question_id for question_id in left["question_id"] if question_id not in rows]
    only_second = sorted(set(rows) - set(left["question_id"]))
    if only_first or only_second:
        raise DataError(
            f"expected the same questions in both files: only in {first.name} {name_ids(only_first)}, "
            f"only in {second.name} {name_ids(only_second)}"
        )
    order = [rows[question_id] for question_id in left["question_id"]]
    right = second.frame.loc[:, list(COLUMNS)].iloc[order].reset_index(drop=True)
    # Compared as sorted tuples: the order of a question's answers means nothing.
    differing = [
        question_id
        for question_id, one, other in zip(left["question_id"], left["answers"], right["answers"])
        if one != other and sorted(one) != sorted(other)
    ]
    if differing:
        raise DataError(
            f"{first.name} and {second.name} hold other human answers for questions {name_ids(differing)}; "
            "evaluate both runs on one version of the data"
        )
    return left, right


def mcnemar(first: Floats, second: Floats) -> McNemar:
    """Return McNemar's exact test of two vectors (N,) of 0 and 1.

    Under the null hypothesis each of the b + c questions that exactly one side has right falls to either side with
    probability 1/2; p = min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2).

    >>> mcnemar(np.array([1, 1, 0, 0, 0, 0]), np.array([1, 0, 1, 1, 1, 0])).p_value
    0.625
    """
    right = np.asarray(first) > 0, np.asarray(second) > 0
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    return McNemar(
        both_right=int((right[0] & right[1]).sum()),
        only_first_right=only_first,
        only_second_right=only_second,
        both_wrong=int((~right[0] & ~right[1]).sum()),
        p_value=_two_sided_p(only_first, only_second),
    )


def _two_sided_p(one: int, other: int) -> float:
    total, fewer = one + other, min(one, other)
    # Logarithms of C(total, k) for k = 0 .. fewer: the coefficients themselves overflow.
    steps = np.arange(1, fewer + 1, dtype=np.float64)
    logarithms = np.concatenate(([0.0], np.cumsum(np.log((total - steps + 1) / steps)))) - total * np.log(2)
    return min(1.0, 2 * float(np.exp(logarithms).sum()))


def _changed(left: pd.DataFrame, right: pd.DataFrame, hits: tuple[Floats, Floats]) -> list[ChangedQuestion]:
    """Return the questions that exactly one side has right, as "won" or "lost" by the second."""
    rows: Sequence[int] = np.flatnonzero(hits[0] != hits[1]).tolist()
    return [
        ChangedQuestion(
            question_id=left["question_id"][row],
            image_id=left["image_id"][row],
            question=left["question"][row],
            answers=list(left["answers"][row]),
            first=left["prediction"][row],
            second=right["prediction"][row],
            change="won" if hits[1][row] else "lost",
        )
        for row in rows
    ]
