"""One set of predictions under several protocols: a line for each, and the questions on which two of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vqa.errors import InstallationError
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.intervals import Clusters, Rate
from vqa.scoring.protocols import PROTOCOLS, Predictions, Protocol

EXAMPLES = 5


@dataclass(frozen=True)
class ProtocolScore:
    """The mean score under one protocol; None, with a note, where it is not defined or cannot be computed."""

    protocol: str
    score: Rate | None
    formula: str
    source: str
    note: str


@dataclass(frozen=True)
class ScoreDifference:
    """A question that two protocols score differently."""

    question_id: str
    prediction: str
    answers: list[str]
    first: float
    second: float


@dataclass(frozen=True)
class ProtocolDifference:
    """Where two protocols differ: how many questions each scores higher, and the largest differences first."""

    first: str
    second: str
    first_higher: int
    second_higher: int
    examples: list[ScoreDifference]


def score_by_protocols(
    predictions: Predictions,
    answers: AnswerSets,
    clusters: Clusters,
    protocols: Iterable[Protocol] = PROTOCOLS.values(),
) -> list[ProtocolScore]:
    """Return the score of N predictions under each protocol."""
    found = []
    for protocol in protocols:
        rate, note = None, protocol.traps
        try:
            rate = clusters.rate(protocol.defined_scores(predictions, answers))
            if rate is None:
                note = f"not defined: {protocol.undefined}"
        except InstallationError as error:
            note = str(error)
        found.append(ProtocolScore(protocol.name, rate, protocol.formula, protocol.source, note))
    return found


def difference(
    first: Protocol, second: Protocol, predictions: Predictions, answers: AnswerSets, question_ids: Sequence[str]
) -> ProtocolDifference:
    """Return where two protocols differ on N predictions."""
    one, other = first.defined_scores(predictions, answers), second.defined_scores(predictions, answers)
    gaps = np.nan_to_num(one - other).round(12)
    written = answers.written()
    examples = [
        ScoreDifference(question_ids[row], predictions[row], list(written[row]), float(one[row]), float(other[row]))
        for row in np.argsort(-np.abs(gaps), kind="stable")[:EXAMPLES].tolist()
        if gaps[row]
    ]
    return ProtocolDifference(first.name, second.name, int((gaps > 0).sum()), int((gaps < 0).sum()), examples)


def render_scores(scores: Sequence[ProtocolScore]) -> str:
    """Return one line per protocol: score, interval, number of questions, and what a reader would not expect."""
    lines = [f"{'protocol':<17}{'score':>7}  {'95 % interval':<17}{'questions':>10}"]
    for each in scores:
        if each.score is None:
            lines.append(f"{each.protocol:<17}{'n/a':>7}  {each.note}")
            continue
        interval = format_interval(each.score.low, each.score.high)
        value = format_rate(each.score.value)
        lines.append(f"{each.protocol:<17}{value:>7}  {interval:<17}{format_count(each.score.n):>10}  {each.note}")
    return "\n".join(lines)


def render_difference(found: ProtocolDifference) -> str:
    """Return where two protocols differ as text."""
    lines = [
        f"{found.first} scores {format_count(found.first_higher)} questions higher than {found.second}, "
        f"{format_count(found.second_higher)} lower"
    ]
    for each in found.examples:
        given = ", ".join(repr(answer) for answer in dict.fromkeys(each.answers))
        lines.append(
            f"  {each.question_id}: {each.prediction!r} scores {format_rate(each.first)} and "
            f"{format_rate(each.second)} (answers: {given})"
        )
    return "\n".join(lines)
