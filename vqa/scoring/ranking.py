"""Several systems on the same questions: which is best, and which differences the questions can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from vqa.errors import DataError
from vqa.scoring import rules
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.compare import PredictionSet, align, check_provenance
from vqa.scoring.intervals import Clusters, cluster_names
from vqa.scoring.pairs import Pairs
from vqa.scoring.ranking_schema import RankedPair, RankedSystem, RankingReport
from vqa.scoring.ranking_text import render, render_html
from vqa.scoring.seeds import seed_spread
from vqa.scoring.sign_flips import holm


@dataclass(frozen=True)
class Ranking:
    """What a comparison of several systems found."""

    report: RankingReport

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict of plain values, fit for `json.dump`."""
        return asdict(self.report)

    def to_text(self) -> str:
        """Return the report as text."""
        return render(self.report)

    def _repr_html_(self) -> str:
        return render_html(self.report)


def rank(systems: Sequence[PredictionSet], *, seed: int = 1) -> Ranking:
    """Compare several sets of predictions, each two question by question, by any-of accuracy.

    Each pair is tested by flipping the signs of whole images; the p-values are corrected for the number of pairs.

    Parameters
    ----------
    seed : of the random signs from which the intervals of differences come

    Raises
    ------
    DataError
        Data hash, split or protocol of two differ, or the questions or their answers do, or two have one name; the
        message says which.
    """
    names = [system.name for system in systems]
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"expected systems of different names, got {repeated[0]} {names.count(repeated[0])} times")
    notes = dict.fromkeys(note for one, other in combinations(systems, 2) for note in check_provenance(one, other))
    questions = systems[0].frame.reset_index(drop=True)
    sets = AnswerSets(questions["answers"])
    clusters = Clusters(cluster_names(questions["question_id"].tolist(), questions["image_id"].tolist()))
    scores = [_scores(systems[0], system, sets) for system in systems]
    hits = [np.mean([each.any_of for each in of_seeds], axis=0) for of_seeds in scores]
    # Hits of S seeds are S-ths: whole numbers of parts, which the exact test counts.
    parts = math.lcm(*map(len, scores))
    rights = [round(parts * each.sum()) for each in hits]
    order = sorted(range(len(systems)), key=lambda place: -rights[place])
    pairs = Pairs(clusters, seed)
    drawn = list(combinations(order, 2))
    p_values = [pairs.p_value(hits[other], hits[one], parts=parts) for one, other in drawn]
    found = [
        RankedPair(
            names[one], names[other], pairs.difference(hits[other], hits[one], p_value=p_value),
            p_value, corrected, corrected < 0.05,
        )
        for (one, other), p_value, corrected in zip(drawn, p_values, holm(p_values))
    ]  # fmt: skip
    ranked = []
    for place in order:
        spread = seed_spread([each.any_of for each in scores[place]], clusters) if len(scores[place]) > 1 else None
        any_of = spread.mean if spread else clusters.rate(hits[place])
        assert any_of is not None, "there is at least one question"
        ranked.append(
            RankedSystem(
                rank=1 + sum(right > rights[place] for right in rights),
                system={"file": names[place], **systems[place].provenance},
                any_of=any_of,
                vqa_official=clusters.rate(np.mean([each.official for each in scores[place]], axis=0)),
                seeds=spread,
                not_told_apart=[
                    pair.second if pair.first == names[place] else pair.first
                    for pair in found
                    if names[place] in (pair.first, pair.second) and not pair.told_apart
                ],
            )
        )
    if any(each.seeds for each in ranked):
        notes["the tests are of these runs, whose hits are averaged over seeds; other seeds may differ"] = None
    images = len({image for image in questions["image_id"] if image})
    return Ranking(RankingReport(len(questions), images, seed, ranked, found, list(notes)))


def _scores(first: PredictionSet, system: PredictionSet, sets: AnswerSets) -> list[rules.QuestionScores]:
    """Return the scores of a system's predictions, of each seed, in the order of the first system's questions."""
    tables = [PredictionSet(system.name, frame, system.provenance) for frame in (system.frame, *system.other_seeds)]
    return [rules.score_questions(align(first, table)[1]["prediction"].tolist(), sets) for table in tables]
