"""Runs of one system that differ in their seed, evaluated as one system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from vqa.errors import RunError
from vqa.evaluation.trained_model import TrainedModel
from vqa.scoring.compare import PredictionSet
from vqa.scoring.intervals import Clusters, cluster_names
from vqa.scoring.report import Evaluation
from vqa.scoring.seeds import SeedSpread, render_spread, seed_spread


@dataclass(frozen=True)
class SeedEvaluation:
    """The reports of one system's runs from several seeds, and what they have in common.

    Attributes
    ----------
    name : the folder
    provenance : of the first run, without its folder and seed
    seeds : of the runs
    frames : predictions table of each run
    evaluations : report of each run
    any_of, vqa_official : spread of the rates; the official one None where no question has two answers
    """

    name: str
    provenance: dict[str, Any]
    seeds: list[int]
    frames: list[pd.DataFrame]
    evaluations: list[Evaluation]
    any_of: SeedSpread
    vqa_official: SeedSpread | None

    def to_json(self) -> dict[str, Any]:
        """Return everything as a dict of plain values, fit for `json.dump`; `runs` holds the report of each seed."""
        return {
            **self.provenance,
            "folder": self.name,
            "any_of": asdict(self.any_of),
            "vqa_official": None if self.vqa_official is None else asdict(self.vqa_official),
            "runs": [{"seed": seed, **each.to_json()} for seed, each in zip(self.seeds, self.evaluations)],
        }

    def to_text(self) -> str:
        """Return mean, spread and shares of the variance, after the report of the first seed's run."""
        lines = [f"{self.name}: {len(self.seeds)} runs of one system", *render_spread("any-of accuracy", self.any_of)]
        if self.vqa_official is not None:
            lines += render_spread("VQA official", self.vqa_official)
        return "\n".join([*lines, "", f"seed {self.seeds[0]}:", self.evaluations[0].to_text()])

    def prediction_set(self) -> PredictionSet:
        """Return the predictions of all seeds as `vqa.scoring.ranking.rank` takes them."""
        return PredictionSet(self.name, self.frames[0], self.provenance, other_seeds=self.frames[1:])


def evaluate_seeds(name: str, runs: Sequence[TrainedModel], split: str = "test") -> SeedEvaluation:
    """Evaluate several runs that differ in their seed, and the system that they are runs of.

    Parameters
    ----------
    name : of the system, for messages; the folder that ``vqa train --seeds`` made
    runs : two or more

    Raises
    ------
    RunError
        There are fewer than two runs, or they answer different questions.
    """
    if len(runs) < 2:
        raise RunError(f"expected at least two runs of one system in {name}, got {len(runs)}")
    provenances = [run.provenance(split) for run in runs]
    if len({each["data_hash"] for each in provenances}) > 1:
        raise RunError(
            f"expected runs on one data set in {name}, but they answer different questions; name one: --card"
        )
    found = [run.evaluate(split) for run in runs]
    questions = found[0][0]
    clusters = Clusters(cluster_names(questions["question_id"].tolist(), questions["image_id"].tolist()))
    any_of = seed_spread([report.hits for _, report in found], clusters)
    assert any_of is not None, "there is at least one question"
    scores = [report.scores for _, report in found if report.scores is not None]
    return SeedEvaluation(
        name=name,
        provenance={key: value for key, value in provenances[0].items() if key not in ("run", "seed")},
        seeds=[each["seed"] for each in provenances],
        frames=[frame for frame, _ in found],
        evaluations=[report for _, report in found],
        any_of=any_of,
        vqa_official=seed_spread(scores, clusters) if scores else None,
    )
