"""Scoring protocols by name: pure functions of predictions and human answers, each with formula, source and traps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Union

import numpy as np

from vqa.errors import ConfigError, did_you_mean
from vqa.scoring import answer_processing as processing
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets, Booleans, Floats, Strings, distinct_codes
from vqa.scoring.baselines import majority_answers
from vqa.scoring.formatting import format_count, format_rate
from vqa.scoring.multiple_choice import aokvqa_multiple_choice, multiple_choice

if TYPE_CHECKING:
    from vqa.scoring.wups import Wups

Predictions = Union[Sequence[str], Strings]


@dataclass(frozen=True)
class Protocol:
    """One way to score a prediction.

    Attributes
    ----------
    name : on the command line
    formula : score of one question, in [0, 1], for n matches among its K answers
    source : where the rule is from
    traps : what it does that a reader would not expect
    score : from N predictions and their encoded answers to float64 (N,)
    compares_annotators : it leaves one annotator out: not defined for a question with a single answer
    needs_options : it is not defined for a question without options
    """

    name: str
    formula: str
    source: str
    traps: str
    score: Callable[[Predictions, AnswerSets], Floats]
    compares_annotators: bool = False
    needs_options: bool = False

    @property
    def undefined(self) -> str:
        """Why no question may have a score."""
        return "no question offers options" if self.needs_options else "every question has a single answer"

    def defined_scores(self, predictions: Predictions, answers: AnswerSets) -> Floats:
        """Return the scores, NaN where the protocol is not defined."""
        scores = self.score(predictions, answers)
        return rules.where_annotators_compare(answers, scores) if self.compares_annotators else scores


def exact(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return 1 where the prediction is written exactly as the question's commonest answer (the first among equals)."""
    answers.check_number(len(predictions))
    right = majority_answers(answers)
    return np.fromiter((one == other for one, other in zip(predictions, right)), dtype=np.float64, count=len(right))


def aokvqa(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return min(1, n / 3) for n answers written exactly as the prediction: no annotator is left out."""
    return np.minimum(1.0, answers.per_question(matches(predictions, answers, str, str)) / rules.ENOUGH)


def vizwiz(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return the official mean of leave-one-out terms; only the prediction is processed."""
    return rules.soft_scores(answers, matches(predictions, answers, processing.vizwiz, str))


def evalai(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return the official mean of leave-one-out terms after the EvalAI processing of both sides."""
    return rules.soft_scores(answers, matches(predictions, answers, processing.evalai, processing.evalai))


def lmms_eval_vqav2(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return the official score without its gate, leaving out all records that equal the annotator's own.

    Where records have no answer id, equal answers are equal records: 8 matches of 10 score 0.2.
    """
    process = processing.lmms_eval_vqav2
    matched = matches(predictions, answers, process, process)
    if answers.distinct_records:
        return rules.soft_scores(answers, matched)
    total = answers.per_question(matched)[answers.rows]
    return answers.per_question(np.where(matched, 0.0, np.minimum(1.0, total / rules.ENOUGH))) / answers.counts


def vlmevalkit(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return the official mean of leave-one-out terms after VLMEvalKit's processing of both sides."""
    return rules.soft_scores(answers, matches(predictions, answers, processing.vlmevalkit, processing.vlmevalkit))


def anls(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return the average normalised Levenshtein similarity: 1 - d / length of the longer one, 0 below 0.5.

    d is the distance of the texts in lower case with single spaces, the length that of the texts as written.
    """
    best = _best_pair(predictions, answers, _levenshtein_similarity)
    return np.where(best < 0.5, 0.0, best)


def _levenshtein_similarity(prediction: str, answer: str) -> float:
    from rapidfuzz.distance import Levenshtein

    length = max(len(answer.upper()), len(prediction.upper()))
    if not length:
        return 1.0
    distance = Levenshtein.distance(processing.anls_form(answer), processing.anls_form(prediction))
    return 1 - distance / length


def relaxed(predictions: Predictions, answers: AnswerSets) -> Floats:
    """Return 1 where a number is within 5 % of an answer, or a text equals one in lower case."""
    return _best_pair(predictions, answers, _relaxed_match)


def _relaxed_match(prediction: str, answer: str) -> float:
    predicted, true = _number(prediction), _number(answer)
    if predicted is not None and true:
        return float(abs(predicted - true) / abs(true) <= 0.05)
    return float(prediction.lower() == answer.lower())


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def matches(
    predictions: Predictions,
    answers: AnswerSets,
    of_prediction: Callable[[str], str],
    of_answer: Callable[[str], str],
) -> Booleans:
    """Return bool (total,): the processed human answer equals the processed prediction for its question."""
    form = answers.form(of_answer)
    codes, distinct = distinct_codes(predictions)
    known = np.asarray([form.known.get(of_prediction(text), -1) for text in distinct], dtype=np.int64)
    return answers.equal(form.codes, known[codes])


def _best_pair(predictions: Predictions, answers: AnswerSets, similarity: Callable[[str, str], float]) -> Floats:
    """Return the largest similarity of each prediction to one of its answers as written; each pair is computed once."""
    answers.check_number(len(predictions))
    form = answers.form(str)
    written = list(form.known)
    codes, distinct = distinct_codes(predictions)
    pairs, places = np.unique(codes[answers.rows] * len(written) + form.codes, return_inverse=True)
    values = [similarity(distinct[pair // len(written)], written[pair % len(written)]) for pair in pairs.tolist()]
    return np.maximum.reduceat(np.asarray(values, dtype=np.float64)[places], answers.offsets)


@lru_cache(maxsize=1)
def _wups() -> Wups:
    from vqa.scoring.wups import Wups

    return Wups()


_OFFICIAL = "repository GT-Vision-Lab/VQA, commit a013f00, PythonEvaluationTools/vqaEvaluation/vqaEval.py"
_LMMS = "repository EvolvingLMMs-Lab/lmms-eval, commit 75571cf"
_VLM = "repository open-compass/VLMEvalKit, commit e8e78f0"
_AOKVQA = "repository allenai/aokvqa, commit 83786de, evaluation/eval_predictions.py"
_VIZWIZ = (
    "vqaEval.py of the VizWiz API (Qing Li); repository TRI-ML/vlm-evaluation, commit d9f5896, "
    "vlm_eval/util/evaluation/vizwiz/eval.py, has it with other apostrophes"
)
GQA = (
    "GQA, eval.py; repositories TRI-ML/vlm-evaluation, commit d9f5896, vlm_eval/util/evaluation/gqa/eval.py, and "
    "MILVLG/openvqa, commit f8f9966, openvqa/datasets/gqa/eval/gqa_eval.py"
)
_WUPS = "Malinowski and Fritz, NeurIPS 2014; compute_wups.py of mateuszmalinowski/visual_turing_test-tutorial"

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("any-of", "1 if n > 0 else 0", "this project", "answers are compared as the card says", rules.any_of),
        Protocol("exact", "1 if equal to the commonest answer else 0", "this project", "as written", exact),
        Protocol("per-split", "n / K", "mx.metric.Accuracy over (question, answer) rows", "ceiling below 1",
                 rules.per_split),
        Protocol("vqa-official", rules.FORMULA, _OFFICIAL, "nothing is normalised where all human answers are equal",
                 rules.official, True),
        Protocol("vqa-lenient", rules.FORMULA, "this project", "always normalised; an answer never becomes empty",
                 rules.lenient, True),
        Protocol("vizwiz", rules.FORMULA, _VIZWIZ,
                 "the prediction is processed, the human answers are not", vizwiz, True),
        Protocol("evalai", rules.FORMULA, f"{_LMMS}, lmms_eval/tasks/_task_utils/vqa_eval_metric.py; first in MMF",
                 "commas and ? deleted, 's split off, no unanimity gate", evalai, True),
        Protocol("lmms-eval-vqav2", rules.FORMULA, f"{_LMMS}, lmms_eval/tasks/vqav2/utils.py",
                 "no gate; records equal to the annotator's own are all left out", lmms_eval_vqav2, True),
        Protocol("vlmevalkit-vqa", rules.FORMULA, f"{_VLM}, vlmeval/dataset/utils/vqa_eval.py and vlmeval/smp/misc.py",
                 "no gate; a full stop after a digit stays", vlmevalkit, True),
        Protocol("aokvqa", "min(1, n / 3)", _AOKVQA,
                 "as written; no annotator is left out; the original skips questions marked difficult", aokvqa),
        Protocol("aokvqa-mc", "1 if equal to the right option else 0", _AOKVQA,
                 "as written; a strict evaluation refuses what is no option, here it scores 0", aokvqa_multiple_choice,
                 needs_options=True),
        Protocol("multiple-choice", "1 if it means the right option else 0", "this project",
                 "by text, letter or within a longer text; what is not read is wrong, never drawn", multiple_choice,
                 needs_options=True),
        Protocol("anls", "max over answers of 1 - distance / length, 0 below 0.5", f"{_LMMS}, lmms_eval/api/metrics.py",
                 "distance of stripped texts over the length of the raw ones; 0.5 itself counts", anls),
        Protocol("relaxed", "1 within 5 % of an answer or equal in lower case",
                 f"{_LMMS}, lmms_eval/tasks/chartqa/utils.py", "an answer 0 is compared as text; 5% is 0.05", relaxed),
        Protocol("gqa", "1 if equal to the answer else 0", GQA, "as written; the other GQA scores need its files: "
                 "--gqa-questions", exact),
        Protocol("wups-0.0", "see vqa.scoring.wups, threshold 0.0", _WUPS, "words outside WordNet score 0",
                 lambda predictions, answers: _wups().scores(predictions, answers, 0.0)),
        Protocol("wups-0.9", "see vqa.scoring.wups, threshold 0.9", _WUPS, "words outside WordNet score 0",
                 lambda predictions, answers: _wups().scores(predictions, answers, 0.9)),
    )
}  # fmt: skip


def protocol_named(name: str) -> Protocol:
    """Return a protocol by its name; underscores and hyphens are one.

    Raises
    ------
    ConfigError
        There is no such protocol.
    """
    protocol = PROTOCOLS.get(name.replace("_", "-"))
    if protocol is None:
        raise ConfigError(f"unknown protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
    return protocol


@dataclass(frozen=True)
class Answerability:
    """How well predictions tell unanswerable questions, as VizWiz counts; both in [0, 1].

    Attributes
    ----------
    questions, unanswerable : their number
    average_precision : of predicting "unanswerable", None where no question is
    f1 : harmonic mean of precision and recall, None where no question is
    """

    questions: int
    unanswerable: int
    average_precision: float | None
    f1: float | None

    def to_text(self) -> str:
        """Return the two scores as text."""
        return (
            f"answerability: {format_count(self.unanswerable)} of {format_count(self.questions)} questions are "
            f"unanswerable, average precision {format_rate(self.average_precision)}, F1 {format_rate(self.f1)}"
        )


def answerability(predictions: Predictions, answer_types: Sequence[str] | Strings) -> Answerability:
    """Return VizWiz's answerability: a question is unanswerable by its answer type, a prediction by its words.

    Source: vqaEval.py of the VizWiz API, `evaluate_unanswerability`, with 0 or 1 as the predicted value.

    >>> answerability(["Unanswerable.", "unanswerable", "red"], ["unanswerable", "other", "unanswerable"]).f1
    0.5
    """
    true = np.fromiter((kind == "unanswerable" for kind in answer_types), dtype=bool, count=len(answer_types))
    said = np.fromiter((processing.vizwiz(text) == "unanswerable" for text in predictions), dtype=bool, count=len(true))
    positives, hits, size = int(true.sum()), int((true & said).sum()), int(said.sum())
    if not positives:
        return Answerability(len(true), 0, None, None)
    recall = hits / positives
    precision = hits / size if size else 0.0
    average = recall * precision + (1 - recall) * positives / len(true)
    return Answerability(len(true), positives, average, 2 * hits / (size + positives))
