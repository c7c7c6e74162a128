"""Run folders to export, and the command without MXNet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vqa
from vqa.export.exporting import Exported, export_run
from vqa.features.encoders import ImageEncoder
from vqa.features.extraction import extract

Command = Callable[..., "subprocess.CompletedProcess[str]"]

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("mxnet", "gluonnlp"):
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture(scope="session")
def without_mxnet() -> Command:
    """Run Python code, or with a list of arguments the command `vqa`, where MXNet and gluonnlp cannot be imported."""

    def run(code: str | list[str], **options: object) -> subprocess.CompletedProcess[str]:
        program = code if isinstance(code, str) else f"from vqa.cli import main; main({code!r})"
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", BLOCKED + program],
            capture_output=True,
            text=True,
            check=False,
            **options,  # type: ignore[call-overload]
        )

    return run


@pytest.fixture(scope="session")
def golden_run(project: Path) -> Path:
    """A trained run on pixels, frozen."""
    return project / "tests" / "golden" / "run"


@pytest.fixture(scope="session")
def golden_card(project: Path) -> Path:
    return project / "tests" / "golden" / "card.toml"


@pytest.fixture(scope="session")
def golden_model(golden_run: Path, golden_card: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen run as an exported file."""
    path = tmp_path_factory.mktemp("golden") / "golden.onnx"
    export_run(golden_run, path, card=golden_card)
    return path


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs, a card of their features, one of the features of their grids, and a run on each."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        coarse = Image.fromarray(random.integers(0, 256, (5, 7, 3), dtype=np.uint8))
        coarse.resize((70, 50), Image.Resampling.BICUBIC).save(folder / "images" / f"{number}.png")
    lines = [f"{number},{number % 6},what is it {number % 3},{'cat' if number % 2 else 'dog'}" for number in range(24)]
    for split, chosen in (("train", lines[:12]), ("test", lines[12:])):
        (folder / f"{split}.csv").write_text("\n".join(["question_id,image_id,question,answer_1", *chosen]) + "\n")
    for kind, grid, float16 in (("features", False, True), ("regions", True, False)):
        encoder = ImageEncoder(weights="random", size=64, grid=grid)
        from vqa.data.image_sources import find_sources

        extract(find_sources(folder / "images"), folder / f"{kind}.npy", encoder, float16=float16)
        card = folder / f"{kind}.toml"
        card.write_text(
            f'name = "photographs"\nformat = "csv"\nanswers = "exact"\n[splits.train]\nfile = "train.csv"\n'
            f'[splits.test]\nfile = "test.csv"\n[images]\nkind = "{kind}"\npath = "{kind}.npy"\n'
        )
        dataset = vqa.load_dataset(card)
        preset, sizes = ("mlp", {}) if kind == "features" else ("updn", {"hidden_size": 12, "embedding_size": 8})
        network = vqa.build_network(preset, dataset, seed=2, **sizes)
        loss = vqa.MultiAnswerSoftmaxLoss()
        vqa.fit(network, dataset, loss, run_dir=folder / f"run-{kind}", epochs=2, batch_size=8, seed=1)
    return folder


@pytest.fixture(scope="session")
def photo_models(photo_folder: Path) -> dict[str, Exported]:
    """The runs on features and on regions, exported with their image encoder, by kind of image."""
    return {
        kind: export_run(photo_folder / f"run-{kind}", photo_folder / f"{kind}.onnx")
        for kind in ("features", "regions")
    }
