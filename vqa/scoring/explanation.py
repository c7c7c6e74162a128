"""How one question's score comes about, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vqa.errors import ConfigError
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.formatting import format_rate
from vqa.scoring.normalize import clean_answer, normalize_answer, normalize_leniently

EXPLAINED = ("vqa-official", "vqa-lenient", "any-of")


@dataclass(frozen=True)
class Annotator:
    """One human answer: as written, as compared, whether it matches, how many others match, and its term."""

    raw: str
    compared: str
    match: bool
    others: int
    term: float


@dataclass(frozen=True)
class Explanation:
    """The steps of one question's score under a rule.

    Attributes
    ----------
    rule : "vqa-official", "vqa-lenient" or "any-of"
    raw, compared : the prediction as written and as compared
    normalized : whether answers were normalised before they were compared, with the reason
    annotators : one per human answer; the term is min(1, matches among the others / 3), or 1 or 0 under any-of
    score : in [0, 1]
    """

    question_id: str
    question: str
    rule: str
    raw: str
    compared: str
    normalized: str
    annotators: tuple[Annotator, ...]
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the steps as a dict of plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the steps as text, strings in quotes so that white space shows."""
        titles = ("human answer", "compared as")
        width = max(len(titles[0]), *(len(repr(annotator.raw)) for annotator in self.annotators))
        compared = max(len(titles[1]), *(len(repr(annotator.compared)) for annotator in self.annotators))
        lines = [
            f"question {self.question_id}: {self.question}",
            f"prediction {self.compared!r}, compared as {self.compared!r}",
            self.normalized,
            "",
            f"{titles[0]:<{width}}  {titles[1]:<{compared}}  match  others  term",
        ]
        lines += [
            f"{annotator.raw!r:<{width}}  {annotator.compared!r:<{compared}}  "
            f"{'yes' if annotator.match else 'no':<5}  {annotator.others:>6}  {format_rate(annotator.term)}"
            for annotator in self.annotators
        ]
        matches = sum(annotator.match for annotator in self.annotators)
        combined = "largest" if self.rule == "any-of" else "mean"
        result = (
            f"{matches} of {len(self.annotators)} match; score = {combined} of the terms = {format_rate(self.score)}"
        )
        return "\n".join([*lines, "", result])


def explain(
    question_id: str, question: str, prediction: str, answers: Sequence[str], *, rule: str = "vqa-official"
) -> Explanation:
    """Return how the score of one prediction against the human answers of its question comes about.

    Raises
    ------
    ConfigError
        The steps of this rule are not shown.

    >>> explanation = explain("1", "What is it?", "A dog", ["dog", "dog", "puppy"])
    >>> explanation.compared, explanation.score.__round__(4)
    ('dog', 0.4444)
    """
    if rule not in EXPLAINED:
        raise ConfigError(f"--explain shows the steps of {', '.join(EXPLAINED)}, not of {rule!r}")
    sets = AnswerSets([tuple(answers)])
    process, reason = _process(sets, rule)
    matched = {
        "any-of": sets.compared_matches,
        "vqa-lenient": sets.lenient_matches,
        "vqa-official": sets.official_matches,
    }[rule]([prediction])
    terms = matched.astype(np.float64) if rule == "any-of" else rules.leave_one_out_terms(sets, matched)
    return Explanation(
        question_id=question_id,
        question=question,
        rule=rule,
        raw=prediction,
        compared=process(prediction),
        normalized=reason,
        annotators=tuple(
            Annotator(raw, process(raw), bool(match), int(matched.sum() - match), float(term))
            for raw, match, term in zip(answers, matched, terms)
        ),
        score=float(rules.RULES[rule]([prediction], sets)[0]),
    )


def _process(sets: AnswerSets, rule: str) -> tuple[Callable[[str], str], str]:
    """Return how answers of the one question in `sets` are processed before they are compared, and why."""
    if rule == "any-of":
        return str, "any-of compares answers exactly as written"
    if rule == "vqa-lenient":
        return normalize_leniently, "the lenient rule always normalises"
    if sets.unanimous[0]:
        return clean_answer, "all human answers are the same string: nothing is normalised, on either side"
    return normalize_answer, "the human answers differ: both sides are normalised"
