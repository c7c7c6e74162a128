"""One system over several seeds: the components of its variance against textbook and simulation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from vqa.scoring.compare import PredictionSet
from vqa.scoring.intervals import Clusters
from vqa.scoring.ranking import rank
from vqa.scoring.seeds import render_spread, seed_spread


def independent(n: int) -> Clusters:
    return Clusters([str(row) for row in range(n)])


def test_independent_questions_give_the_analysis_of_variance() -> None:
    table = np.array([[1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0], [1, 1, 1, 1, 1, 0]], dtype=float)
    spread = seed_spread(list(table), independent(6))
    assert spread is not None
    # Mean squares of the two-way layout without repetition.
    of_seeds, of_questions, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - of_seeds[:, None] - of_questions + mean
    residual = (rest**2).sum() / (2 * 5)
    questions = (3 * ((of_questions - mean) ** 2).sum() / 5 - residual) / 3
    seeds = (6 * ((of_seeds - mean) ** 2).sum() / 2 - residual) / 6
    parts = [max(0.0, seeds), questions / 6, residual / 6]
    assert spread.variance == pytest.approx(sum(parts))
    shares = [spread.seeds_share, spread.questions_share, spread.both_share]
    assert shares == pytest.approx([part / sum(parts) for part in parts])
    assert spread.values == pytest.approx([3 / 6, 3 / 6, 5 / 6])
    assert spread.standard_deviation == pytest.approx(np.std(spread.values, ddof=1))
    assert spread.mean.value == pytest.approx(mean)


def test_the_components_are_found_again() -> None:
    """Seeds move all chances by 0.05; images of four questions, which differ in difficulty."""
    generator = np.random.default_rng(2)
    clusters = Clusters([str(row // 4) for row in range(1200)])
    found = []
    for _ in range(60):
        easy = np.repeat(generator.choice([0.2, 0.8], size=300), 4)
        moved = generator.normal(0, 0.05, size=6)
        hits = [(generator.random(1200) < easy + each).astype(float) for each in moved]
        spread = seed_spread(hits, clusters)
        assert spread is not None
        found.append(
            [spread.variance * share for share in (spread.seeds_share, spread.questions_share, spread.both_share)]
        )
    # 0.05^2; 0.3^2 over 300 images; 0.2 * 0.8 over 1,200 questions.
    assert np.mean(found, axis=0) == pytest.approx([0.0025, 0.09 / 300, 0.16 / 1200], rel=0.2)


def test_the_interval_is_for_other_seeds_and_questions() -> None:
    """Five seeds move by 0.05: an interval of the questions alone would hold the truth in far fewer samples."""
    generator = np.random.default_rng(3)
    clusters = independent(1000)
    held = []
    for _ in range(200):
        hits = [(generator.random(1000) < 0.6 + generator.normal(0, 0.05)).astype(float) for _ in range(5)]
        spread = seed_spread(hits, clusters)
        assert spread is not None
        held.append((spread.mean.low <= 0.6 <= spread.mean.high, abs(spread.mean.value - 0.6) < 0.014))
    with_seeds, questions_alone = np.mean(held, axis=0)
    assert with_seeds >= 0.94 - 2 * (0.94 * 0.06 / 200) ** 0.5
    assert questions_alone < 0.7


def test_equal_runs_and_no_scores() -> None:
    hits = np.array([1.0, 0.0, 1.0, 1.0])
    spread = seed_spread([hits, hits], independent(4))
    assert spread is not None
    assert (spread.standard_deviation, spread.seeds_share, spread.questions_share, spread.both_share) == (0, 0, 1, 0)
    alone = independent(4).rate(hits)
    assert alone is not None
    assert (spread.mean.low, spread.mean.high) == pytest.approx((alone.low, alone.high))
    right = seed_spread([np.ones(4)] * 2, independent(4))
    assert right is not None
    assert (right.variance, right.seeds_share, right.questions_share, right.both_share) == (0, 0, 0, 0)
    assert seed_spread([np.full(4, np.nan)] * 2, independent(4)) is None
    one_left_out = seed_spread([np.append(hits, np.nan)] * 2, independent(5))
    assert one_left_out == spread
    assert "0 % seeds, 100 % questions, 0 % both" in "\n".join(render_spread("any-of", spread))


def predictions(hits: npt.NDArray[np.bool_]) -> pd.DataFrame:
    size = len(hits)
    columns = {"question_id": [str(row) for row in range(size)], "image_id": [""] * size, "question": ["what?"] * size}
    frame = pd.DataFrame({**columns, "answer_type": "", "question_type": "", "prediction": np.where(hits, "a", "b")})
    frame["answers"] = pd.Series([("a",)] * size, dtype=object)
    return frame


def test_a_system_with_seeds_is_ranked_by_its_mean() -> None:
    one, other = np.arange(100) < 50, np.arange(100) < 70
    seeds = PredictionSet("seeds", predictions(one), {}, other_seeds=[predictions(other)])
    ranking = rank([PredictionSet("single", predictions(one), {}), seeds])
    first, second = ranking.report.systems
    assert (first.system["file"], first.any_of.value) == ("seeds", pytest.approx(0.6))
    assert first.seeds is not None
    assert first.seeds.values == pytest.approx([0.5, 0.7])
    assert second.seeds is None
    (pair,) = ranking.report.pairs
    # Twenty questions, on each of which half a hit is gained: all signs alike in 2 of 2^20 cases.
    assert pair.difference.value == pytest.approx(0.1)
    assert pair.p_value == pytest.approx(2.0**-19)
    assert pair.difference.low > 0
    assert "standard deviation over 2 seeds 0.1414" in ranking.to_text()
    assert any("other seeds may differ" in note for note in ranking.report.notes)
