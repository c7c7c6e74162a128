"""Scoring, auditing and comparing work where MXNet cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FILES = Path(__file__).parent / "files"

BLOCKED = """
import sys
sys.modules["mxnet"] = sys.modules["gluonnlp"] = None
import importlib, pkgutil
import vqa.scoring
for module in pkgutil.iter_modules(vqa.scoring.__path__):
    importlib.import_module(f"vqa.scoring.{module.name}")
from vqa.cli import main
main(sys.argv[1:])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BLOCKED, *arguments], capture_output=True, text=True, check=False)


def predictions(path: Path, answers: list[str]) -> Path:
    size = len(answers)
    frame = pd.DataFrame(
        {
            "question_id": [str(row) for row in range(size)],
            "image_id": "",
            "question": "what?",
            "answers": '["a", "b"]',
            "prediction": answers,
            "probability": 0.5,
            "top": "[]",
            "loss": "",
            "hit": 0,
            "score": "",
            "answer_type": "",
            "question_type": "",
        }
    )
    frame.to_csv(path, index=False)
    return path


def test_score() -> None:
    names = ("questions", "annotations", "results")
    done = run("score", *(part for name in names for part in (f"--{name}", str(FILES / f"{name}.json"))))
    assert (done.returncode, done.stderr) == (0, "")
    assert "overall                         65.00" in done.stdout


def test_score_with_a_card(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("score", str(FILES / "results.json"), "--data", str(FILES / "card.toml"), "--html", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert "any-of accuracy                         0.2500" in done.stdout
    assert page.stat().st_size > 10_000


@pytest.mark.parametrize("card", ["easy_vqa_3", "forum"])
def test_audit(card: str, project: Path) -> None:
    done = run("audit", str(project / "data" / f"{card}.toml"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 bad lines" in done.stdout


def test_compare(tmp_path: Path) -> None:
    first, second = predictions(tmp_path / "a.csv", ["a", "x"]), predictions(tmp_path / "b.csv", ["a", "b"])
    done = run("compare", str(first), str(second))
    third = predictions(tmp_path / "c.csv", ["x", "x"])
    ranked, planned = (
        run("compare", str(first), str(second), str(third)),
        run("plan", str(first), "--difference", "0.1"),
    )
    assert (ranked.returncode, planned.returncode) == (0, 0), ranked.stderr + planned.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert "any-of accuracy           0.5000  1.0000         +0.5000" in done.stdout


def test_the_official_score_imports_no_pandas() -> None:
    """Its import takes as long as reading and scoring twenty thousand questions."""
    script = "import sys, vqa.scoring.results, vqa.scoring.official_files; print('pandas' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_score_parquet_parts(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="the extra parts is not installed")
    for name, rows in (
        ("questions", {"question_id": [1, 2], "answers": [["a"], ["b", "b"]]}),
        ("predictions", {"question_id": [2, 1], "prediction": ["b", "x"]}),
    ):
        (tmp_path / name).mkdir()
        pd.DataFrame(rows).to_parquet(tmp_path / name / "part-0.parquet")
    done = run("score", str(tmp_path / "predictions"), "--data", str(tmp_path / "questions"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "any-of                   0.5000" in done.stdout


def test_score_by_the_files_of_gqa() -> None:
    names = ("predictions", "questions", "choices")
    answers, questions, choices = (str(FILES / f"gqa_{name}.json") for name in names)
    done = run("score", answers, "--gqa-questions", questions, "--gqa-choices", choices)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accuracy      0.5789" in done.stdout
