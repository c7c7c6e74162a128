from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from vqa.cli import cli


def test_the_forum_questions(project: Path, tmp_path: Path) -> None:
    card = project / "data" / "forum.toml"
    result = CliRunner().invoke(cli, ["audit", str(card), "--json", str(tmp_path / "a.json")])
    assert result.exit_code == 0, result.output
    assert "train: 5 questions" in result.stdout
    # Four questions with three different answers and one with three equal ones: 7/15.
    assert "ceiling of per-split accuracy        0.4667" in result.stdout
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["splits"]["train"]["answers_per_question"] == [3, 3]
    assert json.loads(CliRunner().invoke(cli, ["audit", str(card), "--json", "-"]).stdout) == report


def test_errors_are_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["audit", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert result.stderr == f"Error: no such dataset card: {tmp_path / 'none.toml'}\n"
    assert CliRunner().invoke(cli, ["audit"]).exit_code == 2
