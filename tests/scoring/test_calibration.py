from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tables import Table

from vqa.errors import ConfigError, DataError
from vqa.scoring.calibration import (
    ANOTHER_ANNOTATOR,
    EVENTS,
    IN_ANSWER_SET,
    ReliabilityBin,
    calibration,
    check_probabilities,
)
from vqa.scoring.intervals import ClusterBootstrap
from vqa.scoring.report import evaluate

PROBABILITIES = np.array([0.0, 0.05, 0.5, 0.52, 0.52, 0.95, 1.0, 1.0])
HITS = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])


def test_by_hand() -> None:
    # Bins of width 1/15: {0, 0.05}, {0.5, 0.52, 0.52} (7/15 = 0.467 to 8/15 = 0.533), {0.95, 1, 1} (14/15 = 0.933 on).
    gaps = [abs(0 - 0.05), abs(2 - 1.54), abs(2 - 2.95)]
    report = calibration(PROBABILITIES, HITS, ClusterBootstrap([str(row) for row in range(8)]))
    assert report.ece.value == pytest.approx(sum(gaps) / 8)
    squares = [0, 0.05**2, 0.5**2, 0.52**2, 0.48**2, 0.05**2, 0, 1]
    assert report.brier.value == pytest.approx(sum(squares) / 8)
    assert [bin.n for bin in report.bins] == [2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 3]
    assert report.bins[7].confidence == pytest.approx(1.54 / 3)
    assert report.bins[7].accuracy == pytest.approx(2 / 3)
    assert report.bins[1] == ReliabilityBin(low=1 / 15, high=2 / 15, n=0, confidence=None, accuracy=None)
    for rate in (report.ece, report.brier):
        assert rate.n == 8
        assert rate.low <= rate.value <= rate.high


def test_certain_and_right_is_perfect() -> None:
    assert calibration(np.ones(5), np.ones(5), ClusterBootstrap(list("abcde"))).ece.value == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_against_a_loop_over_bins(pairs: list[tuple[float, bool]]) -> None:
    probabilities = np.array([probability for probability, _ in pairs])
    hits = np.array([float(hit) for _, hit in pairs])
    report = calibration(probabilities, hits, ClusterBootstrap([str(row) for row in range(len(pairs))], resamples=10))
    total = 0.0
    for place in range(15):
        inside = [pair for pair in pairs if place / 15 < pair[0] <= (place + 1) / 15 or (pair[0] == 0 == place)]
        total += abs(sum(probability - hit for probability, hit in inside)) / len(pairs)
    assert report.ece.value == pytest.approx(total, abs=1e-9)
    assert sum(bin.n for bin in report.bins) == len(pairs)
    for bin in report.bins:
        assert bin.confidence is None or bin.low - 1e-12 <= bin.confidence <= bin.high + 1e-12


def test_the_event_decides_whether_a_network_that_knows_the_annotators_is_calibrated() -> None:
    """Three annotators, each of whom says "blue" with 0.6: a network that says 0.6 of "blue" knows all there is."""
    generator = np.random.default_rng(1)
    answers = [tuple(np.where(generator.random(3) < 0.6, "blue", "navy")) for _ in range(20_000)]
    table = Table(answers)
    found = {
        event: evaluate(
            table, ["blue"] * len(answers), probabilities=[0.6] * len(answers), event=event
        ).report.calibration
        for event in EVENTS
    }
    annotator, in_set = found[ANOTHER_ANNOTATOR], found[IN_ANSWER_SET]
    assert annotator is not None
    assert in_set is not None
    assert (annotator.event, in_set.event) == (ANOTHER_ANNOTATOR, IN_ANSWER_SET)
    assert annotator.ece.value < 0.01
    # At least one of three says so in 1 - 0.4^3 = 0.936 of the questions.
    assert in_set.ece.value == pytest.approx(0.936 - 0.6, abs=0.01)
    # The Brier score over annotators: 0.6 (1 - 0.6)^2 + 0.4 0.6^2.
    assert annotator.brier.value == pytest.approx(0.24, abs=0.005)


def test_with_one_answer_the_events_agree() -> None:
    table, predictions = Table([("a",), ("b",), ("b",)]), ["a", "a", "b"]
    one, other = (evaluate(table, predictions, probabilities=[0.9, 0.4, 0.8], event=event).report for event in EVENTS)
    assert one.calibration is not None
    assert other.calibration is not None
    assert (one.calibration.ece, one.calibration.brier) == (other.calibration.ece, other.calibration.brier)
    with pytest.raises(ConfigError, match="unknown event 'hit'"):
        evaluate(table, predictions, probabilities=[0.9, 0.4, 0.8], event="hit")


def test_logits_and_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match=r"got 2\.5: give the softmax or sigmoid values"):
        check_probabilities([0.1, 2.5], 2)
    with pytest.raises(DataError, match="got nan"):
        check_probabilities([0.1, float("nan")], 2)
    with pytest.raises(DataError, match=r"shape \(3,\), got \(2,\)"):
        check_probabilities([0.1, 0.2], 3)
    # Rounding of float32 sums.
    assert check_probabilities(np.array([1.0000001], dtype=np.float32), 1).tolist() == [1.0]
