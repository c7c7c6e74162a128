"""The evaluation report: every number with its n and interval, no accuracy without its floor and its roof."""

from __future__ import annotations

import copy
import html
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.errors import ConfigError, DataError, did_you_mean
from vqa.scoring import bounds, rules
from vqa.scoring.answer_sets import AnswerSets, Floats, Strings
from vqa.scoring.baselines import BlindBaselines, Questions, question_types
from vqa.scoring.calibration import calibration
from vqa.scoring.intervals import ClusterBootstrap, Rate, cluster_names
from vqa.scoring.mistakes import MISTAKES, AnswerKinds, classify_mistakes
from vqa.scoring.report_text import render

BASELINES = ("prior", "prior_per_question_type", "prior_per_question")


@dataclass(frozen=True)
class Evaluation:
    """The report on one split's predictions, with what it says of each question.

    Attributes
    ----------
    report : the keys of the JSON report
    hits : float64 (N,), 1 where the prediction is in the question's answer set
    scores : float64 (N,), the official soft score; None where no question has two answers
    mistakes : object (N,), "right" or the class of the mistake
    """

    report: dict[str, Any]
    hits: Floats
    scores: Floats | None
    mistakes: Strings

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict of plain Python values, fit for `json.dump`; rates are fractions."""
        return copy.deepcopy(self.report)

    def to_text(self, width: int = 100) -> str:
        """Return the report as plain text of one screen, `width` characters wide."""
        return render(self.report, width)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.to_text())}</pre>"


def evaluate(
    questions: Questions,
    predictions: Sequence[str] | Strings,
    *,
    probabilities: npt.ArrayLike | None = None,
    train: Questions | None = None,
    answer_vocabulary: Iterable[str] | None = None,
    split: str = "",
    card: str = "",
    data_hash: str = "",
    protocol: str = "any-of",
    seed: int = 1,
    versions: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate one prediction a question against all its answers.

    Parameters
    ----------
    questions : N questions with their answers
    predictions : N answer strings
    probabilities : float (N,) in [0, 1], of the predictions; without them there is no calibration
    train : the train split, from which blind baselines and answer types are learned; without it there are none
    answer_vocabulary : the answers that could be predicted; without it there are no ceilings of the vocabulary
    split, card, data_hash, protocol, versions : provenance, written into the report
    seed : of the bootstrap

    Raises
    ------
    DataError
        There is no question, or predictions or probabilities do not fit the questions.
    ConfigError
        `protocol` is not the name of a rule.
    """
    if not len(questions):
        raise DataError("expected at least one question to evaluate, got none")
    if protocol not in rules.RULES:
        raise ConfigError(f"unknown protocol {protocol!r}{did_you_mean(protocol, rules.RULES)}")
    sets = AnswerSets(questions.answers)
    scorer = _Scorer(
        questions, sets, ClusterBootstrap(cluster_names(questions.question_id, questions.image_id), seed=seed)
    )
    vocabulary = None if answer_vocabulary is None else list(answer_vocabulary)
    hits = rules.any_of(predictions, sets)
    blind = kinds = None
    if train is not None:
        train_answers = AnswerSets(train.answers)
        blind = BlindBaselines(train, train_answers).predict(questions)
        kinds = AnswerKinds(train.answer_type, train_answers)
    mistakes = classify_mistakes(
        questions,
        predictions,
        sets,
        vocabulary=vocabulary,
        blind=None if blind is None else blind["prior_per_question"],
        kinds=kinds,
    )
    bootstrap = scorer.bootstrap
    official = scorer.official(predictions)
    lenient = rules.lenient(predictions, sets) if scorer.has_official else None
    report = {
        "questions": len(questions),
        "images": len({image for image in questions.image_id if image}),
        "answers_per_question": [int(sets.counts.min()), int(sets.counts.max())],
        "split": split,
        "card": card,
        "data_hash": data_hash,
        "protocol": protocol,
        "seed": seed,
        "versions": dict(versions) if versions is not None else default_versions(),
        "any_of": scorer.rate(hits),
        "per_split": scorer.per_split(predictions),
        "vqa_official": scorer.by_type(official),
        "vqa_lenient": scorer.by_type(lenient),
        "formatting_loss": None if lenient is None or official is None else _json(bootstrap.mean(lenient - official)),
        "ceilings": scorer.ceilings(vocabulary),
        "baselines": scorer.baselines(blind),
        "calibration": None if probabilities is None else calibration(probabilities, hits, bootstrap),
        "by_answer_type": scorer.by_name(hits, questions.answer_type),
        "by_question_type": scorer.by_name(hits, scorer.question_types),
        "mistakes": {name: int((mistakes == name).sum()) for name in MISTAKES},
        "notes": _notes(sets, train, vocabulary, probabilities),
    }
    return Evaluation(report, hits, official, mistakes)


def _json(rate: Rate | None) -> dict[str, Any] | None:
    return None if rate is None else rate.to_json()


class _Scorer:
    """The parts of a report that share the questions, their encoded answers and the bootstrap."""

    def __init__(self, questions: Questions, sets: AnswerSets, bootstrap: ClusterBootstrap) -> None:
        self.questions = questions
        self.sets = sets
        self.bootstrap = bootstrap
        self.has_official = bool(sets.counts.max() >= 2)
        self.question_types = question_types(questions.question, questions.question_type)

    def rate(self, values: Floats | None) -> dict[str, Any] | None:
        return None if values is None else _json(self.bootstrap.rate(values))

    def per_split(self, predictions: Sequence[str] | Strings) -> dict[str, Any]:
        """Return the rate over (question, answer) rows beside its ceiling, both without rounding errors."""
        fractions, counts = rules.per_split(predictions, self.sets), self.sets.counts
        value = rules.mean_fraction(fractions, counts)
        ceiling = rules.mean_fraction(bounds.per_split_ceiling(self.sets), counts)
        rate = self.bootstrap.rate(fractions)
        assert rate is not None  # there is at least one question
        low, high = min(rate.low, value), max(rate.high, value)
        return {"value": value, "n": rate.n, "low": low, "high": high, "ceiling": ceiling}

    def by_name(self, values: Floats, names: Sequence[str] | Strings) -> dict[str, Any]:
        return {name: rate.to_json() for name, rate in self.bootstrap.rates_by_name(values, names).items()}

    def official(self, predictions: Sequence[str] | Strings) -> Floats | None:
        return rules.official(predictions, self.sets) if self.has_official else None

    def by_type(self, scores: Floats | None) -> dict[str, Any] | None:
        """Return {"overall", "per_answer_type", "per_question_type"} of soft scores."""
        if scores is None:
            return None
        return {
            "overall": self.rate(scores),
            "per_answer_type": self.by_name(scores, self.questions.answer_type),
            "per_question_type": self.by_name(scores, self.question_types),
        }

    def ceilings(self, vocabulary: list[str] | None) -> dict[str, Any]:
        """Return the rates `vocabulary_any_of`, `vocabulary_official` and `human_leave_one_out`."""
        ceilings: dict[str, Any] = dict.fromkeys(("vocabulary_any_of", "vocabulary_official", "human_leave_one_out"))
        if vocabulary is not None:
            ceilings["vocabulary_any_of"] = self.rate(bounds.vocabulary_any_of(self.sets, vocabulary))
        if vocabulary is not None and self.has_official:
            ceilings["vocabulary_official"] = self.rate(bounds.vocabulary_official(self.sets, vocabulary))
        if self.has_official:
            human = self.rate(bounds.human_leave_one_out(self.sets)) or {}
            ceilings["human_leave_one_out"] = {**human, "any_of": self.rate(bounds.human_any_of(self.sets))}
        return ceilings

    def baselines(self, blind: dict[str, list[str]] | None) -> dict[str, Any]:
        """Return for each blind baseline its any-of rate and, under "vqa_official", its official one."""
        if blind is None:
            return dict.fromkeys(BASELINES)
        baselines: dict[str, Any] = {}
        for name in BASELINES:
            any_of = self.rate(rules.any_of(blind[name], self.sets)) or {}
            baselines[name] = {**any_of, "vqa_official": self.rate(self.official(blind[name]))}
        baselines["prior"]["answer"] = blind["prior"][0]
        return baselines


def default_versions() -> dict[str, str]:
    """Return the versions of what computed the report: vqa, python, numpy and pandas."""
    return {
        "vqa": metadata.version("vqa"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def _notes(
    sets: AnswerSets, train: Questions | None, vocabulary: list[str] | None, probabilities: npt.ArrayLike | None
) -> dict[str, str]:
    """Return for each key of the report that is null or needs a word why, or what it means here."""
    notes = {}
    if sets.counts.max() < 2:
        notes["vqa_official"] = "not defined: the questions have fewer than 2 answers each"
    elif note := rules.official_note(sets):
        notes["vqa_official"] = note
    if train is None:
        notes["baselines"] = "not computed: no train split was given"
    if vocabulary is None:
        notes["ceilings"] = "of the vocabulary not computed: no answer vocabulary was given"
    if probabilities is None:
        notes["calibration"] = "not computed: no probabilities were given"
    return notes
