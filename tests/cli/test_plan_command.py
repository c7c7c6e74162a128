"""``vqa plan`` from a card, and from the predictions of one system or two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_cli_compare import PROVENANCE, predictions

from vqa.cli import cli
from vqa.evaluation.prediction_files import write_predictions

CARD = Path(__file__).parent.parent / "scoring" / "files" / "card.toml"


def plan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["plan", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Forty questions about twenty images: one system right on 20, the other on these and 4 more."""
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, right in zip(paths, (20, 24)):
        write_predictions(predictions(["a"] * right + ["x"] * (40 - right)), path, PROVENANCE)
    return paths


def test_from_a_card() -> None:
    found = json.loads(
        plan(CARD, "--difference", "0.1", "--disagreement", "0.3", "--correlation", "0", "--json", "-").stdout
    )
    assert found["pair"]["disagreement"] == 0.3
    assert found["pair"]["design_effect"] == 1
    # (1.959964 sqrt(0.3) + 0.841621 sqrt(0.3 - 0.01))^2 / 0.01 = 233.1
    assert found["questions"] == 234
    assert found["detectable"] is None
    text = plan(CARD, "--difference", "0.1").stdout
    assert "20.0 % of the questions" in text
    assert "assumed: the disagreement, and a correlation of 0.05" in text


def test_from_files(files: list[Path]) -> None:
    one = json.loads(plan(files[0], "--difference", "0.1", "--json", "-").stdout)["pair"]
    assert (one["questions"], one["images"], one["disagreement"]) == (40, 20, 0.2)
    # Both questions of each image are right, or both wrong.
    assert one["design_effect"] == pytest.approx(2 * (20 / 19) / (40 / 39))
    two = json.loads(plan(*files, "--difference", "0.1", "--json", "-").stdout)["pair"]
    assert two["disagreement"] == pytest.approx(0.1)
    assert two["known_from"] == "both measured on the two files"


def test_what_is_refused(files: list[Path]) -> None:
    for arguments in ([*files, "--disagreement", "0.1"], [files[0], "--correlation", "0.1"], [*files, files[0]]):
        assert plan(*arguments, "--difference", "0.1").exit_code == 2
    assert plan(files[0]).exit_code == 2
    refused = plan(*files, "--difference", "0.2")
    assert refused.exit_code == 1
    assert "got a disagreement of 10.0%" in refused.stderr
    assert plan("no_such_card", "--difference", "0.2").exit_code == 1
