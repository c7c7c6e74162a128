from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring.formatting import format_count, format_percent, format_rate, round_percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0000"),
        (0.9986, "0.9986"),
        (0.99995, "0.9999"),
        (math.nextafter(1.0, 0.0), "0.9999"),
        (0.12345, "0.1235"),
        (0.0, "0.0000"),
        (-0.25, "-0.2500"),
        (None, "n/a"),
        (math.nan, "n/a"),
    ],
)
def test_rates(value: float | None, text: str) -> None:
    assert format_rate(value) == text


def test_fewer_digits_do_not_reach_one_either() -> None:
    assert format_rate(0.9986, digits=2) == "0.99"
    assert format_percent(99.996) == "99.99"
    assert format_percent(100.0) == "100.00"


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 6))
def test_nothing_below_one_reads_one(value: float, digits: int) -> None:
    assert float(format_rate(value, digits)) < 1
    assert abs(float(format_rate(value, digits)) - value) <= 10.0**-digits


def test_percentages_round_halves_away_from_zero_as_python_2_did() -> None:
    # 5.625 and 2.875 are exact in binary: Python 3's round gives 5.62 and 2.88.
    assert round_percent(5.625) == 5.63
    assert round_percent(2.875) == 2.88
    # 2.675 is a little less than the half in binary.
    assert round_percent(2.675) == 2.67


def test_counts_have_separators() -> None:
    assert format_count(48061) == "48,061"
