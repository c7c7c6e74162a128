"""The answers of any system, joined to the questions of a card and scored: a report without a trained run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.errors import DataError
from vqa.evaluation.predictions import scored_table
from vqa.scoring.calibration import IN_ANSWER_SET
from vqa.scoring.compare import PredictionSet
from vqa.scoring.id_lists import duplicates, match_ids
from vqa.scoring.intervals import Clusters, cluster_names
from vqa.scoring.prediction_checks import (
    PredictionFinding,
    WhatIf,
    check_predictions_of_system,
    render_findings,
    what_if,
)
from vqa.scoring.prediction_formats import SystemAnswers, read_system_answers, rows_in_order
from vqa.scoring.questions import encode_answers
from vqa.scoring.report import Evaluation, evaluate
from vqa.scoring.rules import QuestionScores, score_questions

TRAIN = "train"


@dataclass(frozen=True)
class SystemPredictions:
    """Answers of a system with the questions that they answer.

    Attributes
    ----------
    read : the file as read
    card, split : where the questions are from
    questions : the N questions that are scored, in the order of the split
    train : the train split of the card, or None where it has none
    predictions : N strings
    probabilities : float64 (N,) in [0, 1], or None where not all are known
    scores : what the predictions score
    data_hash : of the whole split
    left_out : questions of the split without an answer; 0 unless that was allowed
    wups : whether the card asks for WUPS in reports
    """

    read: SystemAnswers
    card: str
    split: str
    questions: QuestionTable
    train: QuestionTable | None
    predictions: list[str]
    probabilities: npt.NDArray[np.float64] | None
    scores: QuestionScores
    data_hash: str
    left_out: int
    wups: bool = False

    def report(self, *, seed: int = 1, event: str = IN_ANSWER_SET) -> Evaluation:
        """Return the report that a run gets; without a vocabulary there are no ceilings of one."""
        return evaluate(
            self.questions,
            self.predictions,
            scores=self.scores,
            probabilities=self.probabilities,
            event=event,
            train=self.train,
            split=self.split,
            card=self.card,
            data_hash=self.data_hash,
            wups=self.wups,
            seed=seed,
        )

    def frame(self) -> pd.DataFrame:
        """Return the predictions table; probability and loss are empty where they are not known."""
        return scored_table(self.questions, self.predictions, self.probabilities, self.scores)

    def clusters(self) -> Clusters:
        """Return the questions in clusters, one per image."""
        return Clusters(cluster_names(self.questions.question_id, self.questions.image_id))

    def prediction_set(self) -> PredictionSet:
        """Return the predictions as `vqa.scoring.compare` takes them."""
        return PredictionSet(self.read.path, self.frame(), self.provenance())

    def to_json(self) -> dict[str, Any]:
        """Return what is to be said about the file, fit for `json.dump`."""
        return {
            "file": self.read.path,
            "form": self.read.form,
            "answers": len(self.read.answers),
            "questions_without_answer": self.left_out,
            "records_with_several_answers": self.read.several,
            "findings": [asdict(finding) for finding in self.findings],
            "what_if": [asdict(change) for change in self.changes],
        }

    @cached_property
    def findings(self) -> list[PredictionFinding]:
        """What is probably wrong with the predictions."""
        questions = self.questions
        return check_predictions_of_system(
            self.predictions, self.scores.answers, questions.question_id, questions.question
        )

    @cached_property
    def changes(self) -> list[WhatIf]:
        """The any-of accuracy, and what it would be if answers were compared in other ways."""
        return what_if(self.predictions, self.scores.answers)

    def checks(self) -> str:
        """Return findings and changes as text."""
        return render_findings(self.findings, self.changes)

    def remarks(self) -> str:
        """Return what is to be said about the file as text."""
        lines = [f"answers: {self.read.path}, read as {self.read.form}"]
        if self.left_out:
            lines.append(f"--partial: {len(self.questions):,} questions scored, {self.left_out:,} without an answer")
        if self.read.several:
            lines.append(f"{self.read.several:,} records hold several answers: the first counts")
        return "\n".join(lines)

    def provenance(self) -> Mapping[str, Any]:
        """Return what two predictions files must share to be compared."""
        return {"card": self.card, "split": self.split, "data_hash": self.data_hash, "protocol": "any-of"}


def read_system_predictions(
    path: str | Path, card: str | Path, *, split: str = "test", partial: bool = False
) -> SystemPredictions:
    """Read a file of answers in any known form and join it to a split of a data set.

    Parameters
    ----------
    card : the data set; its images are not looked at
    partial : score the questions that have an answer instead of raising where some have none

    Raises
    ------
    ConfigError
        The card is wrong or has no such split.
    DataError
        The file is of no known form, or its ids are unknown, missing or repeated (with their number and examples).
    """
    read = read_system_answers(path)
    loaded = load_card(card, images=False)
    table = read_split(loaded, split)
    train = read_split(loaded, TRAIN) if TRAIN in loaded.splits and split != TRAIN else None
    place = _places(read, table, partial)
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        raise DataError(f"{path}: expected an answer to at least one question of split {split!r}, got none")
    questions = table if len(rows) == len(table) else table.take(rows)
    chosen = place[rows]
    predictions = [read.answers[number] for number in chosen]
    probabilities = None if read.probabilities is None else np.asarray(read.probabilities, dtype=np.float64)[chosen]
    if probabilities is not None and np.isnan(probabilities).any():
        probabilities = None
    return SystemPredictions(
        read=read,
        card=str(card),
        split=split,
        questions=questions,
        train=train,
        predictions=predictions,
        probabilities=probabilities,
        scores=score_questions(predictions, encode_answers(questions)),
        data_hash=table.content_hash(),
        left_out=len(table) - len(rows),
        wups=loaded.wups,
    )


def _places(read: SystemAnswers, table: QuestionTable, partial: bool) -> npt.NDArray[np.int64]:
    """Return int64 (rows of the split,): which answer of the file is that of the question, -1 where none is."""
    ids = read.question_ids
    known = list(table.question_id)
    # A harness may number its records anew, or per category: their order then says which question is meant.
    other = ids is not None and (not set(ids) & set(known) or (read.positions is not None and bool(duplicates(ids))))
    if ids is None or (other and read.questions is not None):
        ids = [known[row] for row in rows_in_order(read, list(table.question))]
    place_of = match_ids(known, ids, partial=partial, where=read.path)
    return np.fromiter((place_of.get(question_id, -1) for question_id in known), dtype=np.int64, count=len(known))
