"""What an evaluation report holds: the keys of its JSON are these fields, in this order."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.scoring.calibration import Calibration
from vqa.scoring.intervals import Rate


@dataclass(frozen=True)
class RateWithCeiling(Rate):
    """A rate and the most that any network can reach on these questions."""

    ceiling: float


@dataclass(frozen=True)
class HumanAgreement(Rate):
    """Score of an annotator against the others of the question: under the official rule, and `any_of`."""

    any_of: Rate


@dataclass(frozen=True)
class SoftScores:
    """A soft score, in [0, 1], over all questions and over those of each type, the most frequent type first."""

    overall: Rate
    per_answer_type: dict[str, Rate]
    per_question_type: dict[str, Rate]


@dataclass(frozen=True)
class Ceilings:
    """The best scores that the answer vocabulary allows, and human agreement."""

    vocabulary_any_of: Rate | None
    vocabulary_official: Rate | None
    human_leave_one_out: HumanAgreement | None


@dataclass(frozen=True)
class Baseline(Rate):
    """The any-of accuracy of a blind baseline, and its official score."""

    vqa_official: Rate | None


@dataclass(frozen=True)
class ConstantBaseline(Baseline):
    """The blind baseline that always gives the same `answer`."""

    answer: str


@dataclass(frozen=True)
class Baselines:
    """Answers given without looking at the image: always the same, one per question type, one per question text."""

    prior: ConstantBaseline | None = None
    prior_per_question_type: Baseline | None = None
    prior_per_question: Baseline | None = None


@dataclass(frozen=True)
class WupsRate(Rate):
    """WUPS at one threshold, with what the blind baselines reach and the most that the answer vocabulary allows."""

    baselines: dict[str, Rate]
    vocabulary_ceiling: Rate | None


@dataclass(frozen=True)
class Report:
    """The report on the predictions for one split.

    Attributes
    ----------
    questions, images : their number
    answers_per_question : the fewest and the most
    split, card, data_hash, protocol, seed, versions : provenance
    any_of : accuracy, the predicted answer being in the question's answer set
    per_split : accuracy over (question, answer) rows, as ``mx.metric.Accuracy`` counts, with its ceiling
    vqa_official, vqa_lenient : official soft score, and the same with normalisation always on; over the questions
        with at least two answers, None where there are none
    formatting_loss : mean of the lenient minus the official score
    wups : WUPS by threshold, "0.0" and "0.9"; None where the card does not ask for it
    ceilings, baselines, calibration : what the accuracies are read against; None where not computed
    by_answer_type, by_question_type : any-of accuracy for each type, the most frequent first
    mistakes : number of wrong questions in each class of `vqa.scoring.mistakes.MISTAKES`
    notes : for a key, why it is null or what it means here
    """

    questions: int
    images: int
    answers_per_question: list[int]
    split: str
    card: str
    data_hash: str
    protocol: str
    seed: int
    versions: dict[str, str]
    any_of: Rate
    per_split: RateWithCeiling
    vqa_official: SoftScores | None
    vqa_lenient: SoftScores | None
    formatting_loss: Rate | None
    wups: dict[str, WupsRate] | None
    ceilings: Ceilings
    baselines: Baselines
    calibration: Calibration | None
    by_answer_type: dict[str, Rate]
    by_question_type: dict[str, Rate]
    mistakes: dict[str, int]
    notes: dict[str, str]
