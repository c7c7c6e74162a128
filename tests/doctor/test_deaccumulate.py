"""deaccumulate(): whole hits come back exactly, and a log that does not fit is called so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.doctor import deaccumulate
from vqa.errors import DataError

passes = st.lists(
    st.integers(1, 30000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))),
    min_size=1,
    max_size=20,
)


def running(hits, counts):
    return np.cumsum(hits) / np.cumsum(counts)


@given(passes)
def test_the_hits_of_any_log_come_back(log):
    hits, counts = zip(*log)
    for digits in (17, 12):
        printed = [f"{value:.{digits}f}" for value in running(hits, counts)]
        undone = deaccumulate(printed, counts)
        assert undone.fits
        assert undone.hits == hits
        assert undone.accuracies == tuple(hit / count for hit, count in log)
        assert undone.verdict in ("never reset", "undecided")


@given(passes)
def test_numbers_and_text_are_alike(log):
    hits, counts = zip(*log)
    values = [float(f"{value:.12f}") for value in running(hits, counts)]
    assert deaccumulate(values, counts).hits == hits


@given(passes)
def test_few_digits_give_hits_that_the_log_allows(log):
    hits, counts = zip(*log)
    printed = [f"{value:.4f}" for value in running(hits, counts)]
    undone = deaccumulate(printed, counts)
    assert undone.fits
    assert all(0 <= hit <= count for hit, count in zip(undone.hits, counts))
    for value, text in zip(running(undone.hits, counts), printed):
        assert abs(value - float(text)) <= 0.5e-4 + 1e-6


def test_a_worked_example():
    # 5/10, then 7 more of 10: 12/20, then 16 of 20: 28/40.
    undone = deaccumulate([0.5, 0.6, 0.7], [10, 10, 20])
    assert undone.hits == (5, 7, 16)
    assert undone.accuracies == (0.5, 0.7, 0.8)
    # One digit allows anything; with more of them, 6 of 10 and 14 of 20 are whole as well: both explanations fit.
    assert undone.verdict == "undecided"
    assert "too few passes or digits" in str(undone)
    longer = deaccumulate(["0.50000000", "0.60000000", "0.70000000"], [10, 10, 20])
    assert (longer.verdict, longer.hits) == ("undecided", (5, 7, 16))
    assert "fits both" in str(longer)


def test_a_metric_that_was_reset():
    undone = deaccumulate([361 / 1024, 9447 / 21504, 391 / 1024, 10397 / 21504], [1024, 21504] * 2)
    assert (undone.verdict, undone.fits, undone.hits) == ("reset every pass", False, ())
    assert "the accuracy of its own pass" in str(undone)


def test_a_log_that_fits_nothing():
    values = [0.35253906, 0.43931996, 0.43682065, 0.478870738636]
    wrong = deaccumulate(values, [1000, 21504] * 2)
    assert (wrong.verdict, wrong.fits, wrong.hits) == ("neither", False, ())
    assert wrong.largest_distance > wrong.allowed_distance
    # What the values alone would make of it is still there: n_1 v_1 / n_1.
    assert wrong.accuracies[0] == pytest.approx(values[0])


def test_more_hits_than_samples_do_not_fit():
    # 1 of 10 after 9 of 10 would need 8 hits to be taken back.
    assert deaccumulate([0.9, 0.5], [10, 10]).hits == (9, 1)
    assert not deaccumulate([0.9, 0.05], [10, 10]).fits
    assert not deaccumulate([0.1, 0.9], [10, 10]).fits
    assert not deaccumulate([1.5], [10]).fits


def test_too_few_digits_decide_nothing():
    undone = deaccumulate(["0.67", "0.68", "0.69"], [1000, 20000, 1000])
    assert undone.verdict == "undecided"
    assert "too few" in str(undone)


def test_float32_values_fit():
    hits, counts = (361, 9536, 391, 11000), (1024, 21504, 1024, 21504)
    values = running(hits, counts).astype(np.float32).tolist()
    assert deaccumulate(values, counts).hits == hits


@pytest.mark.parametrize(
    ("values", "counts", "words"),
    [
        ([0.5], [1, 2], "1 values and 2 counts"),
        ([], [], "at least one"),
        ([0.5], [0], "counts of at least 1, got 0"),
        ([0.5], [1.5], "counts of at least 1, got 1.5"),
        (["x"], [1], "accuracies as numbers"),
        ([float("nan")], [1], "got nan"),
    ],
)
def test_what_makes_no_log(values, counts, words):
    with pytest.raises(DataError, match=words):
        deaccumulate(values, counts)
