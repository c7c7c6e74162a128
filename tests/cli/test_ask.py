"""``vqa ask``: answers on stdout, unknown words on stderr, the attention painted."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from vqa.cli import cli
from vqa.evaluation.asking import Answer, check_question
from vqa.evaluation.run import Run
from vqa.nn.network import build_from_spec
from vqa.nn.spec import NetworkSpec


class Words:
    """A vocabulary that knows "what" alone."""

    def encode_question(self, text: str) -> list[int]:
        return [2 for _ in text.split()]


class SmallRun(Run):
    """Stands for a run whose network attends to a grid of four regions."""

    def __init__(self, preset: str = "updn") -> None:
        kind, shape = ("regions", (4, 5)) if preset == "updn" else ("features", (5,))
        options = {"embedding_size": 4, "hidden_size": 6} if preset == "updn" else {}
        self.network = build_from_spec(NetworkSpec(preset, 9, 3, 0, kind, shape, options))
        self.vocabulary = Words()
        self.device = "cpu"

    def ask(self, image: Any, question: str, *, top: int = 5) -> Answer:
        check_question(question)
        pairs = (("dark blue", 0.9999999), ("no", 1e-7), ("yes", 0.0))[:top]
        return Answer(question, pairs, tuple(word for word in question.split() if word != "what"), "softmax")

    def image_values(self, image: Any) -> Any:
        return np.ones((1, *self.network.spec.image_shape), dtype=np.float32)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 40), "blue").save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> SmallRun:
    run = SmallRun()
    monkeypatch.setattr("vqa.evaluation.run.load_run", lambda path, **options: run)
    return run


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ask", "runs/x", *map(str, arguments)])


def test_answers_and_unknown_words(run: SmallRun, picture: Path) -> None:
    result = ask(picture, "what zebra", "--top", "2")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "dark blue  0.9999  ██████████████████████████████",
        "no         0.0000",
    ]
    assert result.stderr == "words that runs/x has never seen: 'zebra'\n"


def test_json_has_full_precision(run: SmallRun, picture: Path) -> None:
    result = json.loads(ask(picture, "what", "--json", "-").stdout)
    assert result["probability"] == 0.9999999
    assert result["unknown_words"] == []


def test_attention_is_painted_over_the_image(run: SmallRun, picture: Path, tmp_path: Path) -> None:
    result = ask(picture, "what", "--attention", tmp_path / "where.png")
    assert result.exit_code == 0
    with Image.open(tmp_path / "where.png") as overlay:
        assert overlay.size == (320, 320)
        # All four regions are alike and have equal weight: every place is equally warm.
        assert len(overlay.getcolors()) == 1


@pytest.mark.parametrize(
    ("question", "options", "message"),
    [
        ("", [], "expected a question, got an empty text"),
        ("what " * 5000, [], "expected a question of at most 200 words, got 5000"),
        ("what", ["--attention", "where.txt"], "where.txt: expected an image file ending in .png"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    run: SmallRun, picture: Path, question: str, options: list[str], message: str
) -> None:
    result = ask(picture, question, *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_run_without_attention_says_so(monkeypatch: pytest.MonkeyPatch, picture: Path, tmp_path: Path) -> None:
    monkeypatch.setattr("vqa.evaluation.run.load_run", lambda path, **options: SmallRun("mlp"))
    result = ask(picture, "what", "--attention", tmp_path / "where.png")
    assert result.exit_code == 1
    assert "preset 'mlp' has no attention" in result.stderr
    assert not (tmp_path / "where.png").exists()


def test_what_pillow_warns_of_and_logs_over_a_damaged_image_is_not_shown(project: Path, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "TIFF")
    three_samples = struct.pack("<HHI", 277, 3, 1) + b"\x03"
    damaged = file.getvalue().replace(three_samples, three_samples[:-1] + b"\x09")[:-1]
    assert damaged != file.getvalue()[:-1]
    (tmp_path / "x.tif").write_bytes(damaged)
    run = str(project / "tests" / "golden" / "run")
    command = [sys.executable, "-m", "vqa.cli", "ask", run, str(tmp_path / "x.tif"), "what is it"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
