"""Several systems: ranks, corrected p-values, and what the questions cannot tell."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vqa.errors import DataError
from vqa.scoring.compare import PredictionSet, compare
from vqa.scoring.ranking import rank
from vqa.scoring.sign_flips import holm, sign_flip_p


def system(name: str, hits: list[int], **provenance: Any) -> PredictionSet:
    size = len(hits)
    frame = pd.DataFrame(
        {
            "question_id": [f"q{row}" for row in range(size)],
            "image_id": [f"i{row // 2}" for row in range(size)],
            "question": ["what?"] * size,
            "prediction": ["yes" if hit else "no" for hit in hits],
            "answer_type": [""] * size,
            "question_type": [""] * size,
        }
    )
    frame["answers"] = pd.Series([("yes", "yes")] * size, dtype=object)
    return PredictionSet(name, frame, provenance)


GOOD, FAIR, SAME, POOR = [1] * 80 + [0] * 20, [1] * 60 + [0] * 40, [0] * 40 + [1] * 60, [1] * 30 + [0] * 70


def test_ranks_and_pairs() -> None:
    systems = [system("poor", POOR), system("fair", FAIR), system("good", GOOD), system("same", SAME)]
    report = rank(systems).to_json()
    assert [(each["rank"], each["system"]["file"]) for each in report["systems"]] == [
        (1, "good"), (2, "fair"), (2, "same"), (4, "poor")
    ]  # fmt: skip
    assert report["systems"][0]["any_of"]["value"] == pytest.approx(0.8)
    # Two equal answers, one of which is given, score 1/3 under the official rule.
    assert report["systems"][0]["vqa_official"]["value"] == pytest.approx(0.8 / 3)
    assert (report["questions"], report["images"]) == (100, 50)
    by_name = {each.name: each for each in systems}
    alone = {
        (pair["first"], pair["second"]): compare(by_name[pair["second"]], by_name[pair["first"]]).report
        for pair in report["pairs"]
    }
    assert list(alone) == list(combinations(["good", "fair", "same", "poor"], 2))
    corrected = holm([found.permutation.p_value for found in alone.values()])
    for pair, found, p_value in zip(report["pairs"], alone.values(), corrected):
        assert pair["p_value"] == found.permutation.p_value
        assert pair["difference"] == vars(found.any_of.difference)
        assert pair["p_value_holm"] == p_value
        assert pair["told_apart"] == (p_value < 0.05)
    assert report["systems"][1]["not_told_apart"] == ["same"]
    json.dumps(report, allow_nan=False)


def test_the_text_and_the_tables() -> None:
    ranking = rank([system("poor", POOR), system("fair", FAIR), system("<b>same", SAME)])
    text = ranking.to_text()
    assert "3 systems, 100 questions about 50 images" in text
    assert "1     A  fair" in text
    assert "1     B  <b>same" in text
    assert "  A - B      +0.0000" in text
    assert "\n2 of 3 differences cannot be told from chance on these questions\nnote: poor does not say its" in text
    assert "tell all systems apart" in rank([system("a", GOOD), system("b", POOR)]).to_text()
    page = ranking._repr_html_()
    assert ">A - B</td>" in page
    assert "<b>same" not in page


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="got a 2 times"):
        rank([system("a", GOOD), system("b", GOOD), system("a", POOR)])
    with pytest.raises(DataError, match="b and c cannot be compared, they differ in split"):
        rank([system("a", GOOD), system("b", GOOD, split="test"), system("c", POOR, split="val")])
    with pytest.raises(DataError, match="only in a 1"):
        rank([system("a", [*GOOD, 1]), system("b", GOOD), system("c", POOR)])


def test_chance_rarely_tells_any_of_equal_systems_apart() -> None:
    """Five equally good systems on 60 images: in at most 5 % of samples (and noise) is any pair told apart."""
    generator = np.random.default_rng(4)
    images = np.arange(120) // 2
    alarms = []
    for _ in range(400):
        hits = (generator.random((5, 120)) < 0.6).astype(int)
        p_values = [sign_flip_p(one - other, images) for one, other in combinations(hits, 2)]
        alarms.append(min(holm(p_values)) < 0.05)
    assert np.mean(alarms) <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
