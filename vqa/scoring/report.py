"""The evaluation report: every number with its n and interval, every accuracy between baselines and ceilings."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.errors import ConfigError, DataError, InstallationError, did_you_mean
from vqa.scoring import bounds, rules
from vqa.scoring.answer_sets import AnswerSets, EncodedPredictions, Floats, Strings, encode_predictions
from vqa.scoring.baselines import BlindBaselines
from vqa.scoring.calibration import ANOTHER_ANNOTATOR, EVENTS, IN_ANSWER_SET, Calibration, calibration
from vqa.scoring.formatting import format_count
from vqa.scoring.intervals import ClusterBootstrap, Rate, cluster_names, rows_by_name
from vqa.scoring.mistakes import MISTAKES, AnswerKinds, classify_mistakes
from vqa.scoring.questions import Questions, encode_answers, question_types
from vqa.scoring.report_schema import (
    Baseline,
    Baselines,
    Ceilings,
    ConstantBaseline,
    HumanAgreement,
    RateWithCeiling,
    Report,
    SoftScores,
    WupsRate,
)
from vqa.scoring.report_text import render, render_html
from vqa.scoring.sign_flips import sign_flip_interval
from vqa.scoring.wups_rates import wups_rates


@dataclass(frozen=True)
class Evaluation:
    """The report on one split's predictions, with what it says of each question.

    Attributes
    ----------
    report : every number, as `vqa.scoring.report_schema.Report`
    hits : float64 (N,), 1 where the prediction is in the question's answer set
    scores : float64 (N,), the official soft score, NaN for a question with a single answer; None where all have one
    mistakes : object (N,), "right" or the class of the mistake
    """

    report: Report
    hits: Floats
    scores: Floats | None
    mistakes: Strings

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict of plain Python values, fit for `json.dump`; rates are fractions."""
        return asdict(self.report)

    def to_text(self, width: int = 100) -> str:
        """Return the report as plain text of one screen, `width` characters wide."""
        return render(self.report, width)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return render_html(self.report)


def evaluate(
    questions: Questions,
    predictions: Sequence[str] | Strings,
    *,
    scores: rules.QuestionScores | None = None,
    probabilities: npt.ArrayLike | None = None,
    event: str = IN_ANSWER_SET,
    train: Questions | None = None,
    answer_vocabulary: Iterable[str] | None = None,
    split: str = "",
    card: str = "",
    data_hash: str = "",
    protocol: str = "any-of",
    wups: bool = False,
    seed: int = 1,
    versions: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate one prediction per question against all its answers.

    Parameters
    ----------
    questions : N questions with their answers
    predictions : N answer strings
    scores : `vqa.scoring.rules.score_questions(predictions, encode_answers(questions))`, where it is at hand
    probabilities : float (N,) in [0, 1], of the predictions; without them there is no calibration
    event : what they are probabilities of, one of `vqa.scoring.calibration.EVENTS`
    train : the train split, from which blind baselines and answer types are learned; without it there are none
    answer_vocabulary : the answers that could be predicted; without it there are no ceilings of the vocabulary
    split, card, data_hash, protocol, versions : provenance, written into the report
    wups : report WUPS as well, where WordNet is installed; a note says where it is not
    seed : of the resampling from which the interval of the calibration error comes

    Raises
    ------
    DataError
        There is no question, or predictions, scores or probabilities do not fit the questions.
    ConfigError
        `protocol` is not the name of a rule, or `event` not that of an event.
    """
    if not len(questions):
        raise DataError("expected at least one question to evaluate, got none")
    if protocol not in rules.RULES:
        raise ConfigError(f"unknown protocol {protocol!r}{did_you_mean(protocol, rules.RULES)}")
    if event not in EVENTS:
        raise ConfigError(f"unknown event {event!r}{did_you_mean(event, EVENTS)}")
    scored = rules.score_questions(predictions, encode_answers(questions)) if scores is None else scores
    if not len(questions) == len(predictions) == len(scored.answers):
        raise DataError(
            f"expected predictions and scores of {len(questions)} questions, got {len(predictions)} predictions and "
            f"{len(scored.answers)} scores"
        )
    sets = scored.answers
    scorer = _Scorer(questions, sets, seed)
    vocabulary = None if answer_vocabulary is None else list(answer_vocabulary)
    blind = kinds = None
    if train is not None:
        train_answers = encode_answers(train)
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
    encoded = encode_predictions(predictions)
    lenient = rules.where_annotators_compare(sets, rules.lenient(encoded, sets))
    wups_by_threshold, wups_note = scorer.wups(predictions, blind or {}, vocabulary) if wups else (None, {})
    any_of, (by_answer_type, by_question_type) = scorer.bootstrap.rates_by_groupings(scored.any_of, *scorer.groupings)
    assert any_of is not None, "there is at least one question, and every one has a value"
    report = Report(
        questions=len(questions),
        images=len({image for image in questions.image_id if image}),
        answers_per_question=[int(sets.counts.min()), int(sets.counts.max())],
        split=split,
        card=card,
        data_hash=data_hash,
        protocol=protocol,
        seed=seed,
        versions=dict(versions) if versions is not None else default_versions(),
        any_of=any_of,
        per_split=scorer.per_split(encoded),
        vqa_official=scorer.by_type(scored.official),
        vqa_lenient=scorer.by_type(lenient),
        formatting_loss=scorer.difference(lenient - scored.official),
        wups=wups_by_threshold,
        ceilings=scorer.ceilings(vocabulary),
        baselines=Baselines() if blind is None else scorer.baselines(blind),
        calibration=None if probabilities is None else scorer.calibration(encoded, probabilities, event),
        by_answer_type=by_answer_type,
        by_question_type=by_question_type,
        mistakes={name: int((mistakes == name).sum()) for name in MISTAKES},
        notes=_notes(sets, train, vocabulary, probabilities) | wups_note | _multiple_choice_note(sets.options),
    )
    several = bool((sets.counts > 1).any())
    return Evaluation(report, scored.any_of, scored.official if several else None, mistakes)


class _Scorer:
    """The parts of a report that share the questions, their encoded answers and the bootstrap."""

    def __init__(self, questions: Questions, sets: AnswerSets, seed: int) -> None:
        self.questions = questions
        self.sets = sets
        self.bootstrap = ClusterBootstrap(cluster_names(questions.question_id, questions.image_id), seed=seed)
        types = question_types(questions.question, questions.question_type)
        self.groupings = rows_by_name(questions.answer_type), rows_by_name(types)

    def per_split(self, predictions: EncodedPredictions) -> RateWithCeiling:
        """Return the rate over (question, answer) rows beside its ceiling, both without rounding errors."""
        fractions, counts = rules.per_split(predictions, self.sets), self.sets.counts
        highest = bounds.per_split_ceiling(self.sets)
        value, ceiling = rules.mean_fraction(fractions, counts), rules.mean_fraction(highest, counts)
        rate = self.bootstrap.rates_of({"rate": fractions})["rate"]
        high = rate.high
        if high > ceiling:
            # No network exceeds the ceiling, whatever images there are: the interval ends where the ceiling's ends.
            columns = np.column_stack((highest, np.ones(len(highest))))
            _, (most,) = self.bootstrap.statistics(columns, lambda sums: sums[:, :1] / sums[:, 1:])
            high = min(high, float(most))
        return RateWithCeiling(value, rate.n, min(rate.low, value), max(high, value), ceiling)

    def difference(self, values: Floats) -> Rate | None:
        """Return the mean of differences (N,) in [-1, 1] with its interval; NaN is no value, None over none."""
        rows = np.flatnonzero(~np.isnan(values))
        if not len(rows):
            return None
        low, high = sign_flip_interval(values[rows], self.bootstrap.codes[rows], seed=self.bootstrap.seed)
        value = float(values[rows].mean())
        return Rate(value, len(rows), min(low, value), max(high, value))

    def calibration(self, predictions: EncodedPredictions, probabilities: npt.ArrayLike, event: str) -> Calibration:
        rule = rules.per_split if event == ANOTHER_ANNOTATOR else rules.any_of
        return calibration(probabilities, rule(predictions, self.sets), self.bootstrap, event)

    def by_type(self, scores: Floats) -> SoftScores | None:
        """Return the rates of soft scores (N,), None where no question has one."""
        overall, by_type = self.bootstrap.rates_by_groupings(scores, *self.groupings)
        return None if overall is None else SoftScores(overall, *by_type)

    def wups(
        self, predictions: Sequence[str] | Strings, blind: dict[str, list[str]], vocabulary: list[str] | None
    ) -> tuple[dict[str, WupsRate] | None, dict[str, str]]:
        """Return the rates of WUPS, and a note where they cannot be computed."""
        try:
            return wups_rates(predictions, self.sets, self.bootstrap, blind=blind, vocabulary=vocabulary), {}
        except InstallationError as error:
            return None, {"wups": f"not computed: {error}"}

    def ceilings(self, vocabulary: list[str] | None) -> Ceilings:
        columns = {"human": bounds.human_leave_one_out(self.sets), "human_any_of": bounds.human_any_of(self.sets)}
        if vocabulary is not None:
            columns["any_of"] = bounds.vocabulary_any_of(self.sets, vocabulary)
            columns["vqa_official"] = bounds.vocabulary_official(self.sets, vocabulary)
        rates = self.bootstrap.rates_of(columns)
        human, any_of = rates.get("human"), rates.get("human_any_of")
        return Ceilings(
            rates.get("any_of"),
            rates.get("vqa_official"),
            HumanAgreement(**vars(human), any_of=any_of) if human and any_of else None,
        )

    def baselines(self, blind: dict[str, list[str]]) -> Baselines:
        """Return the rates of the predictions of each blind baseline."""
        scores = {name: rules.score_questions(predictions, self.sets) for name, predictions in blind.items()}
        any_of = self.bootstrap.rates_of({name: scored.any_of for name, scored in scores.items()})
        official = self.bootstrap.rates_of({name: scored.official for name, scored in scores.items()})
        found = {name: Baseline(**vars(any_of[name]), vqa_official=official.get(name)) for name in blind}
        prior = ConstantBaseline(**vars(found["prior"]), answer=blind["prior"][0])
        return Baselines(prior, found["prior_per_question_type"], found["prior_per_question"])


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
    single = int((sets.counts < 2).sum())
    if single == len(sets):
        notes["vqa_official"] = "not defined: the questions have fewer than 2 answers each"
    elif note := rules.official_note(sets):
        notes["vqa_official"] = note
    if 0 < single < len(sets):
        notes["single_answers"] = (
            f"{format_count(single)} questions have a single answer, which no other annotator can confirm: official "
            "scores, their ceilings and human agreement are over the other questions"
        )
    if train is None:
        notes["baselines"] = "not computed: no train split was given"
    if vocabulary is None:
        notes["ceilings"] = "of the vocabulary not computed: no answer vocabulary was given"
    if probabilities is None:
        notes["calibration"] = "not computed: no probabilities were given"
    return notes


def _multiple_choice_note(options: Sequence[tuple[str, ...]] | Strings) -> dict[str, str]:
    """Return the note on questions with options: how many, and how often a choice at random is right."""
    counts = [len(set(offered)) for offered in options if offered]
    if not counts:
        return {}
    chance = sum(1 / count for count in counts) / len(counts)
    return {
        "multiple_choice": f"{format_count(len(counts))} questions offer {min(counts)} to {max(counts)} options, among "
        f"which a trained network's predictions are chosen; a choice at random hits {chance:.4f} of them"
    }
