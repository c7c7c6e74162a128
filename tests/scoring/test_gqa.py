"""GQA's scores against those of its evaluation code on made-up questions; what is not there is never 0.00."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli

NAMES = ("questions", "choices", "predictions", "scores")
FILES = {name: str(Path(__file__).parent / "files" / f"gqa_{name}.json") for name in NAMES}
VECTORS = {name: json.loads(Path(path).read_text(encoding="utf-8")) for name, path in FILES.items()}


def write(folder: Path, name: str, content: Any) -> str:
    (folder / name).write_text(json.dumps(content))
    return str(folder / name)


def score(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["score", *arguments])


def test_scores_of_the_reference_code() -> None:
    arguments = [FILES["predictions"], "--gqa-questions", FILES["questions"], "--gqa-choices", FILES["choices"]]
    found = json.loads(score(*arguments, "--json", "-").stdout)
    expected = VECTORS["scores"]
    for name in ("accuracy", "binary", "open", "consistency", "validity", "plausibility"):
        assert found[name]["value"] == pytest.approx(expected[name], abs=1e-9), name
    assert found["distribution"] == pytest.approx(expected["distribution"], abs=1e-9)
    for name in ("by_structural_type", "by_semantic_type"):
        values = {key: rate["value"] for key, rate in found[name].items()}
        assert values == pytest.approx(expected[name], abs=1e-9)
    assert found["notes"] == {}
    text = score(*arguments).stdout
    assert f"accuracy      {expected['accuracy']:.4f}" in text
    assert f"distribution  {expected['distribution']:.4f}, lower is better" in text


def test_a_missing_file_is_not_zero(tmp_path: Path) -> None:
    text = score(FILES["predictions"], "--gqa-questions", FILES["questions"]).stdout
    assert "validity      n/a  needs GQA's choices file: --gqa-choices" in text
    assert "plausibility  n/a  needs GQA's choices file" in text
    # Answers to the balanced questions alone do not say whether they are consistent.
    balanced = [each for each in VECTORS["predictions"] if VECTORS["questions"][each["questionId"]]["isBalanced"]]
    few = write(tmp_path, "few.json", balanced)
    report = json.loads(score(few, "--gqa-questions", FILES["questions"], "--json", "-").stdout)
    assert report["consistency"] is None
    assert "needs the questions that right answers entail" in report["notes"]["consistency"]
    assert report["accuracy"]["value"] == pytest.approx(VECTORS["scores"]["accuracy"], abs=1e-9)
    bare = {key: {"question": "q", "answer": "a"} for key in ("1", "2")}
    one = write(tmp_path, "one.json", [{"questionId": "1", "prediction": "a"}])
    done = score(one, "--gqa-questions", write(tmp_path, "bare.json", bare))
    assert done.exit_code == 1
    assert "missing ids: 1 (first: 2)" in done.output
    report = json.loads(score(one, "--gqa-questions", str(tmp_path / "bare.json"), "--partial", "--json", "-").stdout)
    assert (report["accuracy"]["value"], report["questions"], report["distribution"]) == (1, 1, None)
    assert set(report["notes"]) == {"consistency", "validity", "plausibility", "distribution"}


def test_wrong_files_and_usage(tmp_path: Path) -> None:
    unknown = write(tmp_path, "unknown.json", [{"questionId": "x", "prediction": "a"}])
    assert "unknown ids: 1 (first: x)" in score(unknown, "--gqa-questions", FILES["questions"]).output
    damaged = write(tmp_path, "damaged.json", {"1": {"question": "q"}})
    done = score(FILES["predictions"], "--gqa-questions", damaged)
    assert done.exit_code == 1
    assert "answer" in done.output
    assert score(FILES["predictions"], "--gqa-choices", FILES["choices"]).exit_code == 2
    wrong = score(FILES["predictions"], "--gqa-questions", FILES["questions"], "--all-protocols")
    assert wrong.exit_code == 2
    assert "--all-protocols" in wrong.output
