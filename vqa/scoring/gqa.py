"""The scores of GQA's own evaluation: accuracy, consistency, validity, plausibility and distribution."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import msgspec
import numpy as np

from vqa.errors import DataError
from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.id_lists import match_ids, name_ids
from vqa.scoring.intervals import Clusters, Rate, cluster_names, rows_by_name
from vqa.scoring.json_decoding import decode, read_bytes

_KINDS_IN_COMMON = ("color", "material", "shape")
"""Valid and plausible answers to "what do they have in common?", whatever the choices file says."""


class Types(msgspec.Struct):
    """What kind of question it is; `structural` is "query" for an open question."""

    structural: str = ""
    semantic: str = ""
    detailed: str = ""


class Groups(msgspec.Struct, rename={"overall": "global"}):
    """The group within which the distribution of the answers is compared."""

    overall: Optional[str] = None  # noqa: UP045 - msgspec evaluates it, under Python 3.9 too


class GqaQuestion(msgspec.Struct):
    """One record of a GQA questions file; `entailed` are the questions whose answers follow from this one's."""

    question: str
    answer: str
    image_id: str = msgspec.field(default="", name="imageId")
    balanced: bool = msgspec.field(default=True, name="isBalanced")
    entailed: list[str] = []
    types: Types = msgspec.field(default_factory=Types)
    groups: Groups = msgspec.field(default_factory=Groups)


class Choices(msgspec.Struct):
    """The answers to one question that are possible, and those that make sense."""

    valid: list[str]
    plausible: list[str]


_QUESTIONS = msgspec.json.Decoder(dict[str, GqaQuestion])
_CHOICES = msgspec.json.Decoder(dict[str, Choices])


@dataclass(frozen=True)
class GqaScores:
    """What GQA's evaluation reports; rates are fractions over the balanced questions, None where `notes` says why.

    Attributes
    ----------
    questions : number of balanced questions that are scored
    accuracy, binary, open : over all, over those with other than an open structure, over the open ones
    consistency : mean over the right ones of the accuracy on the questions that their answers entail
    validity, plausibility : share of answers among the valid, and the plausible, ones
    distribution : chi-square distance of the answers from the true ones within groups, over 100; lower is better
    by_structural_type, by_semantic_type : accuracy
    notes : by name, why a score is None
    """

    questions: int
    accuracy: Rate | None
    binary: Rate | None
    open: Rate | None
    consistency: Rate | None
    validity: Rate | None
    plausibility: Rate | None
    distribution: float | None
    by_structural_type: dict[str, Rate]
    by_semantic_type: dict[str, Rate]
    notes: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return one line per score."""
        lines = [f"GQA, {format_count(self.questions)} balanced questions, with 95 % intervals"]
        for name in ("accuracy", "binary", "open", "consistency", "validity", "plausibility"):
            lines.append(_line(name, getattr(self, name), self.notes.get(name, "no such question")))
        distance = self.notes.get("distribution", "") if self.distribution is None else ", lower is better"
        shown = "n/a  " if self.distribution is None else f"{self.distribution:.4f}"
        lines.append(f"  {'distribution':<14}{shown}{distance}")
        for title, rates in (("structure", self.by_structural_type), ("semantics", self.by_semantic_type)):
            lines += [f"by {title}", *(_line(name, rate, "") for name, rate in rates.items())]
        return "\n".join(lines)


def _line(name: str, rate: Rate | None, note: str) -> str:
    if rate is None:
        return f"  {name:<14}n/a  {note}"
    interval = format_interval(rate.low, rate.high)
    return f"  {name:<14}{format_rate(rate.value)}  {interval}  {format_count(rate.n):>9}"


def read_gqa_questions(path: str | Path) -> dict[str, GqaQuestion]:
    """Read a GQA questions file: an object of records by question id.

    Raises
    ------
    DataError
        The file is damaged, or a record lacks its question or answer.
    """
    return decode(read_bytes(Path(path)), _QUESTIONS, str(path))


def read_gqa_choices(path: str | Path) -> dict[str, Choices]:
    """Read a GQA choices file: the valid and plausible answers by question id.

    Raises
    ------
    DataError
        The file is damaged, or a record lacks one of the two lists.
    """
    return decode(read_bytes(Path(path)), _CHOICES, str(path))


def score_gqa(
    questions: Mapping[str, GqaQuestion],
    ids: Sequence[str],
    answers: Sequence[str],
    *,
    choices: Mapping[str, Choices] | None = None,
    partial: bool = False,
    where: str = "",
) -> GqaScores:
    """Score answers as GQA's evaluation does; what its files do not allow to be computed is None, never 0.

    Source: eval.py of GQA, as in repository TRI-ML/vlm-evaluation, commit d9f5896,
    vlm_eval/util/evaluation/gqa/eval.py. Its grounding score, of attention maps, is not computed.

    Parameters
    ----------
    questions : by id; only the balanced ones are scored, the others are for consistency
    ids, answers : of the system, in any order
    partial : leave out the balanced questions without an answer instead of raising
    where : the file of the answers, for messages

    Raises
    ------
    DataError
        Ids are unknown, missing or repeated, or no balanced question has an answer.
    """
    place_of = match_ids(list(questions), ids, partial=True, where=where)
    said = {question_id: answers[place] for question_id, place in place_of.items()}
    balanced = {question_id: question for question_id, question in questions.items() if question.balanced}
    missing = [question_id for question_id in balanced if question_id not in said]
    if missing and not partial:
        raise DataError(
            f"{where}: expected an answer to each of the {len(balanced)} balanced questions, got missing ids: "
            f"{name_ids(missing)}; --partial scores the questions that are there"
        )
    scored = {question_id: question for question_id, question in balanced.items() if question_id in said}
    if not scored:
        raise DataError(f"{where}: expected an answer to at least one balanced question, got none")
    chosen = list(scored.values())
    clusters = Clusters(cluster_names(list(scored), [each.image_id for each in chosen]))
    hits = np.asarray([said[question_id] == each.answer for question_id, each in scored.items()], dtype=np.float64)
    is_open = np.asarray([each.types.structural == "query" for each in chosen])
    notes: dict[str, str] = {}
    consistent = _consistency(questions, scored, said, notes)
    valid, plausible = _belonging(scored, said, choices, notes)
    distance = _distribution(scored, said)
    if distance is None:
        notes["distribution"] = "no question names its group"
    accuracy, (by_structural_type, by_semantic_type) = clusters.rates_by_groupings(
        hits,
        rows_by_name([each.types.structural for each in chosen]),
        rows_by_name([each.types.semantic for each in chosen]),
    )
    columns = {
        "binary": np.where(is_open, np.nan, hits),
        "open": np.where(is_open, hits, np.nan),
        "consistency": consistent,
        "validity": valid,
        "plausibility": plausible,
    }
    rates = clusters.rates_of({name: column for name, column in columns.items() if column is not None})
    return GqaScores(
        questions=len(scored),
        accuracy=accuracy,
        **{name: rates.get(name) for name in columns},
        distribution=distance,
        by_structural_type=by_structural_type,
        by_semantic_type=by_semantic_type,
        notes=notes,
    )


def _consistency(
    questions: Mapping[str, GqaQuestion], scored: Mapping[str, GqaQuestion], said: Mapping[str, str],
    notes: dict[str, str],
) -> list[float] | None:  # fmt: skip
    """Return for each question, where its answer is right, the accuracy on the others that it entails, else NaN."""
    entailed = {key: [each for each in question.entailed if each != key] for key, question in scored.items()}
    needed = {each for key in scored if said[key] == scored[key].answer for each in entailed[key]}
    absent = sorted(each for each in needed if each not in said or each not in questions)
    if not any(entailed.values()):
        notes["consistency"] = "no question names others that it entails"
        return None
    if absent:
        notes["consistency"] = (
            f"needs the questions that right answers entail, and answers to them; not there: {name_ids(absent)}"
        )
        return None
    if not needed:
        notes["consistency"] = "no right answer entails another"
        return None
    found = []
    for key, question in scored.items():
        others = entailed[key] if said[key] == question.answer else []
        right = [said[each] == questions[each].answer for each in others]
        found.append(sum(right) / len(right) if right else np.nan)
    return found


def _belonging(
    scored: Mapping[str, GqaQuestion], said: Mapping[str, str], choices: Mapping[str, Choices] | None,
    notes: dict[str, str],
) -> tuple[list[float] | None, list[float] | None]:  # fmt: skip
    """Return for each question whether its answer is among the valid, and the plausible, ones."""
    absent = [] if choices is None else [key for key in scored if key not in choices]
    if choices is None or absent:
        reason = f"the choices file lacks {name_ids(absent)}" if absent else "needs GQA's choices file: --gqa-choices"
        notes.update(validity=reason, plausibility=reason)
        return None, None
    valid, plausible = [], []
    for key, question in scored.items():
        common = "Common" in question.types.detailed
        valid.append(float(said[key] in (_KINDS_IN_COMMON if common else choices[key].valid)))
        plausible.append(float(said[key] in (_KINDS_IN_COMMON if common else choices[key].plausible)))
    return valid, plausible


def _distribution(scored: Mapping[str, GqaQuestion], said: Mapping[str, str]) -> float | None:
    """Return the chi-square distance within groups, weighted by their size; answers that nobody gave do not count."""
    true: dict[str, Counter[str]] = defaultdict(Counter)
    predicted: dict[str, Counter[str]] = defaultdict(Counter)
    for key, question in scored.items():
        if question.groups.overall is not None:
            true[question.groups.overall][question.answer] += 1
            predicted[question.groups.overall][said[key]] += 1
    total = sum(sum(counts.values()) for counts in true.values())
    if not total:
        return None
    distance = sum(
        sum(counts.values()) * sum((predicted[group][answer] - count) ** 2 / count for answer, count in counts.items())
        for group, counts in true.items()
    )
    return distance / total / 100
