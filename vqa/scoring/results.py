"""Scores of a results file in the official VQA format, printed as the official evaluator prints them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from vqa.errors import DataError
from vqa.scoring.answer_sets import AnswerSets, Floats, distinct_codes
from vqa.scoring.formatting import format_count, format_percent, round_percent
from vqa.scoring.id_lists import match_ids
from vqa.scoring.intervals import Clusters, Rate, cluster_names, rows_by_name
from vqa.scoring.official_files import OfficialQuestions
from vqa.scoring.protocols import Protocol, protocol_named
from vqa.scoring.rules import official_note

TYPES_SHOWN = 12


def match_results(
    questions: OfficialQuestions, ids: Sequence[str], answers: Sequence[str], *, partial: bool = False, where: str = ""
) -> tuple[OfficialQuestions, list[str]]:
    """Return the questions to score and their predictions, in the order of the annotations.

    Parameters
    ----------
    ids, answers : of the results, in any order
    partial : leave out the questions without a result instead of raising
    where : the results file, for messages

    Raises
    ------
    DataError
        Ids are unknown, occur more than once or are missing, each with their number and the first of them.
    """
    place_of = match_ids(questions.question_id, ids, partial=partial, where=where)
    if not place_of:
        raise DataError(f"{where}: expected at least one result, got none")
    chosen = questions
    if partial:
        chosen = questions.take(row for row, found in enumerate(questions.question_id) if found in place_of)
    return chosen, [answers[place_of[question_id]] for question_id in chosen.question_id]


@dataclass(frozen=True)
class PercentRates:
    """Scores before rounding, in percent, with their intervals."""

    overall: Rate
    per_answer_type: dict[str, Rate]
    per_question_type: dict[str, Rate]


@dataclass(frozen=True)
class ResultSummary:
    """The score of a results file as the official evaluator prints it; the keys of its JSON are these fields.

    Attributes
    ----------
    protocol : name of the rule
    questions, images : their number
    overall, per_answer_type, per_question_type : mean scores in percent, rounded to two decimals
    unrounded : the same means before rounding, with n and interval
    notes : what must be said beside the scores
    """

    protocol: str
    questions: int
    images: int
    overall: float
    per_answer_type: dict[str, float]
    per_question_type: dict[str, float]
    unrounded: PercentRates
    seed: int
    notes: list[str]


@dataclass(frozen=True)
class ResultScore:
    """The score of a results file, with that of every question.

    Attributes
    ----------
    summary : the scores in percent
    question_id : N ids
    scores : float64 (N,), fractions
    """

    summary: ResultSummary
    question_id: list[str]
    scores: Floats

    def per_question(self) -> dict[str, float]:
        """Return {question_id: score in percent with two decimals}, as the official evaluator's `evalQA`."""
        rounded = {score: round_percent(100 * score) for score in set(self.scores.tolist())}
        return {question_id: rounded[score] for question_id, score in zip(self.question_id, self.scores.tolist())}

    def to_json(self) -> dict[str, Any]:
        """Return the summary, fit for `json.dump`."""
        return asdict(self.summary)

    def with_note(self, note: str) -> ResultScore:
        """Return the score with one more note."""
        return replace(self, summary=replace(self.summary, notes=[*self.summary.notes, note]))

    def to_text(self, width: int = 100) -> str:
        """Return the summary as text."""
        return _render(self.summary, width)


def score_results(
    questions: OfficialQuestions, predictions: Sequence[str], *, rule: str = "vqa-official", seed: int = 1
) -> ResultScore:
    """Score one prediction per question.

    overall = round(100 sum of the scores / questions, 2), and the same over the questions of each type; the
    unrounded values come with their n and 95 % interval over images. `seed` is recorded; no number depends on it.

    Raises
    ------
    ConfigError
        `rule` is not the name of a protocol.
    """
    protocol = protocol_named(rule)
    sets = AnswerSets(questions.answers, distinct_records=questions.with_answer_ids)
    scores = protocol.score(predictions, sets)
    clusters = Clusters(cluster_names(questions.question_id, questions.image_id))
    overall, (by_answer_type, by_question_type) = clusters.rates_by_groupings(
        scores, rows_by_name(questions.answer_type), rows_by_name(questions.question_type)
    )
    assert overall is not None, "there is at least one question"
    summary = ResultSummary(
        protocol=protocol.name,
        questions=len(questions.question_id),
        images=len({image for image in questions.image_id if image}),
        overall=round_percent(100 * float(np.cumsum(scores)[-1]) / len(scores)),
        per_answer_type=_rounded_means(scores, questions.answer_type),
        per_question_type=_rounded_means(scores, questions.question_type),
        unrounded=PercentRates(
            _percent(overall),
            {name: _percent(rate) for name, rate in by_answer_type.items()},
            {name: _percent(rate) for name, rate in by_question_type.items()},
        ),
        seed=seed,
        notes=_notes(questions, sets, protocol),
    )
    return ResultScore(summary, list(questions.question_id), scores)


def _rounded_means(scores: Floats, names: Sequence[str]) -> dict[str, float]:
    """Return {name: mean in percent, rounded as the official evaluator rounds it} for the non-empty names."""
    codes, distinct = distinct_codes(names)
    # bincount adds in the order of the questions, as the official evaluator does: equal to the last bit.
    sums = np.bincount(codes, weights=scores)
    counts = np.bincount(codes)
    return {
        name: round_percent(100 * float(total) / int(count))
        for name, total, count in sorted(zip(distinct, sums, counts))
        if name
    }


def _percent(rate: Rate) -> Rate:
    return Rate(100 * rate.value, rate.n, 100 * rate.low, 100 * rate.high)


def _notes(questions: OfficialQuestions, sets: AnswerSets, protocol: Protocol) -> list[str]:
    if not protocol.compares_annotators:
        return []
    notes = [official_note(sets)]
    if not questions.with_answer_ids and protocol.name != "lmms-eval-vqav2":
        notes.append(
            "annotations without answer_id: each annotator is left out by position; the official evaluator would leave "
            "out every identical answer too and give 8 matches of 10 the score 20 instead of 100"
        )
    return [note for note in notes if note]


def _render(summary: ResultSummary, width: int) -> str:
    images = f" about {format_count(summary.images)} images" if summary.images else ""
    unrounded = summary.unrounded
    lines = [
        f"{summary.protocol}, {format_count(summary.questions)} questions{images}, percent with 95 % intervals",
        "",
        _row("overall", summary.overall, unrounded.overall),
    ]
    for title, rounded, rates in (
        ("by answer type", summary.per_answer_type, unrounded.per_answer_type),
        ("by question type", summary.per_question_type, unrounded.per_question_type),
    ):
        if rates:
            shown = list(rates.items())[:TYPES_SHOWN]
            lines += ["", title, *(_row(f"  {name}", rounded[name], rate) for name, rate in shown)]
        if len(rates) > TYPES_SHOWN:
            lines.append(f"  and {len(rates) - TYPES_SHOWN} rarer ones in the JSON report")
    for note in summary.notes:
        lines += ["", *textwrap.wrap(f"note: {note}", width, subsequent_indent="  ")]
    return "\n".join(lines)


def _row(label: str, rounded: float, rate: Rate) -> str:
    interval = f"[{format_percent(rate.low)}, {format_percent(rate.high)}]"
    # The official rounding may reach 100 from below, where a report must not.
    shown = format_percent(rate.value if rounded == 100 else rounded)
    return f"{label[:30]:<30} {shown:>6}  {interval:<16} {format_count(rate.n):>9}"
