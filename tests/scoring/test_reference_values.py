"""The official vectors, and the numbers that the definitions give on 60,000 questions of VQA v2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from small_tables import Table

from vqa.scoring import bounds
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.baselines import BlindBaselines, majority_answers, rank_by_count
from vqa.scoring.json_decoding import read_bytes
from vqa.scoring.normalize import normalize_answer
from vqa.scoring.official_files import OfficialQuestions, read_majority_answers
from vqa.scoring.official_results import read_results
from vqa.scoring.reference import official_by_loop
from vqa.scoring.results import match_results, score_results
from vqa.scoring.rules import official


@pytest.fixture(scope="module")
def val_answers(val: OfficialQuestions) -> AnswerSets:
    return AnswerSets(val.answers)


@pytest.fixture(scope="module")
def val_majorities(val: OfficialQuestions, vqa_subset: Path) -> list[str]:
    """The majority answers that the publishers name; how they decided ties is not known."""
    published = read_majority_answers(vqa_subset / "val_annotations.json.gz")
    return [published[question_id] for question_id in val.question_id]


@pytest.fixture(scope="module")
def train_majorities(train: OfficialQuestions, vqa_subset: Path) -> list[str]:
    published = read_majority_answers(vqa_subset / "train_annotations.json.gz")
    return [normalize_answer(published[question_id]) for question_id in train.question_id]


def percent(scores: npt.NDArray[np.float64]) -> float:
    return round(100 * float(scores.mean()), 2)


def percent_by_type(scores: npt.NDArray[np.float64], val: OfficialQuestions) -> dict[str, float]:
    types = np.array(val.answer_type)
    return {name: percent(scores[types == name]) for name in sorted(set(val.answer_type))}


def as_table(questions: OfficialQuestions, answers: Sequence[Sequence[str]] | None = None) -> Table:
    return Table(
        questions.answers if answers is None else answers,
        question=questions.question,
        question_type=questions.question_type,
    )


def test_every_vector_of_the_official_evaluator(test_split: OfficialQuestions, shared_data: Path) -> None:
    expected = json.loads(read_bytes(shared_data / "official_vqa" / "test_scores.json.gz"))
    ids, answers = read_results(shared_data / "official_vqa" / "test_results.json.gz")
    score = score_results(*match_results(test_split, ids, answers))
    assert score.summary.overall == expected["overall"]
    assert score.summary.per_answer_type == expected["perAnswerType"]
    assert score.summary.per_question_type == expected["perQuestionType"]
    assert len(expected["evalQA"]) == 2962
    assert score.per_question() == expected["evalQA"]


def test_the_plain_loop_gives_the_same(test_split: OfficialQuestions, shared_data: Path) -> None:
    ids, answers = read_results(shared_data / "official_vqa" / "test_results.json.gz")
    questions, predictions = match_results(test_split, ids, answers)
    assert official(predictions, questions.answers).tolist() == official_by_loop(predictions, questions.answers)


def test_sizes(train: OfficialQuestions, val: OfficialQuestions) -> None:
    assert (len(train.question_id), len(val.question_id)) == (48061, 8977)
    assert train.with_answer_ids
    assert len(set(val.image_id)) == 8260
    assert len(set(val.image_id) & set(train.image_id)) == 3930


def test_all_yes(val_answers: AnswerSets) -> None:
    assert percent(official(["yes"] * 8977, val_answers)) == 20.85


def test_majority_answers(val: OfficialQuestions, val_answers: AnswerSets, val_majorities: list[str]) -> None:
    scores = official(val_majorities, val_answers)
    assert percent(scores) == 96.61
    assert percent_by_type(scores, val) == {"number": 96.54, "other": 93.43, "yes/no": 100.0}
    # Where several answers are equally common, ours may be another one.
    assert percent(official(majority_answers(val_answers), val_answers)) == pytest.approx(96.61, abs=0.02)


def test_majority_answers_written_otherwise(val_answers: AnswerSets, val_majorities: list[str]) -> None:
    assert percent(official([f"{answer.capitalize()}." for answer in val_majorities], val_answers)) == 61.50


def test_human_leave_one_out(val: OfficialQuestions, val_answers: AnswerSets) -> None:
    scores = bounds.human_leave_one_out(val_answers)
    assert percent(scores) == 80.24
    assert percent_by_type(scores, val) == {"number": 79.86, "other": 66.55, "yes/no": 94.93}


@pytest.mark.parametrize(("size", "ceiling"), [(500, 86.76), (1000, 89.47), (2000, 90.95), (3000, 91.53)])
def test_vocabulary_ceilings(size: int, ceiling: float, train_majorities: list[str], val_answers: AnswerSets) -> None:
    vocabulary = rank_by_count(train_majorities)[:size]
    assert percent(bounds.vocabulary_official(val_answers, vocabulary)) == ceiling


def test_blind_baselines(
    train: OfficialQuestions, val: OfficialQuestions, train_majorities: list[str], val_answers: AnswerSets
) -> None:
    blind = BlindBaselines(as_table(train, [(answer,) for answer in train_majorities])).predict(as_table(val))
    assert percent(official(blind["prior"], val_answers)) == 20.85
    assert percent(official(blind["prior_per_question_type"], val_answers)) == pytest.approx(33.0, abs=0.05)
    assert 33.1 <= percent(official(blind["prior_per_question"], val_answers)) <= 33.3
    # All ten answers instead of the majority alone make a better guess: a higher baseline.
    blind = BlindBaselines(as_table(train)).predict(as_table(val))
    assert percent(official(blind["prior_per_question_type"], val_answers)) == pytest.approx(34.47, abs=0.05)
