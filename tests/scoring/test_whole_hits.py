from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vqa.cli import cli
from vqa.errors import ConfigError
from vqa.scoring.whole_hits import whole_hits


@given(st.integers(1, 5000), st.data(), st.integers(0, 4))
def test_every_whole_number_of_hits_is_found(questions: int, data: st.DataObject, digits: int) -> None:
    hits = data.draw(st.integers(0, questions))
    assert hits in whole_hits(f"{100 * hits / questions:.{digits}f}", questions).hits


def test_by_hand() -> None:
    assert whole_hits("73.3", 15).hits == [11]
    assert whole_hits("73.5", 15).hits == []
    assert whole_hits("73.5", 15).nearest == [pytest.approx(100 * 11 / 15), 80.0]
    assert whole_hits("50", 3).hits == []
    assert whole_hits("66", 3).hits == [2]  # cut off
    assert whole_hits("67", 3).hits == [2]
    assert whole_hits("100", 7).hits == [7]
    assert whole_hits("72.5", 10_000).hits == list(range(7245, 7260))


@pytest.mark.parametrize("printed", ["abc", "101", "-1", "nan", ""])
def test_what_is_no_percentage_is_refused(printed: str) -> None:
    with pytest.raises(ConfigError, match="expected a percentage from 0 to 100"):
        whole_hits(printed, 10)


def test_the_command() -> None:
    done = CliRunner().invoke(cli, ["check-table", "72.5", "72.4", "--n", "451"])
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first == "72.5 % of 451 questions: 327 hits"
    assert second.startswith(
        "72.4 % cannot come from a whole number of hits on 451 questions (nearest: 72.2838 and 72.5055)"
    )
